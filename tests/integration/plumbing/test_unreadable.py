"""What strangers write to real Kafka with clients of their own: no consumer stops, and no record beside it is lost."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.contracts.envelope import Envelope, Message, Topic
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.consumer import Consumers
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.mongo import Database, Document
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.records import to_record
from tests.integration.plumbing.parts import Happened, envelope, running
from tests.records import with_checksum
from tests.waiting import eventually

PARTITIONS = range(3)


class Reader:
    """A consumer group on a topic, and what its handler got."""

    def __init__(self, kafka: str, topic: Topic, letters: DeadLetters) -> None:
        subscription = Subscription(topic, (Happened,), self.handle, rest=0)
        self.run = Consumers("tests", kafka, (subscription,), letters).run
        self.seen: list[str] = []

    async def handle(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        self.seen += [one.id for one in batch]
        return [Outcome.DONE] * len(batch)


class Stranger:
    """Writes to a topic, each time one batch to every partition."""

    def __init__(self, kafka: str, topic: Topic, clock: DatabaseClock) -> None:
        self._kafka = kafka
        self._topic = topic
        self._clock = clock

    async def write(self, *names: str, codec: str | None = None) -> None:
        """One event of each name. The one named `bad` gets a header whose name is not UTF-8."""
        async with AIOKafkaProducer(bootstrap_servers=self._kafka, compression_type=codec) as producer:
            for partition in PARTITIONS:
                batch = producer.create_batch()
                for name in names:
                    event = to_record(envelope(Happened(name=f"{name}-{partition}"), 1, self._clock))
                    headers = [*event.headers, *([("bad-name", b"")] if name == "bad" else [])]
                    assert batch.append(key=None, value=event.value, timestamp=None, headers=headers)
                batch._buffer = with_checksum(bytes(batch._build()).replace(b"bad-name", b"b\xe4d-name"))
                await (await producer.send_batch(batch, self._topic.name, partition=partition))


@pytest.fixture
def reader(kafka: str, topics: tuple[Topic, Topic], letters: DeadLetters) -> Reader:
    return Reader(kafka, topics[0], letters)


@pytest.fixture
def stranger(kafka: str, topics: tuple[Topic, Topic], clock: DatabaseClock) -> Stranger:
    return Stranger(kafka, topics[0], clock)


def ids(*names: str) -> set[str]:
    return {f"{name}-{partition}:1" for name in names for partition in PARTITIONS}


async def kept(database: Database) -> list[Document]:
    return [one async for one in database["dead_letters"].find().sort("partition", 1)]


async def test_a_header_name_that_is_not_utf_8_costs_only_its_record_and_only_once(
    stranger: Stranger, reader: Reader, database: Database
) -> None:
    await stranger.write("before", "bad", "after")
    async with running(reader.run):
        await eventually(lambda: set(reader.seen) == ids("before", "after"))
    await stranger.write("later")
    async with running(reader.run):
        await eventually(lambda: len(reader.seen) >= 9)

    assert sorted(reader.seen) == sorted(ids("before", "after", "later"))
    letters = await kept(database)
    assert [(one["partition"], one["offset"], one["reason"]) for one in letters] == [
        (partition, 1, "bad-header") for partition in PARTITIONS
    ]
    assert letters[0]["record"]["value"] == b'{"name":"bad-0","number":0}'
    assert letters[0]["record"]["headers"][-1] == [b"b\xed\xb3\xa4d-name", b""]


async def test_a_name_that_is_not_utf_8_stays_one_in_a_dead_letter(
    stranger: Stranger, reader: Reader, topics: tuple[Topic, Topic], letters: DeadLetters
) -> None:
    await stranger.write("bad", "after")
    async with running(reader.run):
        await eventually(lambda: set(reader.seen) == ids("after"))

    subscription = Subscription(topics[0], (Happened,), reader.handle)
    assert await letters.replay(f"tests.{topics[0].name}", subscription, {}) == {"open": len(PARTITIONS)}


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_records_are_read_whatever_they_are_packed_with(
    stranger: Stranger, reader: Reader, database: Database, codec: str
) -> None:
    await stranger.write(*"abc", codec=codec)

    async with running(reader.run):
        await eventually(lambda: set(reader.seen) == ids(*"abc"))
    assert await kept(database) == []


async def test_a_record_larger_than_any_document_is_set_aside_in_part(
    kafka: str, topics: tuple[Topic, Topic], database: Database, letters: DeadLetters, reader: Reader
) -> None:
    """Packed, it is small enough for the broker."""
    async with AIOKafkaProducer(
        bootstrap_servers=kafka, compression_type="zstd", max_request_size=40_000_000, max_batch_size=40_000_000
    ) as producer:
        await producer.send_and_wait(topics[0].name, b"x" * 20_000_000, headers=[("ce_type", b"Happened")])
    async with running(reader.run):
        found = await eventually(lambda: kept(database))

    assert [(one["reason"], len(one["record"]["value"])) for one in found] == [("bad-header", 2_000)]
    subscription = Subscription(topics[0], (Happened,), reader.handle)
    assert await letters.replay(f"tests.{topics[0].name}", subscription, {}) == {"open": 1}


async def test_a_consumer_that_ends_is_replaced_and_what_it_had_taken_comes_again(
    stranger: Stranger, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stranger.write("a", "b")
    poll = AIOKafkaConsumer.getmany
    taken: list[Any] = []

    async def fail_once(self: AIOKafkaConsumer, *args: Any, **options: Any) -> Any:
        found = await poll(self, *args, **options)
        if found and not taken:
            taken.append(found)
            raise RuntimeError("a bug of the client")
        return found

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", fail_once)
    async with running(reader.run):
        await eventually(lambda: set(reader.seen) == ids("a", "b"))
    assert taken
