"""Consumer groups as the broker sees them: who is in them, and how far behind they are."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

log = structlog.get_logger()

PATIENCE_SECONDS = 8.0
FRESH_SECONDS = 10.0
_TRIES, _PAUSE_SECONDS = 10, 0.3


@dataclass(frozen=True, slots=True)
class Standing:
    """One group: its members, and the records that it has still to handle."""

    members: int
    behind: int


async def standings(bootstrap_servers: str, topics: Mapping[str, str]) -> dict[str, Standing]:
    """The standing of each group, given as `{group: topic}`; of topics that are missing nothing is told.

    Raises aiokafka's `KafkaError` or OSError.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        present = set(await admin.list_topics())
        wanted = {group: topic for group, topic in topics.items() if topic in present}
        described = await admin.describe_topics(sorted(set(wanted.values())))
        parts = {
            one["topic"]: [TopicPartition(one["topic"], part["partition"]) for part in one["partitions"]]
            for one in described
        }
        done = {group: await _committed(admin, group) for group in wanted}
        members = {group: await _members(admin, group) for group in wanted}
    finally:
        await admin.close()
    ends = await _ends(bootstrap_servers, [part for each in parts.values() for part in each])
    found = {}
    for group, topic in wanted.items():
        committed = {part: max(0, place.offset) for part, place in done[group].items()}
        behind = sum(max(0, ends[part][1] - max(committed.get(part, 0), ends[part][0])) for part in parts[topic])
        found[group] = Standing(members[group], behind)
    return found


async def _committed(admin: AIOKafkaAdminClient, group: str) -> Mapping[TopicPartition, Any]:
    """A cluster that has never had a group makes a place for offsets when it is first asked."""
    for _ in range(_TRIES):
        try:
            return await admin.list_consumer_group_offsets(group)  # type: ignore[no-any-return] # aiokafka has no types
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(_PAUSE_SECONDS)
    return await admin.list_consumer_group_offsets(group)  # type: ignore[no-any-return] # as above


async def _members(admin: AIOKafkaAdminClient, group: str) -> int:
    """One group at a time: of an answer about several aiokafka 0.14 reads the first one only."""
    (answer,) = await admin.describe_consumer_groups([group])
    ((_, _, _, _, _, members, *_),) = answer.groups
    return len(members)


async def _ends(bootstrap_servers: str, parts: list[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
    if not parts:
        return {}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers)
    await consumer.start()
    try:
        first, last = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
        return {part: (first[part], last[part]) for part in parts}
    finally:
        await consumer.stop()


class Groups:
    """The groups of one service. Looks at most every FRESH_SECONDS, however often it is asked."""

    def __init__(self, bootstrap_servers: str, topics: Mapping[str, str]) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = topics
        self._seen: dict[str, Standing] | None = None
        self._seen_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def now(self) -> dict[str, Standing] | None:
        """Their standings; None if Kafka does not answer."""
        async with self._one_at_a_time:
            if time.monotonic() - self._seen_at > FRESH_SECONDS:
                try:
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        self._seen = await standings(self._bootstrap_servers, self._topics)
                except (KafkaError, OSError) as exc:  # TimeoutError is an OSError
                    log.warning("groups_not_read", error=type(exc).__name__)
                    self._seen = None
                self._seen_at = time.monotonic()
            return self._seen
