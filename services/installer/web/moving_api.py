"""Letting a newer manifest count, and calling an installation's add-on at another address."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.installer.addons.listings import AddOns
from services.installer.saga.inputs import BaseUrlMoved, ManifestApplied
from services.installer.store import InstallationStore
from services.installer.web import refusals, views
from services.installer.web.access import Access
from services.installer.web.deciding import decided
from services.installer.web.views import InstallationView
from shared.plumbing.addresses import parse_url
from shared.plumbing.http import correlation_id, problems
from shared.plumbing.openapi import example
from shared.plumbing.rate_limit import RateLimit
from shared.plumbing.security import CurrentUser, RecentUser, require_role

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{24}$")]
_CHANGE = (*refusals.SIGNED_IN, *refusals.OF_CHANGE, "404 installation-not-found")


def _callable(address: str) -> str:
    parse_url(address)
    return address


class MoveBaseUrl(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid") | example({"base_url": "https://new.timer.example/addon"})

    base_url: Annotated[str, AfterValidator(_callable)] = Field(
        max_length=2000, description="Where lifecycle paths are appended; private addresses are refused when called"
    )


def router(access: Access, store: InstallationStore, addons: AddOns, changes: RateLimit) -> APIRouter:
    """Routes of what calls are made with. `changes` counts by person."""
    api = APIRouter()

    @api.post(
        f"{views.PATH}/{{installation_id}}/manifest",
        status_code=202,
        tags=["installations"],
        responses=problems(*_CHANGE, "403 not-admin", "404 addon-not-found", "409 not-installed"),
    )
    async def apply_manifest(installation_id: Id, user: CurrentUser, request: Request) -> InstallationView:
        """Let the add-on's present manifest count for an installation, with all that it asks for.

        Until an admin does, an installation keeps the manifest that it was made with. The add-on gets INSTALLED as a
        new call. Doing it twice is no mistake.
        """
        changes.check(user.user_id)
        one = await access.administered(installation_id, user)
        addon = await addons.newest(one.addon_key)
        if addon is None:
            raise refusals.addon_not_found()
        message = ManifestApplied(addon.snapshot, addon.name, correlation_id(request))
        return await decided(store, one.id, message, slug="not-installed", title="It is not installed")

    @api.post(
        "/api/installer/v1/operator/installations/{installation_id}/base-url",
        status_code=202,
        tags=["operator"],
        dependencies=[Depends(require_role("operator"))],
        responses=problems(*_CHANGE, "403 role-required", "403 step-up-required", "409 nothing-to-call"),
    )
    async def move_base_url(
        installation_id: Id, body: MoveBaseUrl, user: RecentUser, request: Request
    ) -> InstallationView:
        """Call the add-on of one installation at another address, where it has moved and its publisher is silent.

        The calls carry the installation's tokens, hence the fresh proof. A call under way goes to the old address.
        """
        changes.check(user.user_id)
        one = await access.seen(installation_id, user)
        message = BaseUrlMoved(body.base_url, correlation_id(request))
        return await decided(
            store,
            one.id,
            message,
            slug="nothing-to-call",
            title="Its add-on is not called",
            detail="Only what is being delivered, is installed, or still owes its clean-up can be moved.",
        )

    return api
