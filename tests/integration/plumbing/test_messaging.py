"""Producing and consuming over real Kafka and MongoDB: nothing is lost, nothing blocks, nothing doubles."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer

from shared.contracts.envelope import Envelope, Message, StateMessage, Topic
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.consumer import Consumers, group_id
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.mongo import Database
from shared.plumbing.outbox import OUTBOX_INDEX, OutboxRelay, stored
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.producer import Producer, ProducerUnavailableError
from shared.plumbing.projections import Projection
from shared.plumbing.records import to_record
from shared.plumbing.state_relay import StateRelay
from tests.e2e.topics import everything_on
from tests.integration.plumbing.parts import Happened, Thing, envelope, running
from tests.waiting import eventually


class Recorder:
    """A handler that remembers; `fail` may raise."""

    def __init__(self, fail: Callable[[Sequence[Envelope[Message]]], None] = lambda _: None) -> None:
        self.seen: list[str] = []
        self.fail = fail

    async def __call__(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        self.fail(batch)
        self.seen += [one.id for one in batch]
        return [Outcome.DONE] * len(batch)


def consumers(kafka: str, topic: Topic, handle: Recorder, letters: DeadLetters, service: str = "tests") -> Consumers:
    return Consumers(service, kafka, (Subscription(topic, (Happened,), handle, rest=0),), letters)


async def lie_there(letters: DeadLetters, number: int) -> bool:
    return len(await letters.list({})) >= number


async def test_an_event_written_with_its_document_arrives_once_and_the_outbox_is_empty(
    kafka: str, topics: tuple[Topic, Topic], database: Database, clock: DatabaseClock, letters: DeadLetters
) -> None:
    documents = database["documents"]
    await documents.create_indexes([OUTBOX_INDEX])
    producer = Producer(kafka, "tests")
    relay = OutboxRelay(documents, producer, clock)
    recorder = Recorder()
    entries = [stored(envelope(Happened(name="a", number=n), n, clock)) for n in (1, 2, 3)]
    await documents.insert_one({"_id": "a", "outbox": entries, "outbox_since": clock.now()})

    async with running(producer.run, relay.run, consumers(kafka, topics[0], recorder, letters).run):
        relay.dispatch("a", entries)
        await eventually(lambda: len(recorder.seen) == 3)
        await eventually(lambda: documents.find_one({"_id": "a", "outbox": []}))

    document = await documents.find_one({"_id": "a"})
    assert document == {"_id": "a", "outbox": []}
    assert recorder.seen == ["a:1", "a:2", "a:3"]


async def test_the_sweeper_sends_what_a_killed_writer_left(
    kafka: str, topics: tuple[Topic, Topic], database: Database, clock: DatabaseClock, letters: DeadLetters
) -> None:
    documents = database["documents"]
    producer = Producer(kafka, "tests")
    relay = OutboxRelay(documents, producer, clock)
    recorder = Recorder()
    entry = stored(envelope(Happened(name="left"), 1, clock))
    await documents.insert_one({"_id": "left", "outbox": [entry], "outbox_since": clock.now() - timedelta(minutes=1)})

    async with running(producer.run, relay.sweep, consumers(kafka, topics[0], recorder, letters).run):
        await eventually(lambda: recorder.seen == ["left:1"])


async def test_a_backlog_of_many_batches_is_sent_and_cleared_without_a_pause(
    kafka: str, topics: tuple[Topic, Topic], database: Database, clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.plumbing.outbox.BATCH", 10)
    documents = database["documents"]
    producer = Producer(kafka, "tests")
    relay = OutboxRelay(documents, producer, clock)
    long_ago = clock.now() - timedelta(minutes=1)
    left = [stored(envelope(Happened(name=f"left-{n}"), 1, clock)) for n in range(35)]
    await documents.insert_many([{"_id": entry["key"], "outbox": [entry], "outbox_since": long_ago} for entry in left])

    async with running(producer.run):
        await eventually(lambda: producer.connected)
        await relay.sweep_now()

    assert await documents.count_documents({"outbox": []}) == 35
    assert {(record.key or b"").decode() for record in everything_on(kafka, topics[0].name)} == {
        one["key"] for one in left
    }


async def test_bad_records_become_dead_letters_and_the_good_ones_pass(
    kafka: str, topics: tuple[Topic, Topic], clock: DatabaseClock, letters: DeadLetters
) -> None:
    good = to_record(envelope(Happened(name="good"), 1, clock))
    headers = dict(good.headers)
    bad: list[tuple[bytes | None, dict[str, bytes]]] = [
        (b"{nonsense", headers),
        (b'{"name": 3}', headers),
        (None, headers),
        (good.value, headers | {"ce_source": b"\xff\xfe"}),
        (good.value, headers | {"ce_type": b"NeverHeardOf"}),
        (good.value, headers | {"ce_dataschema": b"Happened/2"}),
        (good.value, headers | {"ce_time": b"yesterday"}),
        (good.value, headers | {"ce_time": b"0001-01-01T00:00:00+14:00"}),
        (good.value, headers | {"ce_time": b"9999-12-31T23:59:59-14:00"}),
        (good.value, {}),
        (b"\xff\xff", headers),
    ]
    raw = AIOKafkaProducer(bootstrap_servers=kafka)
    await raw.start()
    for value, with_headers in bad:
        await raw.send_and_wait(topics[0].name, value, key=b"good", headers=list(with_headers.items()))
    await raw.send_and_wait(topics[0].name, good.value, key=b"good", headers=list(good.headers))
    await raw.stop()
    recorder = Recorder()

    async with running(consumers(kafka, topics[0], recorder, letters).run):
        await eventually(lambda: recorder.seen == ["good:1"])
        await eventually(lambda: lie_there(letters, len(bad)))

    reasons = sorted(letter["reason"] for letter in await letters.list({}))
    assert reasons == sorted(
        [
            *("not-json", "schema", "null-value", "bad-header", "unknown-type", "unknown-version", "bad-header"),
            *("unknown-type", "not-json", "bad-header", "bad-header"),
        ]
    )


async def test_a_database_that_is_away_delays_the_batch_and_dead_letters_nothing(
    kafka: str, topics: tuple[Topic, Topic], clock: DatabaseClock, letters: DeadLetters
) -> None:
    failures = 0

    def fail(_: Sequence[Envelope[Message]]) -> None:
        nonlocal failures
        failures += 1
        if failures <= 2:
            raise ProducerUnavailableError

    recorder = Recorder(fail)
    producer = Producer(kafka, "tests")
    async with running(producer.run, consumers(kafka, topics[0], recorder, letters).run):
        await eventually(lambda: producer.connected)
        for number in (1, 2, 3):
            await producer.send(to_record(envelope(Happened(name="w", number=number), number, clock)))
        await eventually(lambda: set(recorder.seen) == {"w:1", "w:2", "w:3"})

    assert failures >= 3
    assert await letters.list({}) == []


async def test_a_handler_bug_costs_only_the_record_that_meets_it_and_replay_mends_it(
    kafka: str, topics: tuple[Topic, Topic], clock: DatabaseClock, letters: DeadLetters
) -> None:
    def fail(batch: Sequence[Envelope[Message]]) -> None:
        if any(isinstance(one.data, Happened) and one.data.number == 13 for one in batch):
            raise ValueError("a bug")

    recorder = Recorder(fail)
    producer = Producer(kafka, "tests")
    async with running(producer.run):
        await eventually(lambda: producer.connected)
        await asyncio.gather(
            *(producer.send(to_record(envelope(Happened(name="b", number=n), n, clock))) for n in range(10, 20))
        )
    async with running(consumers(kafka, topics[0], recorder, letters).run):
        await eventually(lambda: len(recorder.seen) == 9)
        await eventually(lambda: lie_there(letters, 1))
    (letter,) = await letters.list({})
    assert letter["reason"] == "handler-bug"

    recorder.fail = lambda _: None
    subscription = Subscription(topics[0], (Happened,), recorder)
    group = group_id("tests", subscription)
    assert await letters.replay(group, subscription, {}) == {"replayed": 1}
    assert await letters.replay(group, subscription, {}) == {}
    assert recorder.seen[-1] == "b:13"


async def test_state_is_sent_from_the_document_and_the_projection_keeps_the_newest(
    kafka: str, topics: tuple[Topic, Topic], database: Database, clock: DatabaseClock, letters: DeadLetters
) -> None:
    things = database["things"]

    def render(document: dict[str, object]) -> Envelope[StateMessage]:
        message = Thing(
            name=str(document["_id"]), version=int(str(document["version"])), colour=str(document["colour"])
        )
        return Envelope(
            id=f"{message.name}:{message.version}",
            source="/tests",
            subject=message.name,
            time=clock.now(),
            data=message,
            correlation_id="c",
            causation_id=None,
        )

    producer = Producer(kafka, "tests")
    relay = StateRelay(things, render, producer, clock)
    projection = Projection(database, "seen_things", topics[1], (Thing,))
    service = Consumers("tests", kafka, (Subscription(topics[1], (Thing,), projection.apply, rest=0),), letters)
    await things.insert_one({"_id": "t", "version": 1, "colour": "red", "state_marked_at": clock.now()})

    async with running(producer.run, relay.run, service.run):
        relay.mark(["t"])
        await eventually(lambda: projection.collection.find_one({"_id": "t"}))
        await things.update_one(
            {"_id": "t"}, {"$set": {"version": 2, "colour": "blue", "state_marked_at": clock.now()}}
        )
        relay.mark(["t"])
        await eventually(lambda: projection.collection.find_one({"_id": "t", "colour": "blue"}))

    document = await things.find_one({"_id": "t"})
    assert document is not None
    assert "state_marked_at" not in document
    old = envelope(Thing(name="t", version=1, colour="red"), 1, clock)
    assert await projection.apply([old]) == [Outcome.SUPERSEDED]

    await projection.collection.delete_many({})
    assert await projection.rebuild(kafka) >= 1
    kept = await projection.collection.find_one({"_id": "t"})
    assert kept is not None
    assert kept["colour"] == "blue"


async def test_every_subscriber_is_safe_against_the_defaults_of_faststream(
    kafka: str, topics: tuple[Topic, Topic], letters: DeadLetters
) -> None:
    service = consumers(kafka, topics[0], Recorder(), letters)
    for subscriber in service.build_broker().subscribers:
        arguments = subscriber._connection_args  # type: ignore[attr-defined] # FastStream keeps it private
        assert arguments["auto_offset_reset"] == "earliest"
        assert arguments["enable_auto_commit"] is False
        assert subscriber.group_id == f"tests.{topics[0].name}"  # type: ignore[attr-defined] # as above
