"""The installer's API over a real database, without Kafka and without its workers."""

import base64
import functools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.installer.addons.addresses import address_book
from services.installer.addons.keys import AddOnKeys
from services.installer.addons.listings import AddOns
from services.installer.addons.rotation_store import RotationStore
from services.installer.delivery.prepared import Signer
from services.installer.domain import Installation, Kind, Snapshot
from services.installer.known import Known
from services.installer.saga.decide import Saga
from services.installer.saga.inputs import (
    AddOnNow,
    Answer,
    CallReported,
    Checked,
    CheckSent,
    Input,
    Lease,
    Result,
    Surroundings,
)
from services.installer.settings import InstallerSettings
from services.installer.store import InstallationStore
from services.installer.web.routes import routers
from shared.contracts.auth import AccountChanged, Plan, Role, WorkspaceAdmin, WorkspaceChanged, WorkspaceChecked
from shared.contracts.catalog import AddOnPublished, Visibility
from shared.contracts.envelope import Envelope, Message
from shared.contracts.reasons import WaitingFor
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.http import create_api
from shared.plumbing.keys import SigningKey
from shared.plumbing.mongo import Database, Document
from shared.plumbing.outcomes import Outcome
from shared.plumbing.sealing import Sealer
from shared.plumbing.settings import PlatformSettings
from shared.rules.install import AddOnFacts
from tests.users import PUBLIC_URL, bearer, new_id, trust_test_users

CHANGES_PER_MINUTE = 12  # enough for all tests but those that reach the limit, and reached soon
MASTER_KEY = base64.b64encode(b"m" * 32).decode()
MANIFEST: dict[str, Any] = {
    "key": "timer",
    "name": "Timer",
    "baseUrl": "http://127.0.0.1:1",
    "scopes": ["WORKSPACE_READ"],
    "settings": {
        "tabs": [
            {
                "id": "main",
                "name": "Main",
                "settings": [
                    {"id": "a.$b", "name": "Number", "accessLevel": "ADMINS", "type": "NUMBER", "value": 5},
                    {
                        "id": "fixed",
                        "name": "Fixed",
                        "accessLevel": "ADMINS",
                        "type": "TXT",
                        "value": "x",
                        "readOnly": True,
                    },
                    {
                        "id": "people",
                        "name": "People",
                        "accessLevel": "ADMINS",
                        "type": "USER_DROPDOWN_MULTIPLE",
                        "value": [],
                    },
                ],
            }
        ]
    },
}
SNAPSHOT = Snapshot(
    manifest_version=1,
    base_url="http://127.0.0.1:1",
    lifecycle={"INSTALLED": "/installed", "DELETED": "/deleted"},
    scopes=("WORKSPACE_READ",),
)


@dataclass
class FakeAvailability:
    """What the breaker and notices say, set by hand."""

    hindered: dict[str, WaitingFor] = field(default_factory=dict)

    def unavailable(self, addon_key: str) -> WaitingFor | None:
        return self.hindered.get(addon_key)

    def next_probe_at(self, addon_key: str) -> None:
        return None


@dataclass
class Installer:
    """The API, and the ways in which the rest of the world reaches its database."""

    client: httpx.AsyncClient
    clock: DatabaseClock
    database: Database
    known: Known
    store: InstallationStore
    keys: AddOnKeys
    signer: Signer
    availability: FakeAvailability
    versions: int = 0

    async def hears(self, *messages: Message) -> list[Outcome]:
        """Hand state messages to the projection of their topic, as a consumer would."""
        projections = (self.known.accounts, self.known.workspaces, self.known.addons, self.known.notices)
        outcomes: list[Outcome] = []
        for message in messages:
            (projection,) = [one for one in projections if one.topic == message.topic]
            batch: Sequence[Envelope[Message]] = [
                Envelope(
                    id="e",
                    source="/t",
                    subject="s",
                    time=self.clock.now(),
                    data=message,
                    correlation_id="c",
                    causation_id=None,
                )
            ]
            outcomes += await projection.apply(batch)
        return outcomes

    def next_version(self) -> int:
        self.versions += 1
        return self.versions

    async def user(self, **account: Any) -> str:
        """An account that may install, unless told otherwise."""
        user_id = new_id()
        fields = {"verified": True, "display_name": "Ada"} | account
        await self.hears(AccountChanged(user_id=user_id, version=self.next_version(), **fields))
        return user_id

    async def workspace(self, *admins: str, **workspace: Any) -> str:
        """A workspace; the first admin owns it."""
        workspace_id = workspace.pop("workspace_id", None) or new_id()
        roles = [Role.OWNER, *([Role.ADMIN] * len(admins))]
        listed = [WorkspaceAdmin(user_id=user_id, role=role) for user_id, role in zip(admins, roles, strict=False)]
        fields = {"name": "Acme", "product": "clock", "plan": Plan.FREE, "admins": listed} | workspace
        await self.hears(WorkspaceChanged(workspace_id=workspace_id, version=self.next_version(), **fields))
        return workspace_id

    async def addon(self, **addon: Any) -> str:
        """A public add-on."""
        key = addon.pop("addon_key", None) or f"timer-{new_id()}"
        fields = {"name": "Timer", "publisher_id": new_id(), "manifest": MANIFEST, "manifest_version": 1} | addon
        published = AddOnPublished(addon_key=key, version=self.next_version(), changed_at=self.clock.now(), **fields)
        await self.hears(published)
        return key

    def as_(self, user_id: str, *roles: str) -> dict[str, str]:
        return bearer(user_id, self.clock.now(), *roles)

    async def ask(
        self, user_id: str, workspace_id: str, addon_key: str, *, key: str | None = None, **body: Any
    ) -> httpx.Response:
        """POST an installation."""
        return await self.client.post(
            "/api/installer/v1/installations",
            json={"workspace_id": workspace_id, "addon_key": addon_key, **body},
            headers={**self.as_(user_id), "Idempotency-Key": key or new_id()},
        )

    async def get(self, path: str, user_id: str, *roles: str, **params: Any) -> httpx.Response:
        return await self.client.get(f"/api/installer/v1{path}", params=params, headers=self.as_(user_id, *roles))

    async def lives_through(self, installation_id: str, *inputs: Input) -> Installation:
        """What the workers would tell the saga."""
        found = await self.store.find(installation_id)
        for one in inputs:
            (decision,) = await self.store.apply([(installation_id, one)])
            assert decision is not None
            found = decision.installation
        assert found is not None
        return found

    async def delivers(self, installation_id: str) -> Installation:
        """Through the check into the first attempt of INSTALLED."""
        one = await self.store.find(installation_id)
        assert one is not None
        kid = (await self.keys.assigned([one.addon_key]))[one.addon_key].kid
        await self.store.keep_manifest(one.addon_key, 1, MANIFEST)
        answer = WorkspaceChecked(
            installation_id=one.id,
            check=1,
            workspace_id=one.workspace_id,
            user_id=one.user_id,
            found=True,
            active=True,
            role=Role.OWNER,
            verified=True,
        )
        facts = AddOnFacts(Plan.FREE, (), Visibility.PUBLIC, (), withdrawn=False)
        lease = Lease("test", self.clock.now() + timedelta(seconds=6))
        around = Surroundings(addon=AddOnNow(facts, SNAPSHOT, "Timer", kid), lease=lease)
        return await self.lives_through(installation_id, CheckSent(1), Checked("m1", answer, around))

    async def installs(self, installation_id: str) -> Installation:
        """Until the add-on has confirmed."""
        await self.delivers(installation_id)
        return await self.lives_through(installation_id, self.reported(Result.OK))

    @staticmethod
    def reported(result: Result, **answer: Any) -> CallReported:
        """An attempt of INSTALLED that came back."""
        return CallReported(Kind.INSTALLED, 1, 1, Answer(result, **answer))


@functools.cache
def first_key() -> Document:
    """As `AddOnKeys.add` would store it; making one takes longer than most tests."""
    kid = "1-tests"
    private = Sealer(MASTER_KEY).encrypt(SigningKey.generate(kid).to_pem(), purpose=f"addon-signing-key:{kid}")
    return {"_id": 1, "kid": kid, "private": private, "created_at": datetime(2026, 1, 1, tzinfo=UTC)}


@pytest.fixture
async def installer(database: Database, mongo_url: str, clock: DatabaseClock) -> AsyncIterator[Installer]:
    """A fresh installer whose users are made by `tests.users`."""
    platform = PlatformSettings(
        public_url=PUBLIC_URL,
        mongo_url=mongo_url,
        kafka_bootstrap_servers="127.0.0.1:1",
        users_jwks_url="http://127.0.0.1:1/jwks",
    )
    settings = InstallerSettings(
        mongo_database=database.name, master_key=MASTER_KEY, changes_per_minute=CHANGES_PER_MINUTE
    )
    known = Known(database)
    store = InstallationStore(database, Saga(settings), clock)
    keys = AddOnKeys(database, Sealer(MASTER_KEY), clock)
    signer = Signer("clockify", address_book(PUBLIC_URL, None, None, {}))
    availability = FakeAvailability()
    await database["signing_keys"].insert_one(first_key())
    for part in (known.accounts, known.workspaces, known.addons, known.notices, store, keys):
        await part.prepare()
    api = create_api(
        service="installer",
        title="Souk installer",
        version="1",
        settings=platform,
        routers=routers(
            *(store, known, availability),
            addons=AddOns(known.addons.collection, store, keys),
            keys=keys,
            rotations=RotationStore(database, Sealer(MASTER_KEY), clock),
            signer=signer,
            clock=clock,
            changes_per_minute=settings.changes_per_minute,
        ),
    )
    trust_test_users(api, clock)
    transport = httpx.ASGITransport(api)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        yield Installer(client, clock, database, known, store, keys, signer, availability)
