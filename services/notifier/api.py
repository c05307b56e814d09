"""The notifier's public API: live updates and the feed, for members of a workspace."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from services.notifier.access import Access
from services.notifier.cursor import Cursor
from services.notifier.domain import FEED_KEPT, addon_scope
from services.notifier.feed_store import FeedStore
from services.notifier.notice_store import NoticeStore
from services.notifier.sse import EventStream
from services.notifier.store import Views
from services.notifier.streams import Streams, in_time
from services.notifier.views import FeedEvent, FeedPage, HexId, Installation, Notice, Snapshot
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Problem
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser

PREFIX = "/api/notifier/v1"
SNAPSHOT_MOST = 1_000
LastEventId = Annotated[str | None, Header(max_length=10_000)]
_MEMBERS = ("token-missing", "token-invalid", "token-expired", "404 workspace-not-found")
_CURSOR = ("invalid-cursor", "410 cursor-expired")
_STREAM = ("429 too-many-streams", "503 streams-exhausted")
_EVENTS = {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Server-Sent Events"}


def live_router(
    *, streams: Streams, feed: FeedStore, views: Views, notices: NoticeStore, access: Access, clock: Clock
) -> APIRouter:
    """Routes of what changes."""
    api = APIRouter(prefix=PREFIX, tags=["live"])

    def snapshot_url(request: Request, workspace: str) -> str:
        return f"{request.app.state.public_url}{PREFIX}/snapshot?workspace={workspace}"

    def position(given: str | None, request: Request, workspace: str) -> Cursor | None:
        if not given:
            return None
        cursor = Cursor.decode(given)
        cursor.check_age(clock.now(), snapshot_url(request, workspace))
        return cursor

    @api.get(
        "/stream",
        status_code=200,
        response_class=EventStream,
        responses={200: _EVENTS, **problems(*_MEMBERS, *_CURSOR, *_STREAM)},
    )
    async def stream_workspace(
        workspace: HexId, user: CurrentUser, request: Request, last_event_id: LastEventId = None
    ) -> EventStream:
        """Events of the workspace and notices about its add-ons, as they come.

        The first event, `hello`, and every later one has an id; sent back as `Last-Event-ID`, to any replica and
        for 14 days, it resumes without a gap. The last event, `end`, says why the stream ends.
        """
        await access.workspace(workspace, user.user_id)
        return streams.of_workspace(user, workspace, position(last_event_id, request, workspace))

    @api.get(
        "/installations/{installation_id}/stream",
        status_code=200,
        response_class=EventStream,
        responses={
            200: _EVENTS,
            **problems(*_MEMBERS[:3], "404 installation-not-found", "invalid-cursor", *_STREAM),
        },
    )
    async def stream_installation(
        installation_id: HexId, user: CurrentUser, last_event_id: LastEventId = None
    ) -> EventStream:
        """The installation's `state`, now and whenever it changes, and its events as they come.

        The id is the `seq` of the newest event so far; sent back as `Last-Event-ID`, to any replica, it resumes without
        a gap: first the state, then the events after it, `0` for all. What is older than 14 days only the state tells.
        """
        if last_event_id and not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 16):  # noqa: PLR2004 - far above any real sequence
            raise Problem("invalid-cursor", 400, "Last-Event-ID is no `seq` of this installation")
        installation = await access.installation(installation_id, user.user_id)
        return streams.of_installation(user, installation, int(last_event_id) if last_event_id else None)

    @api.get("/feed", responses=problems(*_MEMBERS, *_CURSOR))
    async def read_feed(
        workspace: HexId,
        user: CurrentUser,
        request: Request,
        after: Annotated[str | None, Query(max_length=10_000)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> FeedPage:
        """The same events in pages, from the oldest that is kept. Order holds within each installation."""
        await access.workspace(workspace, user.user_id)
        at = clock.now()
        # From the beginning: what is about to be forgotten may be missed by whoever takes longer than a day to read.
        cursor = position(after, request, workspace) or Cursor(at - FEED_KEPT + timedelta(days=1))
        page = await feed.page(await views.audiences(workspace), cursor, limit + 1)
        shown = page[:limit]
        for entry in shown:
            cursor = cursor.after(entry["part"], entry["offset"])
        if len(page) <= limit:
            cursor = cursor.as_of(at)
        events = [FeedEvent.model_validate(entry["event"]) for entry in in_time(shown)]
        return FeedPage(events=events, next=cursor.encode(), more=len(page) > limit)

    @api.get("/snapshot", responses=problems(*_MEMBERS))
    async def read_snapshot(workspace: HexId, user: CurrentUser) -> Snapshot:
        """How the workspace is now, and the cursor from which to follow it: for whoever has lost the thread."""
        await access.workspace(workspace, user.user_id)
        cursor = await feed.before_the_state(clock.now())
        installations = await views.live_installations(workspace, SNAPSHOT_MOST)
        keys = {one["addon_key"] for one in installations}
        found = await notices.standing(["all", *map(addon_scope, sorted(keys))])
        addons = await views.addons(keys)
        return Snapshot(
            cursor=cursor.encode(),
            installations=[Installation.of(one) for one in installations],
            notices=[Notice.of(one, addons) for one in found],
        )

    return api
