"""The catalog, put together."""

import time

from services.catalog import store_projections
from services.catalog.api import Limits, router
from services.catalog.domain import render
from services.catalog.fetching import ManifestFetcher
from services.catalog.handlers import Counts
from services.catalog.icon_store import IconStore
from services.catalog.icons import Icons
from services.catalog.publishing import Publishing
from services.catalog.settings import CatalogSettings
from services.catalog.store import CatalogStore
from shared.contracts.catalog import AddOnPublished, AddOnUpdated, AddOnWithdrawn
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.dead_letters_api import dead_letter_router
from shared.plumbing.dead_letters_desk import DeadLetterDesk
from shared.plumbing.http import create_api
from shared.plumbing.mongo import connect
from shared.plumbing.outcomes import Subscription
from shared.plumbing.outgoing import OutgoingClient
from shared.plumbing.producer import Producer
from shared.plumbing.rate_limit import RateLimit
from shared.plumbing.service import Service
from shared.plumbing.settings import PlatformSettings
from shared.plumbing.state_relay import StateRelay
from shared.plumbing.user_tokens import UserTokens

NAME = "catalog"


def build(platform: PlatformSettings, settings: CatalogSettings) -> Service:
    """Wire the service; nothing connects yet."""
    client = connect(platform.mongo_url.get_secret_value(), app_name=f"souk-{NAME}")
    database = client[settings.mongo_database]
    clock = DatabaseClock(client)
    producer = Producer(platform.kafka_bootstrap_servers, f"souk-{NAME}")
    users = UserTokens(platform, database, clock)
    outgoing = OutgoingClient(platform.outgoing_allow, user_agent="souk-catalog")

    store = CatalogStore(database)
    listings = StateRelay(store.listings, render, producer, clock)
    publishing = Publishing(store, listings, clock, ManifestFetcher(outgoing, settings.manifest_deadline_seconds))
    icons = Icons(IconStore(database), outgoing, clock, settings.icon_deadline_seconds)
    workspaces = store_projections.workspaces(database)
    installations = store_projections.installations(database)
    health = store_projections.health(database)
    counts = Counts(store, installations, clock)
    publishes, visits = (_per_minute(count) for count in (settings.publishes_per_minute, settings.visits_per_minute))
    subscriptions = (
        Subscription(workspaces.topic, workspaces.messages, workspaces.apply),
        Subscription(installations.topic, installations.messages, counts.on_installations),
        Subscription(health.topic, health.messages, health.apply),
    )
    letters = DeadLetters(database["dead_letters"], clock)
    api = create_api(
        service=NAME,
        title="Souk catalog",
        version="1",
        settings=platform,
        routers=[
            router(publishing, store, icons, Limits(publishes, visits)),
            dead_letter_router(NAME, DeadLetterDesk(NAME, letters, subscriptions)),
        ],
        description="Add-ons: listings, manifests, visibility, search.",
    )
    api.state.verifier = users.verifier
    return Service(
        name=NAME,
        platform=platform,
        settings=settings,
        api=api,
        client=client,
        clock=clock,
        producer=producer,
        dead_letters=letters,
        produces=(AddOnPublished, AddOnUpdated, AddOnWithdrawn),
        subscriptions=subscriptions,
        projections=(workspaces, installations, health),
        states=(listings,),
        prepare=(store.prepare,),
        loops={"user-tokens": users.run},
        worker_loops={"counts": counts.run},
        close=(outgoing.close,),
    )


def _per_minute(count: int) -> RateLimit:
    return RateLimit(count / 60, count, time.monotonic)
