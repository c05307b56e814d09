"""What became of calls to add-ons, attempt by attempt, and making a call once more."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from services.installer.domain import ENDED
from services.installer.saga.inputs import Input, RedeliveryAsked, RetryAsked
from services.installer.store import InstallationStore
from services.installer.web import bodies, refusals, views
from services.installer.web.access import Access
from services.installer.web.bodies import AddOnKey
from services.installer.web.deciding import decided
from services.installer.web.delivery_views import DeliveryView
from services.installer.web.views import InstallationView
from shared.plumbing.http import Page, correlation_id, decode_cursor, encode_cursor, problems
from shared.plumbing.rate_limit import RateLimit
from shared.plumbing.security import CurrentUser

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{24}$")]
Cursor = Annotated[str | None, Query(max_length=500)]
Limit = Annotated[int, Query(ge=1, le=200)]
_PAGED = (*refusals.SIGNED_IN, "invalid-cursor", "malformed-url")
_PRESSED = ("400 idempotency-key-missing", "422 idempotency-key-invalid", "409 nothing-to-redeliver")


def router(access: Access, store: InstallationStore, changes: RateLimit, redeliveries: RateLimit) -> APIRouter:
    """Routes of attempts. `changes` counts by person, `redeliveries` by installation: the add-on bears each."""
    api = APIRouter(tags=["deliveries"])

    @api.get(f"{views.PATH}/{{installation_id}}/deliveries", responses=problems(*_PAGED, "404 installation-not-found"))
    async def list_deliveries(
        installation_id: Id, user: CurrentUser, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[DeliveryView]:
        """Attempts of an installation's calls, the newest first, for whoever sees the installation.

        What the add-on answered is for admins of the workspace, the add-on's publisher, and operators.
        """
        before = decode_cursor(cursor, tuple[int, int]) if cursor else None
        one, closely = await access.seen_closely(installation_id, user)
        found = await store.attempts.of_installation(one.id, before=before, limit=limit + 1)
        items = [DeliveryView.of(entry, closely=closely) for entry in found[:limit]]
        last = items[-1] if len(found) > limit else None
        return Page(items=items, next=encode_cursor((last.number, last.attempt)) if last else None)

    @api.get(
        "/api/installer/v1/addons/{addon_key}/deliveries",
        tags=["add-ons"],
        responses=problems(*_PAGED, "404 addon-not-found", "403 not-the-publisher"),
    )
    async def list_failed_deliveries(
        addon_key: AddOnKey, user: CurrentUser, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[DeliveryView]:
        """Attempts at an add-on that failed, the newest first, for its publisher and operators."""
        before = decode_cursor(cursor, tuple[datetime, str]) if cursor else None
        await access.published(addon_key, user)
        found = await store.attempts.failures(addon_key, before=before, limit=limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        return Page(
            items=[DeliveryView.of(entry, closely=True) for entry in found[:limit]],
            next=encode_cursor((last["at"], last["_id"])) if last else None,
        )

    @api.post(
        f"{views.PATH}/{{installation_id}}/deliveries/redeliver",
        status_code=202,
        responses=problems(
            *refusals.SIGNED_IN, *refusals.OF_CHANGE, "404 installation-not-found", "403 not-admin", *_PRESSED
        ),
        openapi_extra={"parameters": bodies.DOCUMENTATION["parameters"]},
    )
    async def redeliver(installation_id: Id, user: CurrentUser, request: Request) -> InstallationView:
        """Call the add-on again: for admins of the workspace, the add-on's publisher, and operators.

        An installed add-on gets INSTALLED as a new call, with a new `webhook-id`. One that ended and still owes its
        DELETED gets that now, as the same call; what is closed stays closed. A press is named by its
        `Idempotency-Key`: sent again it adds no second call, while a fresh key is another press.
        """
        nonce = sha256(f"redeliver\n{user.user_id}\n{bodies.idempotency_key(request)}".encode()).hexdigest()[:32]
        changes.check(user.user_id)
        one = await access.answered_for(installation_id, user)
        redeliveries.check(one.id)
        asked: Input = RedeliveryAsked("asked", nonce, correlation_id(request))
        if one.state in ENDED:
            asked = RetryAsked(user.user_id, correlation_id(request))
        return await decided(
            store,
            one.id,
            asked,
            slug="nothing-to-redeliver",
            title="There is no call to make again",
            detail="Only an installed add-on that wants INSTALLED, or one that still owes its clean-up, is called "
            "again.",
            told=("id", "state", "outcome", "cleanup"),
        )

    return api
