"""Where an add-on can go, and how it is doing."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from services.installer import preflight, refusals
from services.installer.access import Access
from services.installer.bodies import AddOnKey, HexId
from services.installer.health import Availability
from services.installer.next_steps import Action
from services.installer.reads import Reads
from services.installer.store import InstallationStore
from shared.contracts.auth import Plan
from shared.contracts.catalog import Visibility
from shared.contracts.installer import State
from shared.contracts.reasons import Blocker, Caution, WaitingFor
from shared.plumbing.errors import Problem
from shared.plumbing.http import problems
from shared.plumbing.logging import to_json
from shared.plumbing.mongo import Document
from shared.plumbing.security import CurrentUser


class Next(BaseModel):
    """One thing that the visitor can do; further members depend on the action."""

    action: Action
    href: str | None = Field(None, description="With `open-installation`")
    plan: Plan | None = Field(None, description="With `upgrade-plan`: the lowest that will do")
    products: list[str] | None = Field(None, description="With `choose-another-workspace`: those that fit")


class Taken(BaseModel):
    """The installation that is there already."""

    id: str
    state: State
    href: str


class Row(BaseModel):
    """One workspace of the dropdown."""

    workspace_id: str
    name: str
    provider: str | None
    product: str
    region: str
    plan: Plan
    selectable: bool
    will_wait: bool = Field(description="Can be chosen; the installation waits until the add-on is back")
    blockers: list[Blocker] = Field(description="All that stands in the way, the first to mend at the head")
    warnings: list[Caution]
    acknowledge: list[Caution] = Field(description="The warnings that the request has to name in `acknowledge`")
    installation: Taken | None
    next: Next


class Preflight(BaseModel):
    """Every workspace that the caller administers, what can be chosen first, then by name."""

    addon: str
    addon_name: str
    verified: bool
    two_factor: bool
    workspaces: list[Row]
    next: Next = Field(description="What the caller can do, all workspaces considered")


class Health(BaseModel):
    """Whether installs of an add-on go through now."""

    addon: str
    status: Literal["available", "down", "maintenance"]
    retry_at: datetime | None = Field(description="When an add-on that is down is tried next")


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
            *("token-missing", "404 account-not-known-yet", "404 addon-not-known-yet", "404 addon-not-found"),
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
            raise refusals.addon_not_found()
        answer = {
            "addon": addon,
            "addon_name": listing["name"],
            "verified": account["verified"],
            "two_factor": account["two_factor"],
            "workspaces": found,
            "next": preflight.next_for(account, found),
        }
        return Response(to_json(answer), media_type="application/json")

    @api.get("/addons/{addon_key}/health", responses=problems("token-missing", "404 addon-not-found"))
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
