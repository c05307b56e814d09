"""No subscriber of any service runs with FastStream's defaults: at most once, from the end of the topic."""

from typing import Any

import pytest
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from docs.alerts import SERVICES
from docs.generate import build
from shared.contracts.envelope import TopicKind
from shared.plumbing.consumer import group_id


def unsafe(subscriber: Any) -> list[str]:
    """What is wrong with a subscriber's settings."""
    arguments = subscriber._connection_args
    found = {
        "does not start at the beginning": arguments.get("auto_offset_reset") != "earliest",
        "commits by itself": arguments.get("enable_auto_commit") is not False,
        "has no group": not subscriber.group_id,
        "loses or loops on errors": subscriber.ack_policy is not AckPolicy.NACK_ON_ERROR,
        "waits too long for a dead member": arguments.get("session_timeout_ms") != 9_000,
    }
    return [fault for fault, stands in found.items() if stands]


@pytest.mark.parametrize("name", SERVICES)
async def test_every_subscriber_is_at_least_once_from_the_beginning(name: str) -> None:
    service = build(name)
    subscribers = list(service.consumers().build_broker().subscribers)

    assert [unsafe(subscriber) for subscriber in subscribers] == [[]] * len(service.subscriptions)
    groups = [group_id(name, row) for row in service.subscriptions]
    assert len(set(groups)) == len(groups)


async def test_the_guard_sees_the_defaults() -> None:
    broker = KafkaBroker("127.0.0.1:1")

    assert len(unsafe(broker.subscriber("topic"))) == 5


@pytest.mark.parametrize("name", SERVICES)
async def test_projections_feed_from_state_topics_only(name: str) -> None:
    assert {projection.topic.kind for projection in build(name).projections} <= {TopicKind.STATE}


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_writes_only_to_its_own_topics(name: str) -> None:
    assert {message.topic.owner for message in build(name).produces} == {name}
