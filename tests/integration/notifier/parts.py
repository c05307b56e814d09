"""A notifier in the test, a mail server of its own, and the messages of the other services."""

import asyncio
import base64
import contextlib
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import httpx
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from aiosmtpd.smtp import Envelope as Received

from services.notifier.main import build
from services.notifier.settings import NotifierSettings
from shared.contracts.auth import (
    SEALED_ADDRESS,
    SEALED_LINK,
    AccountChanged,
    Role,
    SendMail,
    WorkspaceAdmin,
    WorkspaceChanged,
)
from shared.contracts.catalog import AddOnPublished, Visibility
from shared.contracts.envelope import Envelope, Message, Position
from shared.contracts.installer import (
    AddOnHealthChanged,
    AddOnInstalled,
    Cleanup,
    InstallationChanged,
    InstallFailed,
    State,
)
from shared.contracts.installer import (
    Outcome as InstallOutcome,
)
from shared.contracts.reasons import FailureReason, Side
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database
from shared.plumbing.outcomes import Outcome
from shared.plumbing.sealing import Sealer
from shared.plumbing.service import Service
from shared.plumbing.settings import PlatformSettings
from shared.plumbing.tasks import end
from tests.users import PUBLIC_URL, bearer, new_id, trust_test_users

KEY = base64.b64encode(bytes(range(32))).decode()
SEALER = Sealer(KEY)
ADDON = "time-cards"


@dataclass
class MailBox:
    """A mail server. `answers` are given to the next mails instead of taking them."""

    taken: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None

    async def handle_DATA(self, _server: Any, _session: Any, received: Received) -> str:  # noqa: N802 - aiosmtpd's name
        """Called by aiosmtpd."""
        content = received.content
        parsed = message_from_bytes(content if isinstance(content, bytes) else b"", policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.tried.append(parsed["Message-ID"])
        if self.answers:
            return self.answers.pop(0)
        self.taken.append(parsed)
        return "250 OK"

    async def start(self, **options: Any) -> None:
        """Listen, at the port of before if there was one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="mail.test", loop=loop, **options), "127.0.0.1", self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def to(self, address: str) -> list[EmailMessage]:
        """What somebody has received."""
        return [mail for mail in self.taken if mail["To"] == address]


def only_souk(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: object) -> AuthResult:
    """An authenticator for aiosmtpd that knows one user."""
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"souk", b"correct horse")
    return AuthResult(success=good, handled=good)


def text_of(mail: EmailMessage) -> str:
    """The plain part."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


async def eventually(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The first true answer of `check`, which may be a coroutine function. Raises AssertionError when time is up."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        found = check()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < end, "it did not happen"
        await asyncio.sleep(0.02)


@dataclass
class Person:
    """Somebody with an account."""

    id: str = field(default_factory=new_id)

    @property
    def address(self) -> str:
        return f"{self.id}@example.com"


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
            seq=seq,
            position=Position(*part, self.offsets[part]),
        )

    async def tell(self, *messages: Message) -> list[Outcome]:
        """Hand over messages in new envelopes."""
        return await self.receive(*(self.envelope(one) for one in messages))

    def headers(self, person: Person, *roles: str) -> dict[str, str]:
        """Of a request by this person."""
        return bearer(person.id, self.clock.now(), *roles)


def account(person: Person, clock: DatabaseClock, version: int = 1, **fields: Any) -> AccountChanged:
    sealed = SEALER.seal(person.address, purpose=SEALED_ADDRESS, expires_at=clock.now() + timedelta(days=1))
    shown = {"verified": True, "sealed_address": sealed, **fields}
    return AccountChanged(user_id=person.id, version=version, **shown)


def workspace(
    workspace_id: str, admins: Sequence[Person], members: Sequence[Person] = (), version: int = 1, name: str = "Acme"
) -> WorkspaceChanged:
    return WorkspaceChanged(
        workspace_id=workspace_id,
        version=version,
        name=name,
        admins=tuple(WorkspaceAdmin(user_id=one.id, role=Role.ADMIN) for one in admins),
        members=tuple(one.id for one in members),
    )


def addon(publisher: Person, key: str = ADDON, visibility: Visibility = Visibility.PUBLIC) -> AddOnPublished:
    return AddOnPublished(
        addon_key=key,
        version=1,
        publisher_id=publisher.id,
        name="Time Cards",
        manifest={},
        manifest_version=1,
        visibility=visibility,
        changed_at=datetime.fromisoformat("2026-03-01T12:00:00Z"),
    )


def installation(
    installation_id: str, workspace_id: str, user: Person, version: int = 1, key: str = ADDON, **fields: Any
) -> InstallationChanged:
    moment = datetime.fromisoformat("2026-03-01T12:00:00Z")
    shown = {
        "state": State.DELIVERING,
        "outcome": InstallOutcome.PENDING,
        "cleanup": Cleanup.NONE,
        "seq": 1,
        "generation": 1,
        "requested_at": moment,
        "changed_at": moment,
        **fields,
    }
    return InstallationChanged(
        installation_id=installation_id,
        workspace_id=workspace_id,
        addon_key=key,
        user_id=user.id,
        version=version,
        **shown,
    )


def installed(user: Person, workspace_id: str, key: str = ADDON) -> AddOnInstalled:
    return AddOnInstalled(
        installation_id=new_id(),
        workspace_id=workspace_id,
        addon_key=key,
        generation=1,
        user_id=user.id,
        occurred_at=datetime.fromisoformat("2026-03-01T12:00:00Z"),
    )


def failed(user: Person, workspace_id: str, detail: str = "No seats.") -> InstallFailed:
    return InstallFailed(
        installation_id=new_id(),
        workspace_id=workspace_id,
        addon_key=ADDON,
        generation=1,
        user_id=user.id,
        occurred_at=datetime.fromisoformat("2026-03-01T12:00:00Z"),
        reason=FailureReason.ADDON_REFUSED,
        side=Side.ADDON,
        detail=detail,
    )


def send_mail(person: Person, clock: DatabaseClock, link: str, **fields: Any) -> SendMail:
    expires_at = fields.pop("expires_at", clock.now() + timedelta(hours=1))
    shown = {
        "template": "verify-email",
        "locale": "en",
        "parameters": {"display_name": "Ada"},
        "sealed_address": SEALER.seal(person.address, purpose=SEALED_ADDRESS, expires_at=expires_at),
        "sealed_link": SEALER.seal(link, purpose=SEALED_LINK, expires_at=expires_at),
        "expires_at": expires_at,
        **fields,
    }
    return SendMail(user_id=person.id, **shown)


def health(version: int, breaker: Any, since: datetime, outage: int = 1, key: str = ADDON) -> AddOnHealthChanged:
    return AddOnHealthChanged(
        addon_key=key, version=version, breaker=breaker, outage=outage, since=since, cause="timeout"
    )


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
            "notice_after_seconds": 0.3,
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


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS for a mail server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
