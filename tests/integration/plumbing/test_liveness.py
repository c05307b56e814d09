"""A process is alive while it gets on with its records, whatever else of it answers."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from shared.contracts.envelope import Envelope, Message, Topic
from shared.plumbing import liveness
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.consumer import Consumers
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.liveness import Liveness
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.producer import Producer
from shared.plumbing.records import to_record
from tests.integration.plumbing.parts import Happened, envelope, running
from tests.waiting import eventually


class Gate:
    """A handler that lets pass only while it is open."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.entered = asyncio.Event()
        self.seen: list[str] = []

    async def __call__(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        self.entered.set()
        await self.open.wait()
        self.seen += [one.id for one in batch]
        return [Outcome.DONE] * len(batch)


async def test_a_consumer_that_stands_still_before_waiting_records_is_dead_until_it_goes_on(
    kafka: str,
    topics: tuple[Topic, Topic],
    clock: DatabaseClock,
    letters: DeadLetters,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(liveness, "STALLED_AFTER", 0.2)
    gate, producer = Gate(), Producer(kafka, "tests")
    consumers = Consumers("tests", kafka, (Subscription(topics[0], (Happened,), gate, rest=0),), letters)
    probe = Liveness(consumers)

    async def alive() -> bool:
        return (await probe.check())[f"consumer:{topics[0].name}"][0]

    async def dead() -> bool:
        return not await alive()

    async with running(producer.run, consumers.run):
        await eventually(lambda: producer.connected)
        await producer.send(to_record(envelope(Happened(name="a"), 1, clock)))
        await gate.entered.wait()
        await producer.send(to_record(envelope(Happened(name="a"), 2, clock)))
        await eventually(dead)
        gate.open.set()
        await eventually(lambda: gate.seen == ["a:1", "a:2"])
        await eventually(alive)
        await asyncio.sleep(0.3)  # longer than it may stand: without records that wait, it may
        assert await alive()


async def test_a_process_is_alive_while_kafka_is_away(letters: DeadLetters, topics: tuple[Topic, Topic]) -> None:
    consumers = Consumers("tests", "127.0.0.1:1", (Subscription(topics[0], (Happened,), Gate()),), letters)
    probe = Liveness(consumers)
    async with running(consumers.run):
        await eventually(lambda: bool(consumers.progress))
        assert (await probe.check())[f"consumer:{topics[0].name}"] == (True, "not started")


async def test_a_loop_that_is_blocked_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "LOOP_LAG_LIMIT", 0.3)
    probe = Liveness()

    async def blocked() -> bool:
        return not (await probe.check())["event_loop"][0]

    async with running(probe.run):
        await asyncio.sleep(0)
        assert not await blocked()
        time.sleep(2)  # noqa: ASYNC251 - this is the fault
        await eventually(blocked)
