"""What was sent leaves its document with the next write, or by itself: once, and never too early."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from shared.contracts.envelope import Envelope, Message, StateMessage, Topic
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.consumer import POLL_MS, Consumers
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.mongo import Collection, Database, Document, insert_in_order
from shared.plumbing.outbox import LEFT_BEHIND_AFTER, OutboxRelay, stored
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.producer import Producer, ProducerUnavailableError
from shared.plumbing.records import Record
from shared.plumbing.state_relay import StateRelay
from tests.integration.plumbing.parts import Happened, Thing, envelope, running
from tests.waiting import eventually


@pytest.fixture
async def producer(kafka: str, topics: tuple[Topic, Topic]) -> AsyncIterator[Producer]:
    made = Producer(kafka, "tests")
    async with running(made.run):
        await eventually(lambda: made.connected)
        yield made


async def written(documents: Collection, clock: DatabaseClock) -> list[Document]:
    """A document with a state to tell and an event to send."""
    entries = [stored(envelope(Happened(name="a"), 1, clock))]
    now = clock.now()
    pending = {"outbox": entries, "outbox_since": now, "state_marked_at": now}
    await documents.insert_one({"_id": "a", "version": 1, **pending})
    return entries


def thing(document: Document) -> Envelope[StateMessage]:
    return Envelope(
        id=f"{document['_id']}:v{document['version']}",
        source="/tests",
        subject=document["_id"],
        time=document.get("state_marked_at", datetime.now(UTC)),
        data=Thing(name=document["_id"], version=document["version"]),
        correlation_id="c-1",
        causation_id=None,
    )


async def sent_by(relay: OutboxRelay, documents: Collection, entries: list[Document]) -> list[str]:
    """Let `relay` send, and take what it says."""
    relay.dispatch("a", entries)
    taken: list[str] = []

    def took() -> bool:
        taken.extend(relay.take("a"))
        return bool(taken)

    await eventually(took)
    return taken


async def test_whoever_writes_next_takes_along_what_was_sent(
    producer: Producer, database: Database, clock: DatabaseClock
) -> None:
    documents = database["documents"]
    entries = await written(documents, clock)
    relay = OutboxRelay(documents, producer, clock)
    async with running(relay.run):
        assert await sent_by(relay, documents, entries) == ["a:1"]
        assert relay.take("a") == ()
        (document,) = await documents.find().to_list()
        assert document["outbox"] == entries, "taken is not cleared"

        relay.give_back("a", ["a:1"])
        await eventually(lambda: documents.find_one({"_id": "a", "outbox_since": None}))


async def test_what_waits_to_be_cleared_is_cleared_when_the_process_ends(
    producer: Producer, database: Database, clock: DatabaseClock
) -> None:
    documents = database["documents"]
    entries = await written(documents, clock)
    relay = OutboxRelay(documents, producer, clock)
    async with running(relay.run):
        relay.give_back("a", await sent_by(relay, documents, entries))

    document = await documents.find_one({"_id": "a"})
    assert document is not None
    assert (document["outbox"], "outbox_since" in document) == ([], False)


async def test_one_update_clears_the_mark_and_the_events(
    producer: Producer, database: Database, clock: DatabaseClock
) -> None:
    documents = database["documents"]
    entries = await written(documents, clock)
    relay = OutboxRelay(documents, producer, clock)
    states = StateRelay(documents, thing, producer, clock, clearing=relay)
    async with running(relay.run, states.run):
        relay.give_back("a", await sent_by(relay, documents, entries))
        states.mark(["a"])
        document = await eventually(lambda: documents.find_one({"_id": "a", "state_marked_at": None}))
    assert document["outbox"] == []
    assert "outbox_since" not in document
    assert document["state_sent_at"] <= clock.now()


async def test_events_are_cleared_also_if_the_state_changes_while_it_is_sent(
    producer: Producer, database: Database, clock: DatabaseClock
) -> None:
    documents = database["documents"]
    entries = await written(documents, clock)
    relay = OutboxRelay(documents, producer, clock)

    def thing_of_the_past(document: Document) -> Envelope[StateMessage]:
        message = thing(document)
        document["version"] -= 1  # as if somebody had written the document meanwhile
        return message

    states = StateRelay(documents, thing_of_the_past, producer, clock, clearing=relay)
    async with running(relay.run, states.run):
        relay.give_back("a", await sent_by(relay, documents, entries))
        states.mark(["a"])
        document = await eventually(lambda: documents.find_one({"_id": "a", "outbox_since": None}))
        assert "state_marked_at" in document, "the newest state is not sent yet"


async def test_a_state_that_cannot_be_rendered_keeps_no_other_back(
    producer: Producer, database: Database, clock: DatabaseClock
) -> None:
    documents = database["documents"]
    await documents.insert_many([{"_id": one, "version": 1, "state_marked_at": clock.now()} for one in "abc"])

    def render(document: Document) -> Envelope[StateMessage]:
        if document["_id"] == "b":
            raise KeyError("a bug of ours")
        return thing(document)

    states = StateRelay(documents, render, producer, clock)
    async with running(states.run):
        states.mark("abc")
        await eventually(lambda: documents.find_one({"_id": "a", "state_marked_at": None}))
        await eventually(lambda: documents.find_one({"_id": "c", "state_marked_at": None}))
    kept = await documents.find_one({"_id": "b"})
    assert kept is not None
    assert "state_marked_at" in kept, "it is sent once it can be"


async def test_a_state_that_is_told_again_and_not_taken_is_told_once_more(
    producer: Producer, database: Database, clock: DatabaseClock
) -> None:
    """It has no mark any more: an older one came after it on the topic."""
    documents = database["documents"]
    await documents.insert_many([{"_id": one, "version": 2} for one in "ab"])
    tries: list[str] = []

    class Unsure:
        connected = True

        async def send(self, record: Record) -> None:
            tries.append(record.key.decode())
            if tries == ["a"]:
                raise ProducerUnavailableError

    states = StateRelay(documents, thing, cast("Producer", Unsure()), clock)
    async with running(states.run):
        states.mark("ab")
        await eventually(lambda: tries == ["a", "b", "a"])


async def test_states_that_cannot_be_rendered_leave_the_sweeper_to_others(
    producer: Producer, database: Database, clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = database["documents"]
    monkeypatch.setattr("shared.plumbing.state_relay.BATCH", 2)
    await documents.insert_many([{"_id": one, "version": 1, "state_marked_at": clock.now()} for one in "abcd"])
    tried: list[str] = []

    def render(document: Document) -> Envelope[StateMessage]:
        tried.append(document["_id"])
        if document["_id"] in "ab":  # as many as a whole batch, and first in it
            raise KeyError("a bug of ours")
        return thing(document)

    states = StateRelay(documents, render, producer, clock)
    await asyncio.wait_for(states.sweep_now(), 10)
    await asyncio.wait_for(states.sweep_now(), 10)

    left = {one["_id"] async for one in documents.find({"state_marked_at": {"$type": "date"}})}
    assert left == {"a", "b"}
    assert sorted(tried) == ["a", "b", "c", "d"], "not again at once"


async def test_what_is_dispatched_while_the_sweeper_sends_its_document_follows_at_once(
    producer: Producer, database: Database, clock: DatabaseClock
) -> None:
    documents = database["documents"]
    await written(documents, clock)
    later = stored(envelope(Happened(name="a"), 2, clock))
    let_go, sent = asyncio.Event(), list[str]()

    class Held:
        connected = True

        async def send(self, record: Record) -> None:
            sent.append(dict(record.headers)["ce_id"].decode())
            await let_go.wait()

    relay = OutboxRelay(documents, cast("Producer", Held()), clock)
    await documents.update_one({"_id": "a"}, {"$set": {"outbox_since": clock.now() - 2 * LEFT_BEHIND_AFTER}})
    async with running(relay.run, relay.sweep):
        await eventually(lambda: sent == ["a:1"])
        relay.dispatch("a", [later])
        await asyncio.sleep(0.2)
        assert sent == ["a:1"], "the newer one does not overtake"
        let_go.set()
        await eventually(lambda: sent == ["a:1", "a:2"])


async def test_documents_that_come_again_are_told_apart_and_keep_their_order(database: Database) -> None:
    entries = database["entries"]
    first = [{"_id": name} for name in "bd"]
    assert await insert_in_order(entries, first) == frozenset()

    assert await insert_in_order(entries, [{"_id": name} for name in "abcde"]) == {1, 3}
    assert await insert_in_order(entries, [{"_id": name} for name in "abcde"]) == {0, 1, 2, 3, 4}

    assert [one["_id"] async for one in entries.find().sort("$natural", 1)] == ["b", "d", "a", "c", "e"]


async def test_a_consumer_waits_for_records_in_its_poll(
    kafka: str, topics: tuple[Topic, Topic], letters: DeadLetters
) -> None:
    """FastStream's own wait sleeps a millisecond after each poll of a millisecond: a core a dozen consumers."""

    async def handle(batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        return [Outcome.DONE] * len(batch)

    made = Consumers("patient", kafka, (Subscription(topics[0], (Happened,), handle),), letters)
    async with running(made.run):
        await eventually(lambda: bool(made.progress) and made.progress[0].subscriber.consumer is not None)
        consumer = made.progress[0].subscriber.consumer
        await eventually(lambda: bool(consumer.assignment()))
        began = asyncio.get_running_loop().time()
        assert await consumer.getmany(timeout_ms=1) == {}
        assert asyncio.get_running_loop().time() - began >= timedelta(milliseconds=POLL_MS).total_seconds() / 2


class _Seen:
    """A handler that remembers what came."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def __call__(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        self.ids += [one.id for one in batch]
        return [Outcome.DONE] * len(batch)


class _Held:
    """A producer whose records get stuck on their way, for as long as one wants."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self.on_its_way = asyncio.Event()
        self.free = asyncio.Event()
        self.connected = True

    async def send(self, record: Record) -> None:
        self.on_its_way.set()
        await self.free.wait()
        await self._producer.send(record)


async def test_an_old_state_that_comes_after_a_newer_one_is_followed_by_the_newest_again(
    producer: Producer, kafka: str, topics: tuple[Topic, Topic], database: Database, clock: DatabaseClock
) -> None:
    """Else compaction would keep the old one, although the newest was told and nothing is marked any more."""
    documents = database["documents"]
    held = _Held(producer)
    slow = StateRelay(documents, thing, cast("Producer", held), clock)
    quick = StateRelay(documents, thing, producer, clock)
    await documents.insert_one({"_id": "a", "version": 1, "state_marked_at": clock.now()})
    seen = _Seen()
    letters = DeadLetters(database["dead_letters"], clock)
    reading = Consumers("tests", kafka, (Subscription(topics[1], (Thing,), seen, rest=0),), letters)

    async with running(slow.run, quick.run, reading.run):
        slow.mark(["a"])
        await held.on_its_way.wait()
        now = clock.now()
        await documents.update_one({"_id": "a"}, {"$set": {"version": 2, "state_marked_at": now}})
        quick.mark(["a"])
        await eventually(lambda: documents.find_one({"_id": "a", "state_marked_at": None}))
        held.free.set()
        await eventually(lambda: len(seen.ids) >= 3)

    assert seen.ids == ["a:v2", "a:v1", "a:v2"]
