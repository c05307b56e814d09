"""The public keys that add-ons verify with, and the webhook secrets that their publishers read."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from services.installer.addons.keys import AddOnKeys
from services.installer.web import refusals
from services.installer.web.access import Access
from services.installer.web.bodies import AddOnKey
from shared.plumbing.http import problems
from shared.plumbing.security import RecentUser

# Add-ons fetch a key that they do not know at once, so this only bounds how long a withdrawn one lives on.
_CACHE = {"Cache-Control": "public, max-age=300"}
_JWK = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1-65f1c0ff", "n": "0vx7agoebGc...", "e": "AQAB"}


class WebhookSecrets(BaseModel):
    """Standard Webhooks secrets of one add-on."""

    kid: str = Field(description="The key that signs the add-on's tokens")
    secrets: list[str] = Field(
        description="`whsec_…`, the newest first; every call is signed with all of them",
        examples=[["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]],
    )


class PemResponse(PlainTextResponse):
    """One PEM block."""

    media_type = "application/x-pem-file"


def router(keys: AddOnKeys, access: Access) -> APIRouter:
    """Routes of keys; the well-known ones are the same for everybody."""
    api = APIRouter(tags=["keys"])

    @api.get(
        "/.well-known/souk/addons.jwks.json",
        responses={200: {"content": {"application/json": {"example": {"keys": [_JWK]}}}}},
    )
    async def addon_keys(response: Response) -> dict[str, Any]:
        """Every key that signs add-on tokens (RFC 7517), the default first."""
        await keys.refresh_if_possible()
        response.headers.update(_CACHE)
        return keys.jwks()

    @api.get("/.well-known/souk/addons.pem", response_class=PemResponse)
    async def addon_key_pem(
        addon: Annotated[AddOnKey | None, Query(description="Give the key of this add-on")] = None,
    ) -> Response:
        """One key as PEM, for verifiers written for the platform: the add-on's if named, else the default."""
        await keys.refresh_if_possible()
        return PemResponse(await keys.pem(addon), headers=_CACHE)

    @api.get(
        "/api/installer/v1/addons/{addon_key}/webhook-secrets",
        tags=["add-ons"],
        responses=problems(*refusals.SIGNED_IN, "404 addon-not-found", "403 not-the-publisher", "403 step-up-required"),
    )
    async def read_webhook_secrets(addon_key: AddOnKey, user: RecentUser, response: Response) -> WebhookSecrets:
        """For the publisher and operators: what verifies `webhook-signature`."""
        await access.published(addon_key, user)
        response.headers["Cache-Control"] = "no-store"
        found = (await keys.assigned([addon_key]))[addon_key]
        return WebhookSecrets(kid=found.kid, secrets=list(found.webhook_secrets))

    return api
