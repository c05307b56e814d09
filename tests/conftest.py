"""Which infrastructure the tests run on.

`TEST_KAFKA` and `TEST_MONGO` name servers that run already; without them the local stack starts Apache Kafka
and MongoDB on free ports in a folder of its own, or, with `TEST_INFRA=containers`, testcontainers does.
"""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Client, Database, connect
from tests.infrastructure import Infrastructure, start_infrastructure


@pytest.fixture(scope="session")
def infrastructure() -> Iterator[Infrastructure]:
    """Kafka and MongoDB for the whole run."""
    with start_infrastructure() as started:
        yield started


@pytest.fixture(scope="session")
def kafka(infrastructure: Infrastructure) -> str:
    """Bootstrap address of a Kafka cluster with all topics."""
    return infrastructure.kafka


@pytest.fixture(scope="session")
def mongo_url(infrastructure: Infrastructure) -> str:
    """A MongoDB replica set."""
    return infrastructure.mongo_url


@pytest.fixture
async def mongo(mongo_url: str) -> AsyncIterator[Client]:
    """A client of this test's event loop."""
    client = connect(mongo_url, app_name="tests")
    yield client
    await client.close()


@pytest.fixture
async def database(mongo: Client) -> AsyncIterator[Database]:
    """A fresh database, dropped afterwards."""
    fresh = mongo[f"test_{secrets.token_hex(6)}"]
    yield fresh
    await mongo.drop_database(fresh.name)


@pytest.fixture
async def clock(mongo: Client) -> DatabaseClock:
    """Database time, synchronised once."""
    database_clock = DatabaseClock(mongo)
    await database_clock.synchronise()
    return database_clock


@dataclass
class FixedClock:
    """A clock that stands until it is told to move."""

    moment: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def fixed_clock() -> FixedClock:
    """2026-03-01 12:00 UTC until moved."""
    return FixedClock()
