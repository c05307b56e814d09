"""A whole installer against real Kafka and MongoDB, with an auth and an add-on of the tests."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts import topics
from shared.contracts.installer import AddOnInstalled, AddOnUninstalled, InstallFailed, InstallRequested
from shared.plumbing.mongo import Database, Document
from shared.plumbing.records import from_record
from tests.integration.installer.running import InstallerProcess, jwks_address, settings
from tests.integration.installer.stubs import (
    Publisher,
    StubAddOn,
    StubAuth,
    answering_auth,
    kafka_producer,
    stub_addon,
    tail,
)
from tests.users import bearer, new_id
from tests.waiting import PATIENCE_SECONDS, eventually

EVENTS = (InstallRequested, AddOnInstalled, InstallFailed, AddOnUninstalled)
# Fast enough for a test, in the proportions of the defaults.
QUICK = {
    "INSTALLER_RETRY_SCHEDULE": "0,0.3,0.6,1",
    "INSTALLER_CLEANUP_SCHEDULE": "0,0.3,0.6,1",
    "INSTALLER_CALL_DEADLINE": "10",  # an add-on in the process of a busy test may take a while
    "INSTALLER_LEASE": "4",
    "INSTALLER_POLL_INTERVAL": "0.1",
    "INSTALLER_BREAKER_SPAN": "0.5",
    "INSTALLER_BREAKER_FIRST_PROBE": "0.5",
    "INSTALLER_BREAKER_PROBE_INTERVAL": "1",
}


@dataclass
class World:
    """What a test holds in its hands."""

    database: Database
    env: dict[str, str]
    log: Path
    publisher: Publisher
    auth: StubAuth
    addon: StubAddOn
    events: AIOKafkaConsumer
    stack: AsyncExitStack
    user: str = field(default_factory=new_id)
    addon_key: str = field(default_factory=lambda: f"addon-{secrets.token_hex(4)}")
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=PATIENCE_SECONDS))
    installers: list[InstallerProcess] = field(default_factory=list)
    seen: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    async def start(self, role: str = "all", **env: str) -> InstallerProcess:
        installer = InstallerProcess(self.env | QUICK | env, self.log, role)
        self.installers.append(installer)
        await installer.start()
        return installer

    async def known(self, *workspace_ids: str, **addon: Any) -> None:
        """Publish account, workspaces and add-on, and wait until the installer knows them."""
        await self.publisher.account(self.user)
        await self.publisher.workspaces(self.user, *workspace_ids)
        await self.publisher.addon(self.addon_key, self.addon.base_url, **addon)

        async def there() -> bool:
            found = self.database["workspaces"].count_documents({"_id": {"$in": list(workspace_ids)}})
            known = await self.database["addons"].find_one({"_id": self.addon_key})
            account = await self.database["accounts"].find_one({"_id": self.user})
            return await found == len(workspace_ids) and known is not None and account is not None

        await eventually(there)

    async def ask(
        self, installer: InstallerProcess, workspace_id: str, key: str | None = None, **body: Any
    ) -> httpx.Response:
        return await self.http.post(
            f"{installer.url}/api/installer/v1/installations",
            json={"workspace_id": workspace_id, "addon_key": self.addon_key, **body},
            headers=bearer(self.user, datetime.now(UTC)) | {"Idempotency-Key": key or secrets.token_hex(8)},
        )

    async def uninstall(self, installer: InstallerProcess, installation_id: str) -> httpx.Response:
        return await self.http.delete(
            f"{installer.url}/api/installer/v1/installations/{installation_id}",
            headers=bearer(self.user, datetime.now(UTC)),
        )

    async def install(self, installer: InstallerProcess, workspace_id: str, **body: Any) -> str:
        answer = await self.ask(installer, workspace_id, **body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def document(self, installation_id: str) -> Document:
        found = await self.database["installations"].find_one({"_id": installation_id})
        assert found is not None
        return found

    async def reaches(self, installation_id: str, state: str) -> Document:
        async def there() -> bool:
            return bool((await self.document(installation_id))["state"] == state)

        try:
            await eventually(there)
        except AssertionError:
            raise AssertionError(await self.document(installation_id)) from None
        return await self.document(installation_id)

    async def told(self, installation_id: str, *types: str) -> None:
        """Exactly these events, each once, in `seq` order from 1, are on Kafka."""
        expected = list(types)

        async def there() -> bool:
            await self.read_events()
            return len(self.seen.get(installation_id, ())) >= len(expected)

        await eventually(there)
        assert self.seen[installation_id] == [(name, number) for number, name in enumerate(expected, start=1)]

    async def read_events(self) -> None:
        types = {one.type_name(): one for one in EVENTS}
        for records in (await self.events.getmany(timeout_ms=50)).values():
            for record in records:
                envelope = from_record(record, types)
                assert envelope is not None
                known = self.seen.setdefault(envelope.subject, [])
                fact = (envelope.type, envelope.seq or 0)
                if fact not in known:  # a repeated record has the same number and type
                    known.append(fact)


@pytest.fixture
async def world(kafka: str, mongo_url: str, database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """Everything around the installer; it starts what the test asks for."""
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(kafka_producer(kafka))
        addon = await stack.enter_async_context(stub_addon())
        jwks_url = await stack.enter_async_context(jwks_address())
        events = await stack.enter_async_context(tail(kafka, topics.INSTALLER_INSTALLATIONS))
        user = new_id()
        auth = await stack.enter_async_context(answering_auth(kafka, publisher, lambda one: one.user_id == user))
        env = settings(kafka, mongo_url, database.name, jwks_url, addon.host_and_port)
        made = World(database, env, tmp_path / "installer.log", publisher, auth, addon, events, stack, user)
        try:
            yield made
        finally:
            for installer in made.installers:
                installer.terminate()
            await made.http.aclose()
