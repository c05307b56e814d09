"""The installer's API for browsers and the product: ask, watch, cancel, retry, remove."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from services.installer.domain import Installation
from services.installer.saga.inputs import CancelAsked, RetryAsked, UninstallAsked
from services.installer.store import InstallationStore
from services.installer.web import bodies, guidance, refusals, showing, views
from services.installer.web.access import Access
from services.installer.web.asking import Asking
from services.installer.web.bodies import AddOnKey, HexId
from services.installer.web.deciding import decided
from services.installer.web.views import InstallationDetail, InstallationView
from shared.contracts.installer import State
from shared.plumbing.errors import Invalid, Problem, Unauthorized
from shared.plumbing.http import Page, correlation_id, decode_cursor, encode_cursor, problems, traceparent
from shared.plumbing.logging import to_json
from shared.plumbing.rate_limit import RateLimit
from shared.plumbing.security import CurrentUser, Principal, signed_in

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{24}$")]
_BY_ADDON = ("404 addon-not-found", "403 not-the-publisher")
_CHANGE_PROBLEMS = (*refusals.SIGNED_IN, *refusals.OF_CHANGE, "404 installation-not-found", "403 not-admin")


class _HotRoute(APIRoute):
    """Calls its endpoint with request and user only: resolving dependencies costs more than all that it does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def handle(request: Request) -> Response:
            try:
                user = await signed_in(request)
            except Unauthorized as refused:
                raise await _with_way_back(refused, request) from None
            answer: Response = await self.endpoint(request, user)
            return answer

        return handle


async def _with_way_back(refused: Unauthorized, request: Request) -> Problem:
    """Row S10: whoever is not logged in is told how to come back to this add-on, as in preflight."""
    if refused.slug != "token-missing":
        return refused
    try:
        return guidance.nobody((await bodies.install_request(request)).addon_key)
    except (Problem, RequestValidationError):
        return refused


def router(asking: Asking, access: Access, store: InstallationStore, changes: RateLimit) -> APIRouter:
    """Routes of installations. `changes` counts by person: each costs storage, messages and calls to add-ons."""
    api = APIRouter(prefix=views.PATH, tags=["installations"])

    async def request_installation(request: Request, user: CurrentUser) -> Response:
        """Ask for an add-on in a workspace. Accepted means: it will be installed, or fail with a reason."""
        changes.check(user.user_id)
        key = bodies.idempotency_key(request)
        body = await bodies.install_request(request)
        one = await asking.ask(user.user_id, key, body, correlation_id(request), traceparent(request))
        return _answer(showing.installation(one), 202, {"Location": f"{views.PATH}/{one.id}"})

    api.add_api_route(
        "",
        request_installation,
        methods=["POST"],
        status_code=202,
        response_model=InstallationView,
        responses=problems(*refusals.OF_REQUEST),
        openapi_extra=bodies.DOCUMENTATION,
        route_class_override=_HotRoute,
    )

    @api.get(
        "",
        responses=problems(
            *refusals.SIGNED_IN,
            "invalid-cursor",
            "malformed-url",
            "404 workspace-not-found",
            "404 workspace-not-known-yet",
            *_BY_ADDON,
        ),
    )
    async def list_installations(
        user: CurrentUser,
        *,
        workspace: Annotated[HexId | None, Query(description="Those in a workspace of the caller's")] = None,
        addon: Annotated[AddOnKey | None, Query(description="Those of an add-on of the caller's")] = None,
        state: Annotated[State | None, Query()] = None,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Page[InstallationView]:
        """The newest request first; by workspace for its members, by add-on for its publisher and operators."""
        after = decode_cursor(cursor, tuple[datetime, str]) if cursor else None
        if workspace is not None and addon is None:
            await access.workspace(workspace, user.user_id)
            found = await store.by_workspace(workspace, state=state, after=after, limit=limit + 1)
        elif addon is not None and workspace is None:
            await access.published(addon, user)
            found = await store.by_addon(addon, state=state, after=after, limit=limit + 1)
        else:
            raise Invalid("invalid-request", "The request is not valid", "Name either a workspace or an add-on.")
        return _page(found, limit)

    @api.get("/{installation_id}", responses=problems(*refusals.SIGNED_IN, "404 installation-not-found"))
    async def read_installation(installation_id: Id, user: CurrentUser) -> InstallationDetail:
        """One installation with its timeline: for members of its workspace, its add-on's publisher, and operators.

        What the add-on answered to each attempt is not for plain members.
        """
        one, closely = await access.seen_closely(installation_id, user)
        older = await store.older_history(one.id) if one.steps > len(one.history) else []
        return InstallationDetail(**showing.detail(one, older, closely=closely))

    @api.post("/{installation_id}/cancel", status_code=202, responses=problems(*_CHANGE_PROBLEMS, "409 not-pending"))
    async def cancel_installation(installation_id: Id, user: CurrentUser, request: Request) -> InstallationView:
        """Give up a pending installation; it fails with reason `cancelled`."""
        return await change(
            user,
            installation_id,
            CancelAsked(user.user_id, correlation_id(request)),
            "not-pending",
            "The outcome is already set",
        )

    @api.post(
        "/{installation_id}/retry", status_code=202, responses=problems(*_CHANGE_PROBLEMS, "409 nothing-to-retry")
    )
    async def retry_installation(installation_id: Id, user: CurrentUser, request: Request) -> InstallationView:
        """Do the next thing now in place of later. Never changes an outcome: after a failure, ask anew."""
        return await change(
            user,
            installation_id,
            RetryAsked(user.user_id, correlation_id(request)),
            "nothing-to-retry",
            "Nothing is due any more",
        )

    @api.delete("/{installation_id}", status_code=202, responses=problems(*_CHANGE_PROBLEMS, "409 not-installed"))
    async def uninstall(installation_id: Id, user: CurrentUser, request: Request) -> InstallationView:
        """Remove an installed add-on. It is told, however long that takes; its tokens end at once."""
        return await change(
            user,
            installation_id,
            UninstallAsked(user.user_id, correlation_id(request)),
            "not-installed",
            "It is not installed",
        )

    async def change(
        user: Principal, installation_id: str, message: CancelAsked | RetryAsked | UninstallAsked, slug: str, title: str
    ) -> InstallationView:
        changes.check(user.user_id)
        await access.administered(installation_id, user)
        return await decided(store, installation_id, message, slug=slug, title=title)

    return api


def _page(found: Sequence[Installation], limit: int) -> Page[InstallationView]:
    items = [InstallationView(**showing.installation(one)) for one in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    return Page(items=items, next=encode_cursor((last.requested_at, last.id)) if last else None)


def _answer(content: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    """Written without a second validation: this is the hot path."""
    return Response(to_json(content), status, headers, "application/json")
