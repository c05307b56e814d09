"""Live updates: of one workspace from the stored feed, of one installation from its newest state and the feed.

Every stream reads from the database after its own position, so it may begin on any replica and go on on another.
The position in a workspace is a cursor over the feed's partitions. That in an installation is the `seq` of its newest
event that was told, which has no gaps: its `state` changes more often than it has events, is sent whole, and so needs
no position of its own.
"""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Iterable
from itertools import groupby
from operator import itemgetter

import structlog

from services.notifier.cursor import Cursor
from services.notifier.domain import addon_scope
from services.notifier.feed_store import FeedStore
from services.notifier.live import Hub, Listener
from services.notifier.sse import HEARTBEAT, RETRY, EventStream, frame
from services.notifier.store import Views
from services.notifier.views import Installation
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Document, is_infrastructure_fault
from shared.plumbing.security import Principal

log = structlog.get_logger()

HEARTBEAT_SECONDS = 15.0
PAGE = 200

Frames = AsyncGenerator[bytes, None]


class Streams:
    """Makes the streams. Who may have one is decided before."""

    def __init__(self, feed: FeedStore, views: Views, hub: Hub, clock: Clock, *, send_seconds: float) -> None:
        self._feed = feed
        self._views = views
        self._hub = hub
        self._clock = clock
        self._send_seconds = send_seconds

    def of_workspace(self, principal: Principal, workspace_id: str, cursor: Cursor | None) -> EventStream:
        """Events of the workspace after `cursor`, or from now on."""
        listener = Listener(principal.user_id, workspace_id)
        return self._stream(listener, self._workspace(listener, cursor), principal)

    def of_installation(self, principal: Principal, installation: Document, seq: int | None) -> EventStream:
        """The installation's state now and each newer one, and its events after `seq`, or from now on."""
        workspace_id = installation["workspace_id"]
        listener = Listener(principal.user_id, workspace_id, installation["_id"], {f"workspace:{workspace_id}"})
        return self._stream(listener, self._installation(listener, installation["_id"], seq), principal)

    def _stream(self, listener: Listener, frames: Frames, principal: Principal) -> EventStream:
        self._hub.check_room(principal.user_id)
        seconds = (principal.expires_at - self._clock.now()).total_seconds()
        return EventStream(self._until_over(listener, frames, seconds), send_seconds=self._send_seconds)

    async def _until_over(self, listener: Listener, frames: Frames, seconds: float) -> Frames:
        """The stream's frame: it begins with the pause before a reconnect, and ends with the reason for its end."""
        with self._hub.join(listener):
            end = asyncio.get_running_loop().call_later(seconds, listener.end, "token-expired")
            try:
                yield RETRY
                async for one in frames:
                    yield one
            except Exception as exc:
                if not is_infrastructure_fault(exc):
                    raise
                log.warning("stream_interrupted", error=type(exc).__name__)
                listener.end("database-unavailable")
            finally:
                end.cancel()
                await frames.aclose()
            yield frame("end", {"reason": listener.over})

    async def _workspace(self, listener: Listener, cursor: Cursor | None) -> Frames:
        cursor = cursor or Cursor(self._clock.now(), await self._feed.ends())
        listener.audiences |= await self._views.audiences(listener.workspace_id)
        greeted = False
        while listener.listens:
            at = self._clock.now()
            page = await self._feed.page(listener.audiences, cursor, PAGE)
            if not page:
                cursor = cursor.as_of(at)
            if not greeted:
                yield frame("hello", {"workspace_id": listener.workspace_id}, cursor.encode())
                greeted = True
            for unread, entry in zip(reversed(range(len(page))), in_time(page), strict=True):
                event = entry["event"]
                cursor = cursor.after(entry["part"], entry["offset"])
                if not unread and len(page) < PAGE:
                    cursor = cursor.as_of(at)
                if key := event["data"].get("addon_key"):
                    listener.audiences.add(addon_scope(key))
                yield frame(event["type"], event, cursor.encode())
            if len(page) < PAGE:
                async for beat in _quiet(listener):
                    yield beat

    async def _installation(self, listener: Listener, installation_id: str, seq: int | None) -> Frames:
        version = 0
        while listener.listens:
            document = await self._views.installation(installation_id)
            if document is None or document.get("deleted"):
                listener.end("installation-gone")
                return
            seq = document["seq"] if seq is None else seq
            if document["version"] > version:
                version = document["version"]
                yield frame("state", Installation.of(document).model_dump(mode="json"), str(seq))
            while events := await self._feed.of_installation(installation_id, seq):
                for event in events:
                    if event["seq"] > seq:  # one that came twice is in the feed twice
                        seq = event["seq"]
                        yield frame(event["type"], event, str(seq))
            async for beat in _quiet(listener):
                yield beat


async def _quiet(listener: Listener) -> Frames:
    """Heartbeats until there may be news, or the stream is over."""
    while not await listener.wait(HEARTBEAT_SECONDS):
        yield HEARTBEAT


def in_time(page: Iterable[Document]) -> Iterable[Document]:
    """The entries of a page by their time, those of each partition in their own order."""
    parts = [list(entries) for _, entries in groupby(page, key=itemgetter("part"))]
    return heapq.merge(*parts, key=lambda entry: entry["event"]["time"])
