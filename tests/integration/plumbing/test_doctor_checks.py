"""Each problem that the doctor of any service may find, found."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from services.auth.main import build
from services.auth.settings import AuthSettings
from shared.contracts.envelope import Envelope, Message, Topic
from shared.plumbing import doctor_checks
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.consumer import group_id
from shared.plumbing.doctor import KINDS, examine, mend
from shared.plumbing.mongo import Database
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.producer import Producer
from shared.plumbing.records import to_record
from shared.plumbing.service import Service
from shared.plumbing.settings import PlatformSettings
from tests.integration.plumbing.parts import Happened, Thing, envelope, running
from tests.users import PUBLIC_URL
from tests.waiting import eventually

# A broker on a busy machine may take minutes to show a new topic to everybody.
pytestmark = pytest.mark.slow
KEY = "A" * 43 + "="


async def refused(_: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
    raise AssertionError("nobody consumes here")


@pytest.fixture
async def service(
    database: Database, mongo_url: str, kafka: str, topics: tuple[Topic, Topic]
) -> AsyncIterator[Service]:
    """One that writes and reads topics of this test only."""
    platform = PlatformSettings(
        public_url=PUBLIC_URL,
        mongo_url=mongo_url,
        kafka_bootstrap_servers=kafka,
        users_jwks_url="http://127.0.0.1:1/jwks",
        topic_partitions=3,
    )
    settings = {"mongo_database": database.name, "master_key": KEY, "sealing_key": KEY}
    made = build(platform, AuthSettings.model_validate(settings))
    made = replace(made, produces=(Thing,), subscriptions=(Subscription(topics[0], (Happened,), refused),))
    await made.prepare_database()

    async def topics_are_seen() -> bool:  # brokers tell each other of new ones in their own time
        return "topic-missing" not in await found(made)

    await eventually(topics_are_seen)
    yield made
    for step in made.close:
        await step()
    await made.client.close()


async def found(service: Service) -> dict[str, Any]:
    """What the doctor of this service finds, by its name."""
    findings = {one.slug: one for one in await examine(doctor_checks.checks(service))}
    assert set(findings) <= set(KINDS)
    return findings


async def test_a_service_in_good_health_has_no_problem(service: Service) -> None:
    assert await found(service) == {}


async def test_a_clock_that_is_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = SimpleNamespace(time=lambda: service.clock.now().timestamp() + 90)
    monkeypatch.setattr("shared.plumbing.doctor_checks.time", ahead)
    assert (await found(service))["clock-off"].evidence["seconds"] == pytest.approx(90, abs=1)


async def test_a_topic_that_is_missing_is_made(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Thing, "topic", replace(Thing.topic, name=f"{Thing.topic.name}-missing"))
    findings = await found(service)
    assert set(findings) == {"topic-missing"}
    assert findings["topic-missing"].evidence == {"topics": [Thing.topic.name]}
    assert await mend(list(findings.values())) == ["topic-missing"]

    async def nothing_is_left() -> bool:  # as above
        return await found(service) == {}

    await eventually(nothing_is_left)


async def test_a_topic_that_is_kept_otherwise(service: Service, topics: tuple[Topic, Topic]) -> None:
    shorter = replace(topics[0], retention=timedelta(days=2))
    made = replace(service, subscriptions=(Subscription(shorter, (Happened,), refused),))
    finding = (await found(made))["topic-differs"]
    assert finding.evidence["topic"] == shorter.name
    assert list(finding.evidence["differs"]) == ["retention.ms"]


async def test_what_does_not_leave_the_database(service: Service, database: Database, clock: DatabaseClock) -> None:
    long_ago = clock.now() - timedelta(minutes=2)
    entry = {"id": "e", "topic": Thing.topic.name, "key": "k", "value": "{}", "headers": {}}
    await database["users"].insert_one(
        {"_id": "u", "email_key": "u", "outbox": [entry], "outbox_since": long_ago, "version": 1}
    )
    finding = (await found(service))["outbox-old"]
    assert (finding.evidence["collection"], finding.evidence["documents"]) == ("users", 1)
    async with running(service.producer.run):
        await eventually(lambda: service.producer.connected)
        assert await mend([finding]) == ["outbox-old"]
    assert await found(service) == {}


async def test_a_group_without_members_and_one_far_behind(
    service: Service, kafka: str, topics: tuple[Topic, Topic], clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer(kafka, "tests")
    async with running(producer.run):
        await eventually(lambda: producer.connected)
        await producer.send(to_record(envelope(Happened(name="a"), 1, clock)))
    empty = (await found(service))["group-empty"]
    assert (empty.evidence["members"], empty.evidence["behind"]) == (0, 1)

    monkeypatch.setattr(doctor_checks, "MANY_BEHIND", 0)
    group = group_id(service.name, service.subscriptions[0])
    slow = AIOKafkaConsumer(topics[0].name, bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await slow.start()
    try:
        behind = (await found(service))["group-behind"]
        assert (behind.evidence["members"], behind.evidence["behind"]) == (1, 1)
    finally:
        await slow.stop()
