"""Where an add-on can go, and how it is doing."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from services.installer.delivery.health import Availability
from services.installer.store import InstallationStore
from services.installer.web import preflight, refusals
from services.installer.web.access import Access
from services.installer.web.bodies import AddOnKey, HexId
from services.installer.web.preflight_views import Health, Preflight
from services.installer.web.reads import Reads
from shared.contracts.catalog import Visibility
from shared.contracts.reasons import WaitingFor
from shared.plumbing.errors import Problem
from shared.plumbing.http import problems
from shared.plumbing.logging import to_json
from shared.plumbing.mongo import Document
from shared.plumbing.security import CurrentUser

_STATUS: dict[WaitingFor | None, Literal["available", "down", "maintenance"]] = {
    None: "available",
    WaitingFor.ADDON: "down",
    WaitingFor.MAINTENANCE: "maintenance",
}


def router(access: Access, reads: Reads, store: InstallationStore, availability: Availability) -> APIRouter:
    """Routes that only read projections."""
    api = APIRouter(prefix="/api/installer/v1", tags=["preflight"])

    @api.get(
        "/preflight",
        response_model=Preflight,
        responses=problems(
            *(*refusals.SIGNED_IN, "404 account-not-known-yet", "404 addon-not-known-yet", "404 addon-not-found"),
            *("404 workspace-not-known-yet", "404 workspace-not-found"),
        ),
    )
    async def read_preflight(
        user: CurrentUser,
        addon: Annotated[AddOnKey, Query(description="The add-on that was chosen")],
        workspace: Annotated[HexId | None, Query(description="Only this workspace")] = None,
    ) -> Response:
        """Where the caller can install the add-on, and why not elsewhere."""
        account, listing = await reads.account(user.user_id), await reads.addon(addon)
        problem = _unknown(account, listing)
        if problem is not None or account is None or listing is None:
            raise problem or refusals.addon_not_found()
        if workspace is None:
            places = await reads.administered(user.user_id)
        else:
            places = [await access.workspace(workspace, user.user_id)]
        live = await store.live(addon, [place["_id"] for place in places])
        waiting = availability.unavailable(addon) is not None
        found = preflight.rows(user.user_id, account, listing, places, live, will_wait=waiting)
        if not found and listing["visibility"] == Visibility.PRIVATE:
            raise refusals.not_known_yet("addon")  # as if it did not exist
        answer = {
            "addon": addon,
            "addon_name": listing["name"],
            "verified": account["verified"],
            "two_factor": account["two_factor"],
            "workspaces": found,
            "next": preflight.next_for(account, found),
        }
        return Response(to_json(answer), media_type="application/json")

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


def _unknown(account: Document | None, addon: Document | None) -> Problem | None:
    if account is None:
        return refusals.not_known_yet("account")
    if addon is None:
        return refusals.not_known_yet("addon")
    return refusals.addon_not_found() if addon.get("deleted") else None
