"""What was set aside comes back by the normal handler, and one that still cannot does not hold up the others."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.envelope import Envelope, Message, Topic, TopicKind
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.dead_letters import DeadLetters, Fault
from shared.plumbing.mongo import Database
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.producer import ProducerUnavailableError
from shared.plumbing.records import DataFault

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
