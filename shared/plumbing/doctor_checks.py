"""What the doctor looks at in every service."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from aiokafka.errors import KafkaError

from shared.contracts.envelope import Topic
from shared.plumbing.consumer import group_id
from shared.plumbing.dead_letters import RETURNING
from shared.plumbing.doctor import Check, Finding
from shared.plumbing.groups import standings
from shared.plumbing.service import Service
from shared.plumbing.topics import create_topics, differences, missing_topics

UNSENT_AFTER = timedelta(minutes=1)
CLOCK_SECONDS = 30.0
MANY_BEHIND = 10_000
_MOST = 10_000


def checks(service: Service) -> list[Check]:
    """Those of the plumbing. They need the database, and find out about Kafka."""
    examined = _Examined(service)
    return [examined.clock, examined.kafka, examined.unsent, examined.letters]


def _topics(service: Service) -> tuple[Topic, ...]:
    """What the service reads and writes."""
    used = [message.topic for message in service.produces] + [one.topic for one in service.subscriptions]
    return tuple({topic.name: topic for topic in used}.values())


class _Examined:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._kafka = service.platform.kafka_bootstrap_servers
        self._now = service.clock.now

    async def clock(self) -> Sequence[Finding]:
        off = time.time() - self._now().timestamp()
        return [Finding("clock-off", {"seconds": round(off, 1)})] if abs(off) > CLOCK_SECONDS else []

    async def kafka(self) -> Sequence[Finding]:
        topics = _topics(self._service)
        try:
            missing = await missing_topics(self._kafka, {topic.name for topic in topics})
            there = [topic for topic in topics if topic.name not in missing]
            differing = await differences(self._kafka, there, self._service.platform.topic_partitions)
            groups = await standings(
                self._kafka, {group_id(self._service.name, one): one.topic.name for one in self._service.subscriptions}
            )
        except (KafkaError, OSError) as exc:
            return [Finding("kafka-unreachable", {"servers": self._kafka, "error": type(exc).__name__})]
        found = [Finding("topic-differs", {"topic": name, "differs": differs}) for name, differs in differing.items()]
        if missing:
            found.append(Finding("topic-missing", {"topics": sorted(missing)}, self._create_topics))
        for group, standing in groups.items():
            evidence = {"group": group, "members": standing.members, "behind": standing.behind}
            if not standing.members and standing.behind:
                found.append(Finding("group-empty", evidence))
            elif standing.behind > MANY_BEHIND:
                found.append(Finding("group-behind", evidence))
        return found

    async def unsent(self) -> Sequence[Finding]:
        found = []
        for outbox in self._service.outboxes:
            count, since = await outbox.pending(_MOST)
            if self._old(since):
                evidence = {"collection": outbox.name, "documents": count, "since": since}
                found.append(Finding("outbox-old", evidence, outbox.sweep_now))
        for state in self._service.states:
            since = await state.oldest_unsent()
            if self._old(since):
                found.append(Finding("state-unsent", {"collection": state.name, "since": since}, state.sweep_now))
        return found

    async def letters(self) -> Sequence[Finding]:
        reasons = await self._service.dead_letters.count_open(_MOST)
        if not reasons:
            return []
        fix = self._replay if set(reasons) & set(RETURNING) else None
        return [Finding("dead-letters-open", {"by_reason": reasons}, fix)]

    def _old(self, since: datetime | None) -> bool:
        return since is not None and self._now() - since > UNSENT_AFTER

    async def _create_topics(self) -> None:
        platform = self._service.platform
        await create_topics(
            self._kafka,
            _topics(self._service),
            partitions=platform.topic_partitions,
            replication=platform.topic_replication,
        )

    async def _replay(self) -> None:
        for subscription in self._service.subscriptions:
            await self._service.dead_letters.replay_returning(group_id(self._service.name, subscription), subscription)
