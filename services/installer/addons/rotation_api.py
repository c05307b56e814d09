"""Changing an add-on's webhook secret and signing key."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.installer.addons.keys import AddOnKeys
from services.installer.addons.keys_api import WebhookSecrets
from services.installer.addons.rotation_store import RotationStore
from services.installer.storage.queries import InstallationQueries
from services.installer.web import refusals
from services.installer.web.access import Access
from services.installer.web.bodies import AddOnKey
from shared.plumbing.errors import Conflict, Forbidden
from shared.plumbing.http import problems
from shared.plumbing.openapi import example
from shared.plumbing.rate_limit import RateLimit
from shared.plumbing.security import CurrentUser, RecentUser

_OF_ADDON = (*refusals.SIGNED_IN, "404 addon-not-found", "403 not-the-publisher")
_CHANGE = (*refusals.OF_CHANGE, "403 step-up-required")
_OPERATOR = "operator"


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RotateSecret(_Asked):
    model_config = example({"keep_old_hours": 24})

    keep_old_hours: Annotated[int, Field(ge=0, le=168)] = Field(
        default=24, description="So long calls are signed with the old secrets too; 0 ends them at once"
    )


class RotateKey(_Asked):
    model_config = example({"emergency": False})

    emergency: bool = Field(
        default=False, description="The old key is lost: tell every live installation. Operators only"
    )


class SigningKeyView(BaseModel):
    """Which key signs for an add-on, and how far its live installations have come."""

    kid: str
    newest_kid: str = Field(description="A publisher can move to this one")
    since: datetime | None = Field(description="Null: from the first")
    telling: bool = Field(description="After an emergency: live installations are being told")
    installations: int = Field(description="Live ones that hold tokens")
    on_other_keys: int = Field(description="Of these, still on another key")
    unconfirmed: int = Field(description="Of these, sent INSTALLED under the present key without an answer so far")


def router(
    keys: AddOnKeys, rotations: RotationStore, queries: InstallationQueries, access: Access, changes: RateLimit
) -> APIRouter:
    """Routes for the add-on's publisher and operators. `changes` counts by person."""
    api = APIRouter(prefix="/api/installer/v1/addons/{addon_key}", tags=["add-ons"])

    @api.post("/webhook-secrets", responses=problems(*_OF_ADDON, *_CHANGE, "409 too-many-secrets"))
    async def rotate_webhook_secret(
        addon_key: AddOnKey, body: RotateSecret, user: RecentUser, response: Response
    ) -> WebhookSecrets:
        """Add a secret, the first from now on. Other processes learn of it within 30 s."""
        changes.check(user.user_id)
        await access.published(addon_key, user)
        await keys.assigned([addon_key])  # a first one, where there was none
        await rotations.rotate_secret(addon_key, timedelta(hours=body.keep_old_hours))
        response.headers["Cache-Control"] = "no-store"
        found = await keys.read_again(addon_key)
        return WebhookSecrets(kid=found.kid, secrets=list(found.webhook_secrets))

    async def view(addon_key: str) -> SigningKeyView:
        kid = (await keys.read_again(addon_key)).kid
        since, telling = await rotations.since(addon_key)
        live, others, unconfirmed = await queries.keys_in_use(addon_key, kid)
        return SigningKeyView(
            kid=kid,
            newest_kid=keys.default,
            since=since,
            telling=telling,
            installations=live,
            on_other_keys=others,
            unconfirmed=unconfirmed,
        )

    @api.get("/signing-key", responses=problems(*_OF_ADDON))
    async def read_signing_key(addon_key: AddOnKey, user: CurrentUser) -> SigningKeyView:
        """Which key signs for the add-on, and the progress of a change."""
        await access.published(addon_key, user)
        await keys.refresh()
        return await view(addon_key)

    @api.post(
        "/signing-key",
        responses=problems(
            *_OF_ADDON, *_CHANGE, "403 role-required", "409 signing-key-newest", "409 signing-key-changed"
        ),
    )
    async def rotate_signing_key(addon_key: AddOnKey, body: RotateKey, user: RecentUser) -> SigningKeyView:
        """Let the newest key sign for the add-on. An operator makes one where the add-on has the newest already.

        What is installed keeps its key, unless it is an emergency: then tokens of the old key end at once, and every
        live installation gets INSTALLED again, as a new call with new tokens.
        """
        changes.check(user.user_id)
        await access.published(addon_key, user)
        operator = _OPERATOR in user.roles
        if body.emergency and not operator:
            raise Forbidden("role-required", "Your account may not do this", role=_OPERATOR)
        await keys.refresh()
        before = (await keys.read_again(addon_key)).kid  # what is remembered here may be behind
        if before == keys.default and not operator:
            raise Conflict("signing-key-newest", "The add-on has the newest key already", "Ask an operator for one.")
        kid = await keys.add() if before == keys.default else keys.default
        if not await rotations.move(addon_key, before, kid, redeliver=body.emergency):
            raise Conflict("signing-key-changed", "Somebody has just changed the key", "Look at it before you go on.")
        return await view(addon_key)

    return api
