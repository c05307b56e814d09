"""The catalog's public API."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.catalog.domain import Listing, Search, Viewer, completed, may_change
from services.catalog.icons import Icons
from services.catalog.publishing import LISTING_FIELDS, Publishing, finding_of
from services.catalog.store import CatalogStore
from services.catalog.views import (
    AddOn,
    AddOnDetail,
    Category,
    Publish,
    Update,
    Validate,
    Verdict,
    addon_fields,
)
from shared.contracts.catalog import Visibility
from shared.plumbing.errors import NotFound
from shared.plumbing.http import Page, correlation_id, decode_cursor, encode_cursor, problems
from shared.plumbing.network import network_of
from shared.plumbing.rate_limit import RateLimit
from shared.plumbing.security import Principal, optional_user, require_role

PREFIX = "/api/catalog/v1"
Publisher = Annotated[Principal, Depends(require_role("publisher"))]
Visitor = Annotated[Principal | None, Depends(optional_user)]

_MANIFEST_PROBLEMS = (
    *("422 manifest-invalid", "422 manifest-unreachable", "422 manifest-address-blocked", "422 manifest-redirects"),
    *("422 manifest-status", "422 manifest-too-large", "429 too-many-requests", "401 token-missing"),
    "403 role-required",
)
_OPEN = ("429 too-many-requests",)
_PICTURE = {
    "description": "PNG, JPEG, GIF, WebP or SVG",
    "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
}
# An SVG that somebody opens by itself is a page of this origin: it may draw, and nothing else.
_SAFE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one may ask: `publishes` by publisher, `visits` without an account by network."""

    publishes: RateLimit
    visits: RateLimit


def router(publishing: Publishing, store: CatalogStore, icons: Icons, limits: Limits) -> APIRouter:
    """Routes of the catalog."""
    api = APIRouter(prefix=PREFIX, tags=["catalog"])

    async def bounded(request: Request, principal: Visitor) -> None:
        if principal is None:
            limits.visits.check(network_of(request))

    open_to_all = [Depends(bounded)]

    async def viewer(principal: Principal | None) -> Viewer:
        if principal is None:
            return Viewer()
        workspaces = await store.workspaces_of(principal.user_id)
        return Viewer(principal.user_id, "operator" in principal.roles, workspaces)

    async def detail(listing: Listing, who: Viewer) -> AddOnDetail:
        states = await store.health([listing["_id"]])
        return AddOnDetail(
            **addon_fields(completed(listing), states.get(listing["_id"])),
            manifest=listing["manifest"],
            visible_to=listing["visible_to"] if may_change(listing, who) else None,
        )

    @api.post("/manifests/validate", responses=problems(*_MANIFEST_PROBLEMS))
    async def validate_manifest(body: Validate, principal: Publisher) -> Verdict:
        """Judge a manifest without publishing it. What is wrong with it is the answer, not a problem."""
        limits.publishes.check(principal.user_id)
        report = await publishing.check(body.manifest, body.manifest_url)
        return Verdict(
            accepted=report.accepted,
            schema_version=report.version,
            errors=[finding_of(error) for error in report.errors],
            warnings=[finding_of(warning) for warning in report.warnings],
        )

    @api.post(
        "/addons",
        status_code=201,
        responses=problems(*_MANIFEST_PROBLEMS, "409 key-taken", "409 addon-exists"),
    )
    async def publish_addon(body: Publish, principal: Publisher, request: Request, response: Response) -> AddOnDetail:
        """List an add-on by its manifest or the manifest's address. The key is then the publisher's for ever."""
        limits.publishes.check(principal.user_id)
        who = await viewer(principal)
        fields = body.model_dump(include=set(LISTING_FIELDS))
        listing = await publishing.publish(
            who,
            principal.user_id,
            manifest=body.manifest,
            manifest_url=body.manifest_url,
            fields=fields,
            correlation_id=correlation_id(request),
        )
        response.headers["Location"] = f"{PREFIX}/addons/{listing['_id']}"
        return await detail(listing, who)

    @api.get("/addons", responses=problems("400 invalid-cursor", *_OPEN), dependencies=open_to_all)
    async def list_addons(
        principal: Visitor,
        query: Annotated[str, Query(max_length=200)] = "",
        category: Annotated[str | None, Query(max_length=50)] = None,
        product: Annotated[str | None, Query(max_length=50)] = None,
        *,
        mine: bool = False,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> Page[AddOn]:
        """Search and filter; the most installed first. `mine`: all of the caller's own, withdrawn ones too."""
        who = await viewer(principal)
        after = decode_cursor(cursor, tuple[int, str]) if cursor else None
        wanted = Search(query, category, product, mine=mine)
        found = await store.search(who, wanted, after, limit + 1)
        states = await store.health([listing["_id"] for listing in found[:limit]])
        items = [AddOn(**addon_fields(one, states.get(one["_id"]))) for one in found[:limit]]
        more = len(found) > limit
        last = found[limit - 1] if more else None
        return Page(items=items, next=encode_cursor((last["installs"], last["_id"])) if last else None)

    @api.get("/categories", responses=problems(*_OPEN), dependencies=open_to_all)
    async def list_categories() -> list[Category]:
        """Categories that a visitor can browse."""
        return [Category(name=entry["_id"], addons=entry["addons"]) for entry in await store.categories()]

    @api.get("/addons/{key}", responses=problems("404 addon-not-found", *_OPEN), dependencies=open_to_all)
    async def read_addon(key: str, principal: Visitor) -> AddOnDetail:
        """One add-on. A private one is 404 for whoever is in none of its workspaces."""
        who = await viewer(principal)
        return await detail(await publishing.visible(who, key), who)

    @api.get(
        "/addons/{key}/icon",
        response_class=Response,
        responses={200: _PICTURE, **problems("404 addon-not-found", "404 icon-not-found", *_OPEN)},
        dependencies=open_to_all,
    )
    async def read_icon(key: str, principal: Visitor) -> Response:
        """The add-on's picture, as its publisher serves it: fetched by us, at most once an hour and 256 kB."""
        listing = completed(await publishing.visible(await viewer(principal), key))
        icon = await icons.of(key, listing["icon_url"])
        if icon is None:
            raise NotFound("icon-not-found", "The add-on has no picture that could be shown")
        keeping = "public" if listing["visibility"] == Visibility.PUBLIC else "private"
        return Response(
            icon.content, media_type=icon.media_type, headers=_SAFE | {"Cache-Control": f"{keeping}, max-age=3600"}
        )

    @api.patch(
        "/addons/{key}",
        responses=problems(
            *_MANIFEST_PROBLEMS,
            *("404 addon-not-found", "403 not-the-publisher", "409 changed-meanwhile", "422 field-fixed"),
        ),
    )
    async def update_addon(key: str, body: Update, principal: Publisher, request: Request) -> AddOnDetail:
        """Change what is given: listing fields, the manifest, or both."""
        limits.publishes.check(principal.user_id)
        who = await viewer(principal)
        fields = body.model_dump(include=set(LISTING_FIELDS), exclude_unset=True)
        listing = await publishing.update(
            who,
            key,
            manifest=body.manifest,
            manifest_url=body.manifest_url,
            fields=fields,
            correlation_id=correlation_id(request),
        )
        return await detail(listing, who)

    @api.delete("/addons/{key}", responses=problems("404 addon-not-found", "403 not-the-publisher"))
    async def withdraw_addon(key: str, principal: Publisher, request: Request) -> AddOnDetail:
        """No new installs; what is installed stays, and the key stays taken."""
        who = await viewer(principal)
        return await detail(await publishing.withdraw(who, key, correlation_id(request)), who)

    @api.post("/addons/{key}/restore", responses=problems("404 addon-not-found", "403 not-the-publisher"))
    async def restore_addon(key: str, principal: Publisher, request: Request) -> AddOnDetail:
        """List a withdrawn add-on again."""
        who = await viewer(principal)
        return await detail(await publishing.restore(who, key, correlation_id(request)), who)

    return api
