"""Kafka as far as the installer knows it: topics that keep what they were sent, and groups that come back for it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord

from shared.plumbing.outcomes import Subscription
from shared.plumbing.producer import Producer
from shared.plumbing.records import RawRecord, Record
from tests.model.database import Network


@dataclass
class Broker:
    """One partition per topic, which is all that order within a key needs."""

    topics: dict[str, list[RawRecord]] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    """Which process a topic is assigned to."""
    sender_lives: dict[tuple[str, bytes], Callable[[], bool]] = field(default_factory=dict)
    """Of the newest record of a key: whether its sender lives, who would send again if an older version came last."""
    _news: dict[str, asyncio.Event] = field(default_factory=dict)

    def log(self, topic: str) -> list[RawRecord]:
        return self.topics.setdefault(topic, [])

    def append(self, record: Record, sender_lives: Callable[[], bool] = lambda: True) -> None:
        self.sender_lives[record.topic, record.key] = sender_lives
        log = self.log(record.topic)
        log.append(_as_read(record, len(log)))
        self.news(record.topic).set()

    def news(self, topic: str) -> asyncio.Event:
        """Set by the next record."""
        return self._news.setdefault(topic, asyncio.Event())


def _as_read(record: Record, offset: int) -> RawRecord:
    return ConsumerRecord(
        topic=record.topic,
        partition=0,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=record.key,
        value=record.value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=record.headers,
    )


class ModelProducer(Producer):
    """Of one process."""

    def __init__(
        self, broker: Broker, network: Network, connected: Callable[[], bool], lives: Callable[[], bool] = lambda: True
    ) -> None:
        self._broker = broker
        self._network = network
        self._connected = connected
        self._lives = lives

    @property
    def connected(self) -> bool:
        return self._connected()

    async def send(self, record: Record) -> None:
        await self._network.reach([lambda: self._broker.append(record, self._lives)])


@dataclass
class Member:
    """A process in the group of one subscription: reads on from what was committed whenever the topic becomes its."""

    broker: Broker
    name: str
    subscription: Subscription
    consume: Callable[[tuple[RawRecord, ...]], Coroutine[Any, Any, None]]
    commits: Callable[[], bool]
    """False: this commit does not reach the broker."""
    batch: Callable[[int], int]
    """How many of so many records a poll brings."""
    commit_first: bool = False
    """A mistake, to be found."""

    @property
    def topic(self) -> str:
        return self.subscription.topic.name

    async def run(self) -> None:
        position: int | None = None
        while True:
            if self.broker.owner.get(self.topic) != self.name:
                position = None
                await asyncio.sleep(0.3)
                continue
            if position is None:
                position = self.broker.committed.get(self.topic, 0)
            ready = self.broker.log(self.topic)[position:]
            if not ready:
                await self._wait()
                self._commit(position)
                continue
            records = tuple(ready[: self.batch(len(ready))])
            if self.commit_first:
                self._commit(position + len(records))
            try:
                await self.consume(records)
            except Exception:  # noqa: BLE001, S112 - the same batch again, as FastStream has it
                continue
            position += len(records)
            self._commit(position)

    def _commit(self, position: int) -> None:
        if self.broker.owner.get(self.topic) == self.name and self.commits():
            self.broker.committed[self.topic] = position

    async def _wait(self) -> None:
        news = self.broker.news(self.topic)
        news.clear()
        try:
            async with asyncio.timeout(1):
                await news.wait()
        except TimeoutError:
            pass
