"""Who listens, and the one look per process at what has changed.

Each client reads for itself, from the database and from its own position; the hub only wakes those whom a change
concerns. It follows one change stream for the whole process, as a hint, and looks each second without one.
While nobody listens it does nothing.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog
from prometheus_client import Gauge

from services.notifier.domain import is_member
from services.notifier.feed_store import FeedStore
from services.notifier.store import Views
from shared.plumbing.errors import Problem, TooMany, Unavailable

log = structlog.get_logger()

STREAMS = Gauge("souk_streams", "Live updates that this process serves. sum")
BUSY_SECONDS = 0.05  # many changes, one look
AGAIN_SECONDS = 1.0


@dataclass(eq=False)
class Listener:
    """One client. `audiences` are the feed entries that concern it."""

    user_id: str
    workspace_id: str
    installation_id: str | None = None
    audiences: set[str] = field(default_factory=set)
    over: str | None = None
    """Why the stream ends, once it does."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def listens(self) -> bool:
        return self.over is None

    def wake(self) -> None:
        self._news.set()

    def end(self, reason: str) -> None:
        self.over = self.over or reason
        self.wake()

    async def wait(self, seconds: float) -> bool:
        """Whether there may be news; False after `seconds` without."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True


class Hub:
    """The listeners of this process."""

    def __init__(self, feed: FeedStore, views: Views, *, most: int, most_per_user: int) -> None:
        self._feed = feed
        self._views = views
        self._most = most
        self._most_per_user = most_per_user
        self._listeners: set[Listener] = set()
        self._by_user: dict[str, int] = defaultdict(int)
        self._anybody = asyncio.Event()
        self._closing = False
        # What has been seen: ends of the feed's partitions, versions of what is listened to.
        self._ends: dict[str, int] = {}
        self._installations: dict[str, int] = {}
        self._workspaces: dict[str, int] = {}

    def check_room(self, user_id: str) -> None:
        """Raises 429 `too-many-streams`, or 503 `streams-exhausted`."""
        if self._by_user.get(user_id, 0) >= self._most_per_user:
            raise TooMany("too-many-streams", "You have too many live connections", retry_after=10)
        if len(self._listeners) >= self._most or self._closing:
            raise Unavailable("streams-exhausted", "This server takes no more live connections", retry_after=5)

    @contextlib.contextmanager
    def join(self, listener: Listener) -> Iterator[None]:
        """Listen while inside. Where many came in at once, those for whom there is no room are at their end at once."""
        try:
            self.check_room(listener.user_id)
        except Problem as full:
            listener.end(full.slug)
        self._listeners.add(listener)
        self._by_user[listener.user_id] += 1
        STREAMS.inc()
        self._anybody.set()
        try:
            yield
        finally:
            STREAMS.dec()
            self._listeners.discard(listener)
            self._by_user[listener.user_id] -= 1
            if not self._by_user[listener.user_id]:
                del self._by_user[listener.user_id]
            if not self._listeners:
                self._anybody.clear()

    def close(self) -> None:
        """End all streams, so that the process can stop; clients go on at another replica."""
        self._closing = True
        for listener in list(self._listeners):
            listener.end("server-stopping")

    async def run(self) -> None:
        """Follow changes until cancelled."""
        while True:
            await self._anybody.wait()
            try:
                await self._follow()
            except Exception as exc:  # noqa: BLE001 - whatever the database does, we look again in a second
                log.warning("live_updates_wait", error=type(exc).__name__)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        self._ends = await self._feed.ends()
        self._installations, self._workspaces = {}, {}
        for listener in self._listeners:
            listener.wake()  # whatever happened while nobody looked
        while self._listeners:
            # The stream begins before the look, so nothing falls between. It is read for its first change only:
            # under load one look sees many changes, and reading each of them would cost more than all looks.
            async with self._feed.changes() as changes:
                await self._look()
                while self._listeners and not await changes.wait():
                    await self._look()
            busy = True
            while busy and self._listeners:
                busy = await self._look()
                await asyncio.sleep(BUSY_SECONDS)

    async def _look(self) -> bool:
        """Wake those whom a change concerns; whether there was any."""
        feed = await self._look_at_feed()
        installations = await self._look_at_installations()
        workspaces = await self._look_at_workspaces()
        return feed or installations or workspaces

    async def _look_at_feed(self) -> bool:
        news = await self._feed.news(self._ends)
        for one in news:
            self._ends[one["part"]] = one["offset"]
        audiences = {one["audience"] for one in news}
        for listener in self._listeners if audiences else ():
            if not audiences.isdisjoint(listener.audiences):
                listener.wake()
        return bool(news)

    async def _look_at_installations(self) -> bool:
        watched = {one.installation_id for one in self._listeners if one.installation_id}
        before = self._installations
        self._installations = await self._views.installation_versions(watched) if watched else {}
        changed = {key for key, version in self._installations.items() if before.get(key) != version}
        for listener in self._listeners if changed else ():
            if listener.installation_id in changed:
                listener.wake()
        return bool(changed)

    async def _look_at_workspaces(self) -> bool:
        watched = {one.workspace_id for one in self._listeners}
        before = self._workspaces
        self._workspaces = await self._views.workspace_versions(watched) if watched else {}
        changed = {key for key, version in self._workspaces.items() if before.get(key) != version}
        if not changed:
            return False
        workspaces = await self._views.workspaces(changed)
        for listener in list(self._listeners):
            if listener.workspace_id in changed and not is_member(
                workspaces.get(listener.workspace_id), listener.user_id
            ):
                listener.end("not-a-member")
        return True
