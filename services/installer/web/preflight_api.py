"""Where an add-on can go, and how it is doing."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response

from services.installer.delivery.health import Availability
from services.installer.web import guidance, refusals
from services.installer.web.access import Access
from services.installer.web.bodies import AddOnKey, HexId
from services.installer.web.preflight_desk import PreflightDesk
from services.installer.web.preflight_views import Health, Preflight
from shared.contracts.reasons import WaitingFor
from shared.plumbing.http import problems
from shared.plumbing.logging import to_json
from shared.plumbing.security import CurrentUser, Principal, optional_user

_STATUS: dict[WaitingFor | None, Literal["available", "down", "maintenance"]] = {
    None: "available",
    WaitingFor.ADDON: "down",
    WaitingFor.MAINTENANCE: "maintenance",
}


def router(desk: PreflightDesk, access: Access, availability: Availability) -> APIRouter:
    """Routes that only read projections."""
    api = APIRouter(prefix="/api/installer/v1", tags=["preflight"])

    @api.get(
        "/preflight",
        response_model=Preflight,
        responses=problems(
            *(*refusals.SIGNED_IN, "404 account-not-known-yet", "404 account-not-found"),
            *("404 addon-not-known-yet", "404 addon-not-found"),
        ),
    )
    async def read_preflight(
        user: Annotated[Principal | None, Depends(optional_user)],
        addon: Annotated[AddOnKey, Query(description="The add-on that was chosen")],
        workspace: Annotated[HexId | None, Query(description="The workspace that was chosen; see `chosen`")] = None,
    ) -> Response:
        """Where the caller can install the add-on, and why not elsewhere.

        Without a token the 401 says in `next` and `alternatives` how to come back with an account that may install.
        """
        if user is None:
            raise guidance.nobody(addon)
        answer = await desk.preflight(user.user_id, addon, workspace)
        return Response(to_json(answer), media_type="application/json", headers={"Cache-Control": "no-store"})

    @api.get("/addons/{addon_key}/health", responses=problems(*refusals.SIGNED_IN, "404 addon-not-found"))
    async def read_addon_health(addon_key: Annotated[str, Path(max_length=50)], user: CurrentUser) -> Health:
        """How the add-on is doing, for whoever may know of it."""
        await access.listed(addon_key, user)
        unavailable = availability.unavailable(addon_key)
        return Health(
            addon=addon_key,
            status=_STATUS[unavailable],
            retry_at=availability.next_probe_at(addon_key),
        )

    return api
