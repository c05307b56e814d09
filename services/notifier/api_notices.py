"""Maintenance notices over HTTP: everybody reads, operators raise and clear."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.notifier.domain import addon_scope
from services.notifier.mail_store import MailStore
from services.notifier.notice_store import NoticeStore
from services.notifier.notices import Origin, standing
from services.notifier.store import Views
from services.notifier.views import Notice, Notified, RaiseNotice, Scope
from shared.contracts.catalog import Visibility
from shared.plumbing.clock import Clock
from shared.plumbing.errors import NotFound
from shared.plumbing.http import Page, correlation_id, decode_cursor, encode_cursor, problems
from shared.plumbing.security import Principal, require_role
from shared.plumbing.state_relay import StateRelay

PREFIX = "/api/notifier/v1/notices"
Operator = Annotated[Principal, Depends(require_role("operator"))]


def notice_router(
    *, notices: NoticeStore, states: StateRelay, mails: MailStore, views: Views, clock: Clock
) -> APIRouter:
    """Routes of notices."""
    api = APIRouter(prefix=PREFIX, tags=["notices"])

    @api.get("")
    async def list_notices(addon: Annotated[str | None, Query(max_length=50)] = None) -> list[Notice]:
        """What stands now: for everything and for public add-ons, or for everything and for `addon`."""
        found = await notices.standing(None if addon is None else ["all", addon_scope(addon)])
        keys = {one["_id"].partition(":")[2] for one in found}
        shown = (Visibility.PUBLIC,) if addon is None else (Visibility.PUBLIC, Visibility.UNLISTED)
        # To others a private add-on does not exist, so its notices do not either; members see them in their feed.
        addons = await views.public_addons(keys, shown)
        return [
            Notice.of(one, addons) for one in found if one["_id"] == "all" or one["_id"].partition(":")[2] in addons
        ]

    @api.post("", status_code=201, responses=problems("token-missing", "role-required", "404 addon-not-found"))
    async def raise_notice(body: RaiseNotice, operator: Operator, request: Request) -> Notice:
        """Raise a notice, or change its text. Deliveries to the add-on (or to all) wait until it is cleared."""
        key = body.scope.partition(":")[2]
        addons = await views.addons([key])
        if key and key not in addons:
            raise NotFound("addon-not-found", "There is no such add-on")
        present = await notices.notice(body.scope) or {}
        now = clock.now()
        begun = present.get("operator") or {
            "notice_id": f"{body.scope}:operator:{present.get('version', 0) + 1}",
            "raised_at": now,
            "by": operator.user_id,
        }
        slots = {"operator": {**begun, "text": body.text}}
        raised = await notices.set_slots(body.scope, slots, now, _origin(request))
        states.mark([body.scope])
        return Notice.of(raised or present, addons)

    @api.delete(
        "/{scope}", status_code=204, responses=problems("token-missing", "role-required", "404 notice-not-found")
    )
    async def clear_notice(scope: Annotated[Scope, Path()], _: Operator, request: Request) -> Response:
        """Clear the notice that stands for the scope.

        Below an operator's one, that of an outage appears again, if there is one. That of an outage, cleared, stays
        away until the next outage.
        """
        stands = standing(await notices.notice(scope))
        if stands is None:
            raise NotFound("notice-not-found", "No notice stands for this scope")
        await notices.set_slots(scope, {stands["cause"]: None}, clock.now(), _origin(request))
        states.mark([scope])
        return Response(status_code=204)

    @api.get("/{notice_id}/notified", responses=problems("token-missing", "role-required", "invalid-cursor"))
    async def list_notified(
        notice_id: Annotated[str, Path(max_length=100)],
        _: Operator,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Page[Notified]:
        """Who was told of an outage by mail, or is to be."""
        after = decode_cursor(cursor, tuple[str])[0] if cursor else ""
        found = await mails.told(notice_id, after, limit + 1)
        people = [
            Notified(user_id=one["user_id"], state=one["state"], at=one.get("ended_at") or one["created_at"])
            for one in found[:limit]
        ]
        return Page(items=people, next=encode_cursor((found[limit - 1]["_id"],)) if len(found) > limit else None)

    return api


def _origin(request: Request) -> Origin:
    return Origin(correlation_id(request), correlation_id(request))
