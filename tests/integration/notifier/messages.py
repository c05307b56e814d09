"""The messages of the other services, as these tests need them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

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
from shared.plumbing.sealing import Sealer
from tests.users import new_id

KEY = base64.b64encode(bytes(range(32))).decode()

SEALER = Sealer(KEY)

ADDON = "time-cards"


@dataclass
class Person:
    """Somebody with an account."""

    id: str = field(default_factory=new_id)

    @property
    def address(self) -> str:
        return f"{self.id}@example.com"


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


def installed(user: Person, workspace_id: str, key: str = ADDON, installation_id: str | None = None) -> AddOnInstalled:
    return AddOnInstalled(
        installation_id=installation_id or new_id(),
        workspace_id=workspace_id,
        addon_key=key,
        generation=1,
        user_id=user.id,
        occurred_at=datetime.fromisoformat("2026-03-01T12:00:00Z"),
    )


def failed(
    user: Person, workspace_id: str, detail: str = "No seats.", *, requested_by: Person | None = None
) -> InstallFailed:
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
        requested_by="" if requested_by is None else requested_by.id,
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
