import secrets
from datetime import timedelta

import pytest

from shared.contracts.envelope import Topic, TopicKind
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.mongo import Database
from shared.plumbing.topics import create_topics
from tests.integration.plumbing.parts import Happened, Thing


@pytest.fixture
async def topics(kafka: str) -> tuple[Topic, Topic]:
    """An event and a state topic that no other test uses; binds the messages to them."""
    prefix = f"test{secrets.token_hex(5)}"
    event = Topic(f"{prefix}.events.v1", TopicKind.EVENT, "name", timedelta(days=1))
    state = Topic(f"{prefix}.things.v1", TopicKind.STATE, "name", None)
    await create_topics(kafka, (event, state), partitions=3, replication=1)
    Happened.topic = event
    Thing.topic = state
    return event, state


@pytest.fixture
async def letters(database: Database, clock: DatabaseClock) -> DeadLetters:
    dead_letters = DeadLetters(database["dead_letters"], clock)
    await dead_letters.prepare()
    return dead_letters
