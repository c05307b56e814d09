"""The whole feed and the whole state, for services downstream that have no way to Kafka."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from services.notifier.api import PREFIX
from services.notifier.cursor import Cursor
from services.notifier.domain import FEED_KEPT
from services.notifier.feed_store import FeedStore
from services.notifier.store import Views
from services.notifier.streams import in_time
from services.notifier.views import FeedEvent, FeedPage, HexId, Installation, WholeSnapshot
from shared.plumbing.clock import Clock
from shared.plumbing.http import problems
from shared.plumbing.security import Principal, require_role

Operator = Annotated[Principal, Depends(require_role("operator"))]
_OPERATORS = ("token-missing", "token-invalid", "token-expired", "role-required")


def downstream_router(*, feed: FeedStore, views: Views, clock: Clock) -> APIRouter:
    """Routes for operators; a program uses an operator's personal access token with the scope `notifier:read`."""
    api = APIRouter(prefix=f"{PREFIX}/operator", tags=["downstream"])

    @api.get("/feed", responses=problems(*_OPERATORS, "invalid-cursor", "410 cursor-expired"))
    async def read_whole_feed(
        _: Operator,
        request: Request,
        after: Annotated[str | None, Query(max_length=10_000)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> FeedPage:
        """Every event of every workspace, and every notice, from the oldest that is kept.

        Order holds within each installation, but for what had to be set aside and comes late. An event may come twice,
        always with the same `id`. Give `next` as `after` to go on; a cursor is good for 14 days, then the answer is 410
        with a link to the snapshot.
        """
        at = clock.now()
        if after:
            cursor = Cursor.decode(after)
            cursor.check_age(at, f"{request.app.state.public_url}{PREFIX}/operator/snapshot")
        else:
            cursor = Cursor(at - FEED_KEPT + timedelta(days=1))
        entries, more = await feed.whole_page(cursor, limit)
        for entry in entries:
            cursor = cursor.after(entry["part"], entry["offset"])
        if not more:
            cursor = cursor.as_of(at)
        events = [FeedEvent.model_validate(entry["event"]) for entry in in_time(entries)]
        return FeedPage(events=events, next=cursor.encode(), more=more)

    @api.get("/snapshot", responses=problems(*_OPERATORS))
    async def read_whole_snapshot(
        _: Operator,
        after: Annotated[HexId | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> WholeSnapshot:
        """Every installation as it is now, ended ones included, by id; for whoever begins or has lost the thread.

        Keep the `cursor` of the first page, read all pages, then follow the feed from that cursor: what it brings may
        be in the snapshot already, so compare `seq`.
        """
        cursor = await feed.before_the_state(clock.now())
        found = await views.all_installations(after or "", limit + 1)
        shown = [Installation.of(one) for one in found[:limit] if not one.get("deleted")]
        return WholeSnapshot(
            cursor=cursor.encode(),
            installations=shown,
            next=found[limit - 1]["_id"] if len(found) > limit else None,
        )

    return api
