"""What visitors say about pages, and what the site is called."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.notifier.store import FeedbackStore
from services.notifier.views import Feedback, GiveFeedback, Site
from shared.plumbing.clock import Clock
from shared.plumbing.errors import TooMany
from shared.plumbing.http import Page, decode_cursor, encode_cursor, problems
from shared.plumbing.network import network_of
from shared.plumbing.security import Principal, optional_user, require_role

PREFIX = "/api/notifier/v1"
Visitor = Annotated[Principal | None, Depends(optional_user)]
Operator = Annotated[Principal, Depends(require_role("operator"))]


def site_router(*, feedback: FeedbackStore, site: Site, clock: Clock, per_hour: int) -> APIRouter:
    """Feedback on pages, and the site's name, logo and support."""
    api = APIRouter(prefix=PREFIX, tags=["site"])

    @api.get("/site")
    async def read_site(response: Response) -> Site:
        """What the marketplace is called and where help is."""
        response.headers["Cache-Control"] = "public, max-age=300"
        return site

    @api.post("/feedback", status_code=204, responses=problems("429 too-many-requests"))
    async def give_feedback(body: GiveFeedback, user: Visitor, request: Request) -> Response:
        """Whether a page was helpful, and why; with or without an account."""
        now = clock.now()
        keys = [f"network:{network_of(request)}", *([f"account:{user.user_id}"] if user else [])]
        for key in keys:
            count, seconds = await feedback.count(key, now)
            if count > per_hour:
                raise TooMany("too-many-requests", "Too much feedback in this hour", retry_after=seconds)
        await feedback.add({**body.model_dump(), "user_id": user.user_id if user else None}, now)
        return Response(status_code=204)

    @api.get("/feedback", responses=problems("token-missing", "role-required", "invalid-cursor"))
    async def list_feedback(
        _: Operator,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Page[Feedback]:
        """The newest first."""
        before = decode_cursor(cursor, tuple[str])[0] if cursor else None
        found = await feedback.newest(before, limit + 1)
        items = [Feedback.model_validate({**one, "id": one["_id"]}) for one in found[:limit]]
        return Page(items=items, next=encode_cursor((items[-1].id,)) if len(found) > limit else None)

    return api
