"""The model's broker behaves as Kafka does: the same stories to both, through the same handling of batches."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Protocol, TypeVar, cast

import pytest
from pymongo.errors import AutoReconnect

from shared.contracts.envelope import Envelope, Message, Topic, TopicKind
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.consumer import Consumers, _Batch
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.mongo import Database
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.producer import Producer, ProducerUnavailableError
from shared.plumbing.records import Record, to_record
from shared.plumbing.topics import create_topics
from tests.integration.plumbing.parts import Happened, envelope, running
from tests.model.broker import Broker, Member, ModelProducer
from tests.model.database import PerfectNetwork
from tests.waiting import eventually

T = TypeVar("T")


class Reader:
    """A handler that remembers what it has seen; the first `failures` batches meet a database that is away."""

    def __init__(self, failures: float = 0) -> None:
        self.seen: list[str] = []
        self.places: list[int] = []
        self.failures = failures
        self.tries = 0

    async def __call__(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        self.tries += 1
        if self.failures:
            self.failures -= 1
            raise AutoReconnect("away")
        self.seen += [one.id for one in batch]
        self.places += [one.position.offset for one in batch if one.position is not None]
        return [Outcome.DONE] * len(batch)


class Wire(Protocol):
    """A broker with one partition."""

    async def send(self, record: Record) -> None: ...

    def member(self, reader: Reader) -> AbstractAsyncContextManager[None]:
        """Somebody who reads for the one group of this test, until the end."""
        ...


class ModelWire:
    def __init__(self, topic: Topic, letters: DeadLetters) -> None:
        self._topic, self._letters = topic, letters
        self._broker = Broker()
        self._producer = ModelProducer(self._broker, PerfectNetwork(), lambda: True)

    async def send(self, record: Record) -> None:
        await self._producer.send(record)

    @asynccontextmanager
    async def member(self, reader: Reader) -> AsyncIterator[None]:
        subscription = Subscription(self._topic, (Happened,), reader, rest=0)
        name = secrets.token_hex(4)
        consume = _Batch("tests", subscription, self._letters).consume
        self._broker.owner[self._topic.name] = name
        one = Member(self._broker, name, subscription, consume, lambda: True, lambda ready: ready)
        async with running(one.run):
            yield


class KafkaWire:
    def __init__(self, topic: Topic, letters: DeadLetters, kafka: str, producer: Producer) -> None:
        self._topic, self._letters, self._kafka, self._producer = topic, letters, kafka, producer

    async def send(self, record: Record) -> None:
        await self._producer.send(record)

    @asynccontextmanager
    async def member(self, reader: Reader) -> AsyncIterator[None]:
        subscription = Subscription(self._topic, (Happened,), reader, rest=0)
        async with running(Consumers("tests", self._kafka, (subscription,), self._letters).run):
            yield


@pytest.fixture(params=["model", "kafka"])
async def wire(
    request: pytest.FixtureRequest, database: Database, clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Wire]:
    letters = DeadLetters(database["dead_letters"], clock)
    await letters.prepare()
    topic = Topic(f"wire{secrets.token_hex(5)}.events.v1", TopicKind.EVENT, "name", timedelta(days=1))
    monkeypatch.setattr(Happened, "topic", topic, raising=False)
    if request.param == "model":
        yield ModelWire(topic, letters)
        return
    kafka = cast("str", request.getfixturevalue("kafka"))
    await create_topics(kafka, (topic,), partitions=1, replication=1)
    producer = Producer(kafka, "tests")
    async with running(producer.run):
        await eventually(lambda: producer.connected)
        yield KafkaWire(topic, letters, kafka, producer)


async def send(wire: Wire, clock: DatabaseClock, *numbers: int) -> list[str]:
    """Their ids."""
    sent = [envelope(Happened(name="a", number=number), number, clock) for number in numbers]
    for one in sent:
        await wire.send(to_record(one))
    return [one.id for one in sent]


async def test_records_of_a_key_are_read_in_the_order_in_which_they_were_sent(wire: Wire, clock: DatabaseClock) -> None:
    sent = await send(wire, clock, *range(1, 21))
    reader = Reader()
    async with wire.member(reader):
        await eventually(lambda: len(reader.seen) == len(sent))
        later = await send(wire, clock, 21)
        await eventually(lambda: len(reader.seen) == len(sent) + 1)
    assert reader.seen == [*sent, *later]
    assert reader.places == list(range(21))


async def test_a_batch_that_could_not_be_handled_comes_again_and_nothing_before_it_or_without_it(
    wire: Wire, clock: DatabaseClock
) -> None:
    sent = await send(wire, clock, 1, 2, 3)
    reader = Reader(failures=2)
    async with wire.member(reader):
        await eventually(lambda: len(reader.seen) == len(sent))
    assert reader.seen == sent


async def test_who_comes_next_goes_on_behind_what_was_handled(wire: Wire, clock: DatabaseClock) -> None:
    first, second = Reader(), Reader()
    await send(wire, clock, 1, 2, 3)
    async with wire.member(first):
        await eventually(lambda: len(first.seen) == 3)
    sent = await send(wire, clock, 4, 5)
    async with wire.member(second):
        await eventually(lambda: len(second.seen) == 2)
    assert second.seen == sent


async def test_what_nobody_has_handled_is_left_for_who_comes_next(wire: Wire, clock: DatabaseClock) -> None:
    sent = await send(wire, clock, 1, 2)
    unlucky, second = Reader(failures=float("inf")), Reader()
    async with wire.member(unlucky):
        await eventually(lambda: unlucky.tries >= 2)
    async with wire.member(second):
        await eventually(lambda: len(second.seen) == 2)
    assert (unlucky.seen, second.seen) == ([], sent)


@pytest.mark.parametrize("kind", ["model", "kafka"])
async def test_without_a_broker_sending_says_so(
    kind: str, clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = Topic("nowhere.events.v1", TopicKind.EVENT, "name", timedelta(days=1))
    monkeypatch.setattr(Happened, "topic", topic, raising=False)

    class Away:
        async def reach(self, steps: Sequence[Callable[[], T]]) -> list[T]:
            raise ProducerUnavailableError

    producer = ModelProducer(Broker(), Away(), lambda: False) if kind == "model" else Producer("127.0.0.1:1", "tests")
    assert not producer.connected
    with pytest.raises(ProducerUnavailableError):
        await producer.send(to_record(envelope(Happened(name="a"), 1, clock)))
