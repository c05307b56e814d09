"""What is on Kafka, read as any downstream consumer could, and written as any stranger could."""

import asyncio
import json
import threading
import time
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.demo.watch import Reader
from shared.contracts.topics import ALL_TOPICS

Result = TypeVar("Result")
NAMES = tuple(topic.name for topic in ALL_TOPICS)


@dataclass(frozen=True)
class Record:
    """One record as it lies on its topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    def header(self, name: str) -> str:
        return next((raw.decode(errors="replace") for known, raw in self.headers if known == name), "")

    @property
    def type(self) -> str:
        return self.header("ce_type")

    @property
    def id(self) -> str:
        return self.header("ce_id")

    @property
    def data(self) -> dict[str, Any]:
        """The value, if it is an object."""
        try:
            found = json.loads(self.value or b"null")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Topics(Reader):
    """Remembers every record of all topics."""

    def __init__(self, bootstrap_servers: str) -> None:
        super().__init__(bootstrap_servers, NAMES)
        self._records: list[Record] = []
        self._news = threading.Condition()

    def every(self, kind: str | None = None, **fields: object) -> list[Record]:
        """Each occurrence so far, in the order of arrival, of records whose value has these fields."""
        with self._news:
            found = list(self._records)
        return [one for one in found if kind in (None, one.type) and fields.items() <= one.data.items()]

    def distinct(self, topic: str, **fields: object) -> list[Record]:
        """First occurrences on one topic, by `ce_id`."""
        first = {one.id: one for one in reversed(self.every(None, **fields)) if one.topic == topic}
        return [one for one in self.every(None, **fields) if first.get(one.id) is one]

    def wait(self, kind: str, seconds: float = 60, **fields: object) -> Record:
        """The first such record. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not (found := self.every(kind, **fields)):
            with self._news:
                if not self._news.wait(min(1.0, deadline - time.monotonic())) and time.monotonic() > deadline:
                    raise TimeoutError(f"no {kind} with {fields} within {seconds:.0f} s")
        return found[0]

    def take(self, record: Any) -> None:
        with self._news:
            self._records.append(_record(record))
            self._news.notify_all()


def _record(one: Any) -> Record:
    return Record(one.topic, one.key, one.value, tuple(one.headers))


def produce(bootstrap_servers: str, records: Iterable[Record]) -> None:
    """Write the records as they are, in their order, each with the broker's ack."""

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
            sent = [
                await producer.send(one.topic, key=one.key, value=one.value, headers=list(one.headers))
                for one in records
            ]
            await asyncio.gather(*sent)

    _run(send())


def everything_on(bootstrap_servers: str, *topics: str) -> list[Record]:
    """All that these topics hold, each partition in its order."""

    async def read() -> list[Record]:
        found: list[Record] = []
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest") as consumer:
            parts = await _parts(consumer, topics)
            ends = await consumer.end_offsets(parts)
            consumer.assign(parts)
            while any([await consumer.position(part) < ends[part] for part in parts]):
                batch = await consumer.getmany(timeout_ms=200)
                found += [_record(one) for records in batch.values() for one in records]
        return found

    return _run(read())


def behind(bootstrap_servers: str) -> dict[str, int]:
    """How many records each consumer group of a service has still to handle; those with nothing left out."""

    async def look() -> dict[str, int]:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
        await admin.start()
        try:
            groups = [name for name, _ in await admin.list_consumer_groups() if name.partition(".")[2] in NAMES]
            committed = {group: await admin.list_consumer_group_offsets(group) for group in groups}
        finally:
            await admin.close()
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers) as consumer:
            lags = {}
            for group in groups:
                parts = await _parts(consumer, [group.partition(".")[2]])
                ends = await consumer.end_offsets(parts)
                done = {part: offset.offset for part, offset in committed[group].items()}
                lags[group] = sum(end - max(0, done.get(part, 0)) for part, end in ends.items())
        return {group: lag for group, lag in lags.items() if lag}

    return _run(look())


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """In a thread of its own: a browser's driver keeps an event loop in the test's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _parts(consumer: AIOKafkaConsumer, topics: Sequence[str]) -> list[TopicPartition]:
    await consumer._client.set_topics(topics)
    return [
        TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic) or set()
    ]
