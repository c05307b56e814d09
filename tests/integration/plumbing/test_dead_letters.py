"""What was set aside comes back by the normal handler, and one that still cannot does not hold up the others."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.envelope import Envelope, Message, Topic, TopicKind
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.consumer import Consumers, group_id
from shared.plumbing.dead_letters import DeadLetters, Fault
from shared.plumbing.dead_letters_shapes import Which
from shared.plumbing.mongo import Database
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.producer import Producer, ProducerUnavailableError
from shared.plumbing.records import DataFault, to_record
from tests.integration.plumbing.parts import Happened, envelope, running
from tests.query_plans import watched
from tests.waiting import eventually

TOPIC = Topic("test.greetings.v1", TopicKind.EVENT, "name", timedelta(days=1))
GROUP = f"tests.{TOPIC.name}"


class Greeted(Message):
    """An event of these tests."""

    topic = TOPIC

    name: str

    def key(self) -> str:
        return self.name


class Greeter:
    """A handler that has its troubles with some names."""

    def __init__(self) -> None:
        self.troubles: dict[str, Exception] = {}
        self.greeted: list[str] = []
        self.outcome = Outcome.DONE

    async def __call__(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        for one in batch:
            if one.data.key() in self.troubles:
                raise self.troubles[one.data.key()]
            self.greeted.append(one.data.key())
        return [self.outcome] * len(batch)


def fault(offset: int, name: str, reason: str = "handler-bug") -> Fault:
    headers = {
        "ce_id": name,
        "ce_type": "Greeted",
        "ce_time": "2026-03-01T12:00:00Z",
        "ce_dataschema": "Greeted/1",
    }
    raw = tuple((key, text.encode()) for key, text in headers.items())
    value = f'{{"name": "{name}"}}'.encode()
    record = ConsumerRecord(TOPIC.name, 0, offset, 0, 0, name.encode(), value, None, 1, len(value), raw)
    return Fault(record, reason, "")


@pytest.fixture
async def letters(database: Database, clock: DatabaseClock) -> DeadLetters:
    made = DeadLetters(database["dead_letters"], clock)
    await made.prepare()
    return made


async def names(letters: DeadLetters, reason: str) -> list[str | None]:
    return sorted(letter["key"] for letter in await letters.list({"reason": reason}))


async def test_a_replay_goes_past_what_still_cannot_be_handled(letters: DeadLetters) -> None:
    greeter = Greeter()
    greeter.troubles = {"bug": ValueError(), "newer": DataFault("unknown-version", "Greeted/2")}
    await letters.store(GROUP, [fault(number, name) for number, name in enumerate(("bug", "newer", "ada", "bob"))])

    counts = await letters.replay(GROUP, Subscription(TOPIC, (Greeted,), greeter), {})

    assert counts == {"open": 2, "replayed": 2}
    assert greeter.greeted == ["ada", "bob"]
    assert await names(letters, "handler-bug") == ["bug", "newer"]


async def test_a_replay_ends_where_the_infrastructure_fails_and_goes_on_later(letters: DeadLetters) -> None:
    greeter = Greeter()
    subscription = Subscription(TOPIC, (Greeted,), greeter)
    greeter.troubles = {"ada": ProducerUnavailableError()}
    await letters.store(GROUP, [fault(0, "ada")])

    with pytest.raises(ProducerUnavailableError):
        await letters.replay(GROUP, subscription, {})
    greeter.troubles = {}

    assert await letters.replay(GROUP, subscription, {}) == {"replayed": 1}


async def test_a_start_replays_what_this_release_has_come_to_know_and_no_more(letters: DeadLetters) -> None:
    greeter = Greeter()
    greeter.troubles = {"still-newer": DataFault("unknown-version", "")}
    await letters.store(
        GROUP,
        [
            fault(0, "type", "unknown-type"),
            fault(1, "still-newer", "unknown-version"),
            fault(2, "version", "unknown-version"),
            fault(3, "bug", "handler-bug"),
        ],
    )

    await letters.replay_returning(GROUP, Subscription(TOPIC, (Greeted,), greeter))

    assert greeter.greeted == ["type", "version"]
    assert await names(letters, "unknown-version") == ["still-newer"]
    assert await names(letters, "handler-bug") == ["bug"]


async def test_a_batch_that_comes_again_sets_nothing_aside_twice(letters: DeadLetters) -> None:
    await letters.store(GROUP, [fault(0, "ada", "schema")])
    await letters.store(GROUP, [fault(0, "ada", "not-json"), fault(1, "bob")])
    await letters.store("another.group", [fault(0, "ada")])

    found = [(letter["group"], letter["offset"], letter["reason"]) for letter in await letters.list({})]
    assert sorted(found) == [("another.group", 0, "handler-bug"), (GROUP, 0, "schema"), (GROUP, 1, "handler-bug")]


async def test_a_replay_tells_what_has_been_overtaken(letters: DeadLetters) -> None:
    greeter = Greeter()
    greeter.outcome = Outcome.SUPERSEDED
    await letters.store(GROUP, [fault(0, "ada")])

    assert await letters.replay(GROUP, Subscription(TOPIC, (Greeted,), greeter), {}) == {"superseded": 1}
    assert await letters.replay(GROUP, Subscription(TOPIC, (Greeted,), greeter), {}) == {}
    (closed,) = await letters.list({}, status="superseded")
    assert closed["key"] == "ada"


async def test_two_replays_at_once_run_the_handler_once(letters: DeadLetters) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()
    handled: list[str] = []

    async def slow(batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        entered.set()
        await go_on.wait()
        handled.extend(one.data.key() for one in batch)
        return [Outcome.DONE]

    await letters.store(GROUP, [fault(0, "ada")])
    (letter_id,) = await letters.open_ids({}, 10)
    readers = {GROUP: Subscription(TOPIC, (Greeted,), slow)}
    first = asyncio.create_task(letters.replay_one(letter_id, readers, by="ada"))
    await entered.wait()

    assert await letters.replay_one(letter_id, readers, by="bob") == "busy"
    assert await letters.discard({}, "not while it is replayed") == 0
    go_on.set()
    assert await first == "replayed"
    assert await letters.replay_one(letter_id, readers, by="bob") == "closed"
    assert await letters.discard({}, "too late") == 0
    assert handled == ["ada"]


async def test_what_a_killed_replay_left_is_free_after_a_while(
    letters: DeadLetters, database: Database, clock: DatabaseClock
) -> None:
    greeter = Greeter()
    readers = {GROUP: Subscription(TOPIC, (Greeted,), greeter)}
    await letters.store(GROUP, [fault(0, "ada")])
    (letter_id,) = await letters.open_ids({}, 10)
    killed = {"claim": "killed", "claimed_until": clock.now() + timedelta(seconds=30)}
    await database["dead_letters"].update_one({}, {"$set": killed})
    assert await letters.replay_one(letter_id, readers, by="ada") == "busy"

    await database["dead_letters"].update_one({}, {"$set": {"claimed_until": clock.now()}})
    assert await letters.replay_one(letter_id, readers, by="ada") == "replayed"


async def test_who_closed_one_and_why_is_kept(letters: DeadLetters) -> None:
    greeter = Greeter()
    greeter.troubles = {"bug": ValueError()}
    await letters.store(GROUP, [fault(0, "ada"), fault(1, "bob"), fault(2, "bug")])
    await letters.replay(GROUP, Subscription(TOPIC, (Greeted,), greeter), Which(key="ada").query(), by="ada")
    await letters.discard(Which(key="bob").query(), "nobody misses it", by="carl")
    await letters.replay(GROUP, Subscription(TOPIC, (Greeted,), greeter), {}, by="ada")

    found = {one["key"]: one for one in await letters.list({}, status=None)}
    told = {key: (one["status"], one["closed_by"], one["closed_because"]) for key, one in found.items()}
    assert told == {
        "ada": ("replayed", "ada", "done"),
        "bob": ("discarded", "carl", "nobody misses it"),
        "bug": ("open", None, None),
    }
    assert (found["bug"]["tries"], found["bug"]["tried_because"]) == (1, "handler-bug: ValueError")
    assert [one["key"] for one in await letters.list({}, status="discarded")] == ["bob"]


async def test_one_without_a_reader_stays_open_and_says_so(letters: DeadLetters) -> None:
    await letters.store("gone.group", [fault(0, "ada")])
    (letter_id,) = await letters.open_ids({}, 10)

    assert await letters.replay_one(letter_id, {}, by="ada") == "open"
    found = await letters.find(letter_id)
    assert found is not None
    assert found["tried_because"].startswith("no-reader")


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Which(), {"ada", "bob", "eve"}),
        (Which(reason="schema"), {"bob"}),
        (Which(type="Greeted"), {"ada", "bob", "eve"}),
        (Which(type="Greet"), set()),
        (Which(key="ada"), {"ada"}),
        (Which(group="another.group"), {"eve"}),
        (Which(group=GROUP, topic=TOPIC.name, reason="handler-bug"), {"ada"}),
        (Which(since=datetime(2020, 1, 1, tzinfo=UTC)), {"ada", "bob", "eve"}),
        (Which(before=datetime(2020, 1, 1, tzinfo=UTC)), set()),
    ],
)
async def test_filters(letters: DeadLetters, which: Which, found: set[str]) -> None:
    await letters.store(GROUP, [fault(0, "ada"), fault(1, "bob", "schema")])
    await letters.store("another.group", [fault(0, "eve")])

    assert {one["key"] for one in await letters.list(which.query())} == found


async def test_a_page_follows_the_other_also_within_one_moment(letters: DeadLetters) -> None:
    await letters.store(GROUP, [fault(number, f"n{number}") for number in range(7)])  # all of one moment
    seen: list[str] = []
    after = None
    while page := await letters.list({}, limit=3, after=after):
        seen += [one["key"] for one in page]
        after = (datetime.fromisoformat(page[-1]["at"]), page[-1]["id"])

    assert sorted(seen) == [f"n{number}" for number in range(7)]


async def test_lists_cost_what_they_show_beside_many_closed_ones(letters: DeadLetters, database: Database) -> None:
    await letters.store(GROUP, [fault(number, f"n{number}") for number in range(500)])
    await letters.discard({}, "no use")
    await letters.store(GROUP, [fault(1000, "open")])

    async with watched(database) as plans:
        assert len(await letters.list({})) == 1
        assert len(await letters.list({}, status="discarded", limit=5)) == 5
        assert len(await letters.list({}, status=None, limit=5)) == 5
        assert len(await letters.open_ids({}, 5)) == 1
        assert await letters.count_open(1000) == {"handler-bug": 1}
    assert plans.faults("dead_letters", most=20) == []
    assert len(plans.of("dead_letters")) == 5


async def test_a_replay_beside_the_running_consumer(
    kafka: str, topics: tuple[Topic, Topic], letters: DeadLetters, clock: DatabaseClock
) -> None:
    """The handler meets its bug on real Kafka; repaired, it takes the letter while it goes on with newer records."""
    seen: list[int] = []
    broken = True

    async def handle(batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        outcomes = []
        for one in batch:
            assert isinstance(one.data, Happened)
            if broken and one.data.number == 1:
                raise ValueError("a bug")
            outcomes.append(Outcome.SUPERSEDED if one.data.number < max(seen, default=0) else Outcome.DONE)
            seen.append(one.data.number)
        return outcomes

    subscription = Subscription(topics[0], (Happened,), handle)
    consumers = Consumers("replaying", kafka, (subscription,), letters)
    producer = Producer(kafka, "tests")
    async with running(producer.run, consumers.run):
        await eventually(lambda: producer.connected)
        await producer.send(to_record(envelope(Happened(name="a", number=1), 1, clock)))
        (letter_id,) = await eventually(lambda: letters.open_ids({}, 10))
        await producer.send(to_record(envelope(Happened(name="a", number=2), 2, clock)))
        await eventually(lambda: 2 in seen)
        broken = False
        readers = {group_id("replaying", subscription): subscription}
        results = await asyncio.gather(*(letters.replay_one(letter_id, readers, by="ada") for _ in range(3)))
        await producer.send(to_record(envelope(Happened(name="a", number=3), 3, clock)))
        await eventually(lambda: 3 in seen)

    assert set(results) <= {"superseded", "busy", "closed"}
    assert results.count("superseded") == 1
    assert seen == [2, 1, 3]
