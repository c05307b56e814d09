"""Which infrastructure the tests run on.

`TEST_KAFKA` and `TEST_MONGO` name servers that run already; without them the local stack starts Apache Kafka
and MongoDB on free ports in a folder of its own, or, with `TEST_INFRA=containers`, testcontainers does.
All workers of a run (`-n 4`) share these servers.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Client, Database, connect
from tests import workers
from tests.databases import Databases
from tests.infrastructure import Infrastructure, shared_infrastructure
from tests.tuning import tune

tune()


def pytest_configure() -> None:
    workers.begin()


def pytest_unconfigure() -> None:
    workers.end()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> workers.Files:
    return workers.Files(config, log)


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """The folder of this run, the same for all its workers, deleted at the end."""
    return Path(os.environ[workers.RUN_FOLDER])


@pytest.fixture(scope="session")
def infrastructure(run_folder: Path) -> Iterator[Infrastructure]:
    """Kafka and MongoDB for the whole run."""
    with shared_infrastructure(run_folder) as started:
        yield started


@pytest.fixture(scope="session")
def kafka(infrastructure: Infrastructure) -> str:
    """Bootstrap address of a Kafka cluster with all topics."""
    return infrastructure.kafka


@pytest.fixture(scope="session")
def mongo_url(infrastructure: Infrastructure) -> str:
    """A MongoDB replica set."""
    return infrastructure.mongo_url


@pytest.fixture(scope="session")
async def mongo(mongo_url: str) -> AsyncIterator[Client]:
    """A client that all tests of a worker share."""
    client = connect(mongo_url, app_name="tests")
    yield client
    await client.close()


@pytest.fixture(scope="session")
def databases(mongo_url: str) -> Iterator[Databases]:
    """Those of this worker."""
    made = Databases(mongo_url)
    yield made
    asyncio.run(made.drop())


@pytest.fixture
async def database(mongo: Client, databases: Databases, request: pytest.FixtureRequest) -> Database:
    """An empty database, perhaps with the indexes that tests of the same folder made."""
    return await databases.take(mongo, request.path.parent.name)


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
