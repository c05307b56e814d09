"""How far behind a consumer group is: asked of the broker, and measured beside the consumer."""

import asyncio
from collections.abc import Sequence

from prometheus_client import REGISTRY

from shared.contracts.envelope import Envelope, Message, Topic
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.consumer import Consumers, group_id
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.groups import Groups, Standing, standings
from shared.plumbing.liveness import Liveness
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.producer import Producer
from shared.plumbing.records import to_record
from tests.integration.plumbing.parts import Happened, envelope, running
from tests.waiting import eventually


async def test_lag_and_members(
    kafka: str, topics: tuple[Topic, Topic], letters: DeadLetters, clock: DatabaseClock
) -> None:
    seen: list[str] = []

    async def handle(batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        seen.extend(one.id for one in batch)
        return [Outcome.DONE] * len(batch)

    topic = topics[0].name
    subscription = Subscription(topics[0], (Happened,), handle)
    group = group_id("lagging", subscription)
    producer = Producer(kafka, "tests")
    async with running(producer.run):
        await eventually(lambda: producer.connected)
        for number in range(3):
            await producer.send(to_record(envelope(Happened(name="a", number=number), number, clock)))
        assert await standings(kafka, {group: topic, "x.gone": "gone"}) == {group: Standing(members=0, behind=3)}

        consumers = Consumers("lagging", kafka, (subscription,), letters)
        async with running(Liveness(consumers).run, consumers.run):
            await eventually(lambda: len(seen) == 3)

            async def caught_up() -> bool:
                return await standings(kafka, {group: topic}) == {group: Standing(members=1, behind=0)}

            await eventually(caught_up)
            await eventually(lambda: gauge("souk_consumer_lag_seconds", topic) == 0)
            assert gauge("souk_consumer_started", topic) == 1
    assert (REGISTRY.get_sample_value("souk_consumer_rebalances_total", {"topic": topic}) or 0) >= 1
    assert REGISTRY.get_sample_value("souk_publish_seconds_count", {"topic": topic}) == 3


async def test_records_that_wait_for_a_handler_are_measured(
    kafka: str, topics: tuple[Topic, Topic], letters: DeadLetters, clock: DatabaseClock
) -> None:
    going_on = asyncio.Event()

    async def handle(batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        await going_on.wait()
        return [Outcome.DONE] * len(batch)

    topic = topics[0].name
    producer = Producer(kafka, "tests")
    consumers = Consumers("held", kafka, (Subscription(topics[0], (Happened,), handle),), letters)
    async with running(producer.run, Liveness(consumers).run, consumers.run):
        await producer.until_connected()
        for number in range(4):
            await producer.send(to_record(envelope(Happened(name="a", number=number), number, clock)))
        await eventually(lambda: (gauge("souk_consumer_lag_seconds", topic) or 0) > 0)
        await eventually(lambda: (gauge("souk_consumer_lag_records", topic) or 0) > 0)
        going_on.set()
        await eventually(lambda: gauge("souk_consumer_lag_records", topic) == 0)


def gauge(name: str, topic: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"topic": topic})


async def test_without_kafka_nothing_is_told() -> None:
    groups = Groups("127.0.0.1:1", {"a": "b"})

    assert await groups.now() is None
