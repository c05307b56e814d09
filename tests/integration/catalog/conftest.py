"""The catalog's API over a real database, without its ports."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from services.catalog.main import build
from services.catalog.settings import CatalogSettings
from services.catalog.store import CatalogStore
from shared.contracts.envelope import Envelope, Message
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Client, Collection, Database
from shared.plumbing.outcomes import Outcome
from shared.plumbing.service import Service
from shared.plumbing.settings import PlatformSettings
from tests.databases import Databases
from tests.users import PUBLIC_URL, trust_test_users

ALLOWED = "127.0.0.1:18331"


@dataclass
class Catalog:
    """A catalog that runs in the test."""

    service: Service
    client: httpx.AsyncClient
    clock: DatabaseClock
    database: Database

    @property
    def listings(self) -> Collection:
        return self.database["listings"]

    async def count(self, addon_key: str) -> None:
        """What the worker does for an add-on whose installations changed."""
        store = CatalogStore(self.database)
        await store.count_later([addon_key], self.clock.now())
        await store.recount()

    async def receive(self, *messages: Message) -> list[Outcome]:
        """Hand messages to the subscription of their topic, as a consumer would."""
        outcomes: list[Outcome] = []
        for message in messages:
            (subscription,) = [one for one in self.service.subscriptions if one.topic == message.topic]
            envelope = Envelope(
                id="e",
                source="/t",
                subject="s",
                time=self.clock.now(),
                data=message,
                correlation_id="c",
                causation_id=None,
            )
            batch: Sequence[Envelope[Message]] = [envelope]
            outcomes += await subscription.handle(batch)
        return outcomes


def composed(database_name: str, mongo_url: str, **fields: Any) -> Service:
    """A catalog with these settings."""
    platform = PlatformSettings(
        public_url=PUBLIC_URL,
        mongo_url=mongo_url,
        kafka_bootstrap_servers="127.0.0.1:1",
        users_jwks_url="http://127.0.0.1:1/jwks",
        outgoing_allow=ALLOWED,
    )
    settings = {"mongo_database": database_name, "publishes_per_minute": 1_000_000, **fields}
    return build(platform, CatalogSettings.model_validate(settings))


@contextlib.asynccontextmanager
async def opened(service: Service, database: Database, clock: DatabaseClock) -> AsyncIterator[Catalog]:
    """Its API, whose users are made by `tests.users`."""
    await service.prepare_database()
    trust_test_users(service.api, service.clock)
    transport = httpx.ASGITransport(service.api)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        yield Catalog(service, client, clock, database)


async def closed(service: Service) -> None:
    for step in service.close:
        await step()
    await service.client.close()


@contextlib.asynccontextmanager
async def running(database: Database, mongo_url: str, clock: DatabaseClock, **fields: Any) -> AsyncIterator[Catalog]:
    """A catalog of one test, with settings of its own."""
    service = composed(database.name, mongo_url, **fields)
    async with opened(service, database, clock) as made:
        yield made
    await closed(service)


@pytest.fixture(scope="session")
def database_name(databases: Databases) -> str:
    """There is one database only, because the service that stands knows no other."""
    return databases.standing("catalog")


@pytest.fixture
async def database(mongo: Client, databases: Databases, database_name: str) -> Database:
    """Emptied before each test."""
    return await databases.empty(mongo, database_name)


@pytest.fixture(scope="session")
async def standing(mongo_url: str, database_name: str) -> AsyncIterator[Service]:
    """A service for all tests: building one takes longer than most of them."""
    service = composed(database_name, mongo_url)
    yield service
    await closed(service)


@pytest.fixture
async def catalog(standing: Service, database: Database, clock: DatabaseClock) -> AsyncIterator[Catalog]:
    """A catalog to which nothing has happened yet."""
    async with opened(standing, database, clock) as made:
        yield made
