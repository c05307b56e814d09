"""Auth over a real database, without its ports. Mails are read where they wait: sealed, in the outbox."""

import base64
import functools
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from services.auth.main import build
from services.auth.settings import AuthSettings
from shared.contracts.auth import SEALED_ADDRESS, SEALED_LINK
from shared.plumbing.keys import SigningKey
from shared.plumbing.mongo import Client, Database, Document
from shared.plumbing.sealing import Sealer
from shared.plumbing.service import Service
from shared.plumbing.settings import PlatformSettings
from tests.databases import Databases
from tests.unit.auth.provider import ISSUER

PUBLIC_URL = "http://localhost:8080"
MASTER = base64.b64encode(b"m" * 32).decode()
SEALING = base64.b64encode(b"s" * 32).decode()
API = "/api/auth/v1"
PASSWORD = "correct horse battery"
OWN_PAGE = {"X-Souk-CSRF": "1", "Origin": PUBLIC_URL}
PROVIDERS: list[dict[str, Any]] = [
    {
        "id": "acme",
        "label": "Acme",
        "issuer": ISSUER,
        "client_id": "souk",
        "client_secret": "client-secret",
        "product": "acme",
        "region": "eu",
        "trusted_email": True,
        "directory_token": "acme-directory-token",
        "create_workspace_url": "https://acme.example/new",
    },
    {
        "id": "other",
        "label": "Other",
        "issuer": ISSUER,
        "client_id": "souk",
        "client_secret": "client-secret",
        "directory_token": "other-directory-token",
    },
]


def settings(**changes: Any) -> AuthSettings:
    """Cheap hashes and generous limits, unless the test is about them."""
    fields: dict[str, Any] = {
        "master_key": MASTER,
        "sealing_key": SEALING,
        "providers": PROVIDERS,
        "password_memory_kib": 8192,
        "password_passes": 1,
        "quiet_answer_seconds": 0,
        "log_ins_per_minute": 1_000_000,
        "refreshes_per_minute": 1_000_000,
        "mails_per_hour": 1_000_000,
        "codes_per_hour": 1_000_000,
        "workspaces_per_hour": 1_000_000,
        "invites_per_hour": 1_000_000,
        "changes_per_hour": 1_000_000,
        "network_requests_per_minute": 1_000_000,
    }
    return AuthSettings.model_validate(fields | changes)


@dataclass(frozen=True)
class Session:
    """What a client has after logging in."""

    user_id: str
    session_id: str
    refresh_token: str
    headers: dict[str, str]


@dataclass
class Auth:
    """Auth as its clients meet it, and the database behind it."""

    service: Service
    http: httpx.AsyncClient
    database: Database

    async def sign_up(self, email: str, password: str = PASSWORD, **more: str) -> None:
        answer = await self.http.post(f"{API}/accounts", json={"email": email, "password": password, **more})
        assert answer.status_code == 202, answer.text
        assert answer.json() == {"status": "check-your-mail"}

    async def user(self, email: str) -> Document:
        found = await self.database["users"].find_one({"email_key": email.lower()})
        assert found is not None
        return found

    async def mails(self, email: str) -> list[dict[str, Any]]:
        """All mails to this address that wait, opened, oldest first."""
        return self._opened((await self.user(email))["outbox"])

    async def mails_of(self, user_id: str) -> list[tuple[str, str, str]]:
        """Template, address and link of all mails that wait in an account's outbox, oldest first."""
        document = await self.database["users"].find_one({"_id": user_id})
        assert document is not None
        return [(mail["template"], mail["address"], mail["link"]) for mail in self._opened(document["outbox"])]

    async def link(self, user_id: str, template: str) -> str:
        """The secret of the newest mail of this template in an account's outbox."""
        found = [link for kind, _, link in await self.mails_of(user_id) if kind == template]
        return parse_qs(urlsplit(found[-1]).query)["token"][0]

    async def log_of(self, user_id: str) -> list[str]:
        """The kinds of what is in somebody's security log, log-ins left out, oldest first."""
        which = {"user_id": user_id, "kind": {"$nin": ["session-opened", "log-in-refused"]}}
        found = self.database["security_events"].find(which).sort([("at", 1), ("_id", 1)])
        return [one["kind"] async for one in found]

    async def invites(self, workspace_id: str) -> list[dict[str, Any]]:
        """All invites into this workspace that wait to be mailed, opened, oldest first."""
        found = await self.database["workspaces"].find_one({"_id": workspace_id}) or {}
        return self._opened(found.get("outbox", []))

    def _opened(self, entries: list[Document]) -> list[dict[str, Any]]:
        mails = [json.loads(entry["value"]) for entry in entries if entry["topic"] == "auth.mail.v1"]
        sealer, now = Sealer(SEALING), self.service.clock.now()
        for mail in mails:
            mail["address"] = sealer.open(mail.pop("sealed_address"), purpose=SEALED_ADDRESS, now=now)
            mail["link"] = sealer.open(mail.pop("sealed_link"), purpose=SEALED_LINK, now=now)
        return mails

    async def link_token(self, email: str) -> str:
        """The secret of the newest link mailed to this address."""
        link = str((await self.mails(email))[-1]["link"])
        return parse_qs(urlsplit(link).query)["token"][0]

    async def verify(self, token: str) -> httpx.Response:
        return await self.http.post(f"{API}/verify-email", json={"token": token})

    async def events(self, email: str) -> list[tuple[str, str | None]]:
        """Types and sequence numbers of the events that wait."""
        entries = (await self.user(email))["outbox"]
        events = [dict(entry["headers"]) for entry in entries if entry["topic"] == "auth.users.v1"]
        return [(headers["ce_type"], headers.get("seq")) for headers in events]

    async def log_in(self, email: str, password: str = PASSWORD) -> Session:
        answer = await self.http.post(f"{API}/sessions", json={"email": email, "password": password})
        assert answer.status_code == 201, answer.text
        return session_of(answer.json())

    async def person(self, email: str | None = None) -> Session:
        """Somebody with a verified account, logged in."""
        email = email or f"user-{secrets.token_hex(6)}@example.com"
        await self.sign_up(email)
        assert (await self.verify(await self.link_token(email))).status_code == 200
        return await self.log_in(email)

    async def operator(self) -> Session:
        """Somebody whom the command line made an operator."""
        email = f"operator-{secrets.token_hex(6)}@example.com"
        someone = await self.person(email)
        await self.database["users"].update_one({"_id": someone.user_id}, {"$set": {"roles": ["operator"]}})
        return await self.log_in(email)


def session_of(body: dict[str, Any]) -> Session:
    """The session in an answer."""
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    return Session(body["user"]["id"], body["session_id"], body["refresh_token"], bearer)


def platform(mongo_url: str, kafka: str = "127.0.0.1:1") -> PlatformSettings:
    """Without Kafka, unless it is given: nothing of the API waits for it."""
    return PlatformSettings.model_validate(
        {
            "public_url": PUBLIC_URL,
            "mongo_url": mongo_url,
            "kafka_bootstrap_servers": kafka,
            "users_jwks_url": "http://127.0.0.1:1/jwks",
        }
    )


@functools.cache
def first_key() -> Document:
    """As `Keyring.add` would store it."""
    kid = "users-1-tests"
    private = Sealer(MASTER).encrypt(SigningKey.generate(kid).to_pem(), purpose=f"users-signing-key:{kid}")
    return {"kid": kid, "private": private, "signs_from": datetime(2026, 1, 1, tzinfo=UTC)}


@asynccontextmanager
async def opened(service: Service, database: Database) -> AsyncIterator[Auth]:
    """The service, prepared, behind a client. Its key is made once per run: making one takes longer than most tests."""
    await database["signing_keys"].update_one({"_id": 1}, {"$setOnInsert": first_key()}, upsert=True)
    await service.prepare_database()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service.api), base_url=PUBLIC_URL) as http:
        yield Auth(service, http, database)


async def standing_as(service: Service) -> AsyncIterator[Service]:
    """A service for many tests, on the one database: building one takes longer than most of them."""
    yield service
    for step in service.close:
        await step()
    await service.client.close()


async def fresh(service: Service, database: Database) -> AsyncIterator[Auth]:
    """A service that stands, to which nothing has happened yet."""
    async with opened(service, database) as auth:
        yield auth
    await service.close[0]()  # what it has counted belongs to this test


async def started(service: Service, database: Database) -> AsyncIterator[Auth]:
    """A service of one test, with settings of its own."""
    async for standing in standing_as(service):
        async with opened(standing, database) as auth:
            yield auth


@pytest.fixture(scope="session")
def database_name(databases: Databases) -> str:
    """There is one database only, because the services that stand know no other."""
    return databases.standing("auth")


@pytest.fixture
async def database(mongo: Client, databases: Databases, database_name: str) -> Database:
    """Emptied before each test."""
    return await databases.empty(mongo, database_name)


@pytest.fixture(scope="session")
async def standing(mongo_url: str, database_name: str) -> AsyncIterator[Service]:
    async for service in standing_as(build(platform(mongo_url), settings(mongo_database=database_name))):
        yield service


@pytest.fixture
async def auth(standing: Service, database: Database) -> AsyncIterator[Auth]:
    async for one in fresh(standing, database):
        yield one


def slug(answer: httpx.Response) -> str:
    """The slug of a problem document, which must be well formed."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document: dict[str, Any] = answer.json()
    assert document["status"] == answer.status_code
    return str(document["slug"])
