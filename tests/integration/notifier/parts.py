"""A notifier that works in the test."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from services.notifier.main import build
from services.notifier.settings import NotifierSettings
from shared.contracts.envelope import Envelope, Message, Position
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database
from shared.plumbing.outcomes import Outcome
from shared.plumbing.service import Service
from shared.plumbing.settings import PlatformSettings
from shared.plumbing.tasks import end
from tests.integration.notifier.mailbox import MailBox
from tests.integration.notifier.messages import KEY, Person
from tests.users import PUBLIC_URL, bearer, trust_test_users


@dataclass
class Notifier:
    """A notifier that works in the test; messages are handed to it as a consumer would."""

    service: Service
    client: httpx.AsyncClient
    database: Database
    clock: DatabaseClock
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)

    async def receive(self, *envelopes: Envelope[Message]) -> list[Outcome]:
        """Hand over one batch per topic."""
        by_topic: dict[str, list[Envelope[Message]]] = {}
        for one in envelopes:
            by_topic.setdefault(one.data.topic.name, []).append(one)
        outcomes: list[Outcome] = []
        for topic, batch in by_topic.items():
            (subscription,) = [one for one in self.service.subscriptions if one.topic.name == topic]
            outcomes += await subscription.handle(batch)
        return outcomes

    def envelope(
        self, message: Message, *, event_id: str | None = None, age: timedelta = timedelta(), seq: int | None = None
    ) -> Envelope[Message]:
        """The message as read from a partition that its key decides."""
        part = (message.topic.name, sum(message.key().encode()) % 3)
        self.offsets[part] = self.offsets.get(part, -1) + 1
        return Envelope(
            id=event_id or secrets.token_hex(8),
            source="/tests",
            subject=message.key(),
            time=self.clock.now() - age,
            data=message,
            correlation_id="c-1",
            causation_id=None,
            seq=seq,
            position=Position(*part, self.offsets[part]),
        )

    async def tell(self, *messages: Message) -> list[Outcome]:
        """Hand over messages in new envelopes."""
        return await self.receive(*(self.envelope(one) for one in messages))

    def headers(self, person: Person, *roles: str) -> dict[str, str]:
        """Of a request by this person."""
        return bearer(person.id, self.clock.now(), *roles)


def platform(mongo_url: str, **fields: Any) -> PlatformSettings:
    return PlatformSettings.model_validate(
        {
            "public_url": PUBLIC_URL,
            "mongo_url": mongo_url,
            "kafka_bootstrap_servers": "127.0.0.1:1",
            "users_jwks_url": "http://127.0.0.1:1/jwks",
            **fields,
        }
    )


@contextlib.asynccontextmanager
async def notifier(
    database: Database,
    mongo_url: str,
    mailbox: MailBox,
    *,
    working: bool = True,
    kafka: str = "127.0.0.1:1",
    **fields: Any,
) -> AsyncIterator[Notifier]:
    """A notifier on `database`, its workers running. Nothing is produced or consumed by itself."""
    settings = NotifierSettings.model_validate(
        {
            "mongo_database": database.name,
            "sealing_key": KEY,
            "smtp_host": "127.0.0.1",
            "smtp_port": mailbox.port or 1,
            "smtp_security": "none",
            "smtp_timeout_seconds": 2,
            "mail_from": "Souk <no-reply@souk.example>",
            "digest_wait_seconds": 0,
            "digest_every_seconds": 1,
            "notice_after_seconds": 1,
            "clear_after_seconds": 0.3,
            "feedback_per_hour": 3,
            **fields,
        }
    )
    service = build(platform(mongo_url, kafka_bootstrap_servers=kafka), settings)
    await service.prepare_database()
    trust_test_users(service.api, service.clock)
    loops = [service.loops["live"], *(service.worker_loops.values() if working else ())]
    tasks = [asyncio.ensure_future(loop()) for loop in loops]
    transport = httpx.ASGITransport(service.api)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            yield Notifier(service, client, database, service.clock)
    finally:
        # A connection that the driver is opening when its task ends is left to the garbage collector, which warns.
        await asyncio.sleep(0.1)
        await end(*tasks)
        await service.client.close()
