"""Faults of messages: members that come and go, duplicates, records out of order, whole topics once more."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from shared.contracts import topics
from shared.contracts.envelope import TopicKind
from tests.chaos.faults.kinds import Arena, Kind
from tests.e2e.topics import Record, everything_on, produce

STORM_MEMBERS = 6
STORM_SECONDS = 2.0
SOME = 200
ENOUGH = 100
TIMES = 3
# An old state record behind a newer one stays the last one of its key until all state is sent again.
PASSING = tuple(one.name for one in topics.ALL_TOPICS if one.kind is not TopicKind.STATE)
EVERY = tuple(one.name for one in topics.ALL_TOPICS)
CONSUMED = (
    "auth.installer.workspace-checks.v1",
    "installer.auth.workspace-checks.v1",
    "installer.auth.workspaces.v1",
    "notifier.installer.installations.v1",
    "notifier.auth.mail.v1",
)


async def rebalance_storm(arena: Arena) -> str:
    """Strangers join a group, are given partitions, handle nothing, and leave."""
    group = arena.random.choice(CONSUMED)
    topic = group.partition(".")[2]
    for _ in range(STORM_MEMBERS):
        stranger = AIOKafkaConsumer(
            topic,
            bootstrap_servers=arena.cluster.stack.plan.kafka,
            group_id=group,
            enable_auto_commit=False,
            session_timeout_ms=9_000,
            rebalance_timeout_ms=15_000,
        )
        with contextlib.suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(stranger.start(), 15)
            await asyncio.sleep(STORM_SECONDS)
        await stranger.stop()
    return group


def _records(arena: Arena, topic: str) -> list[Record]:
    return everything_on(arena.cluster.stack.plan.kafka, topic)


async def _some_topic(arena: Arena, of: tuple[str, ...]) -> tuple[str, list[Record]]:
    """Any that has records enough to matter; nothing sent again is no fault."""
    for topic in arena.random.sample(of, len(of)):
        records = await asyncio.to_thread(_records, arena, topic)
        if len(records) >= ENOUGH:
            return topic, records
    raise RuntimeError(f"no topic has {ENOUGH} records yet")


async def _again(arena: Arena, records: list[Record]) -> None:
    await asyncio.to_thread(produce, arena.cluster.stack.plan.kafka, records)


async def duplicates(arena: Arena) -> str:
    """Some records come again, several times."""
    topic, records = await _some_topic(arena, PASSING)
    some = arena.random.sample(records, min(SOME, len(records)))
    await _again(arena, some * TIMES)
    return f"{len(some)} records of {topic}, {TIMES} times"


async def out_of_order(arena: Arena) -> str:
    """The newest records come again, in any order."""
    topic, records = await _some_topic(arena, PASSING)
    records = records[-SOME:]
    arena.random.shuffle(records)
    await _again(arena, records)
    return f"{len(records)} records of {topic}"


async def replay(arena: Arena) -> str:
    """All of a topic comes again."""
    topic, records = await _some_topic(arena, EVERY)
    await _again(arena, records)
    return f"{len(records)} records of {topic}"


KINDS = (
    Kind("rebalance storm", "servers", rebalance_storm),
    Kind("duplicates", "servers", duplicates),
    Kind("records out of order", "servers", out_of_order),
    Kind("a whole topic again", "servers", replay, most=5),
)
