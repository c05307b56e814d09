"""Watching the topics as any downstream consumer could: a group of its own, no knowledge of the services."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from aiokafka import AIOKafkaConsumer

HEARTBEAT_SECONDS = 10.0
TOPICS = ("auth.users.v1", "installer.installations.v1", "notifier.notices.v1")


@dataclass(frozen=True)
class Seen:
    """One record as it came."""

    topic: str
    type: str
    id: str
    value: dict[str, Any]


class Reader:
    """Reads topics from their ends on, in a thread, while inside `with`. `take` is given every record, in that thread.

    Raises TimeoutError where Kafka cannot be read.
    """

    def __init__(self, bootstrap_servers: str, topics: Sequence[str]) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = topics
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read()), daemon=True)

    def take(self, record: Any) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(60):
            raise TimeoutError("Kafka could not be read within 60 s")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            *self._topics, bootstrap_servers=self._bootstrap_servers, auto_offset_reset="latest"
        )
        await consumer.start()
        try:
            await consumer.seek_to_end()
            for part in consumer.assignment():
                await consumer.position(part)
            self._ready.set()
            while not self._stop.is_set():
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        self.take(record)
        finally:
            await consumer.stop()


class TopicWatcher(Reader):
    """Remembers everything by `ce_id`."""

    def __init__(
        self, bootstrap_servers: str, tell: Callable[[Seen], None], waiting: Callable[[str], None] = lambda _: None
    ) -> None:
        super().__init__(bootstrap_servers, TOPICS)
        self._tell = tell
        self._waiting = waiting
        self._records: list[Seen] = []
        self._known: set[str] = set()
        self._news = threading.Condition()

    def wait(self, event_type: str, seconds: float = 60, **fields: str) -> Seen:
        """The first record of this type whose value has these fields. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                for record in self._records:
                    if record.type == event_type and fields.items() <= record.value.items():
                        return record
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no {event_type} with {fields} within {seconds:.0f} s")
                if not self._news.wait(min(left, HEARTBEAT_SECONDS)):
                    self._waiting(f"for {event_type}, {left:.0f} s at most")

    def of(self, **fields: str) -> list[Seen]:
        """Every record whose value has these fields, in the order of arrival, without duplicates."""
        with self._news:
            return [record for record in self._records if fields.items() <= record.value.items()]

    def take(self, record: Any) -> None:
        """Remember it, and tell."""
        headers = {name: raw.decode() for name, raw in record.headers}
        if record.value is None or headers.get("ce_id", "") in self._known:
            return
        self._known.add(headers["ce_id"])
        seen = Seen(record.topic, headers["ce_type"], headers["ce_id"], json.loads(record.value))
        with self._news:
            self._records.append(seen)
            self._news.notify_all()
        self._tell(seen)
