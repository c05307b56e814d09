"""An add-on's picture, fetched from its publisher once and served from our own address.

Visitors' browsers ask nobody else for anything, so no publisher learns who looks at its add-on; and a picture that is
slow, huge or no picture at all costs one fetch of ours an hour, and nobody's page.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog

from services.catalog.icon_store import Icon, IconStore
from shared.plumbing.clock import Clock
from shared.plumbing.outgoing import OutgoingClient, OutgoingError

log = structlog.get_logger()

MAX_BYTES = 256 * 1024
AGAIN = timedelta(hours=1)
"""After so long a picture that could not be had is tried again, and one that could is looked at again."""
_AT_ONCE = 4
_OK = 200

# By their first bytes: what a publisher's server says of them may be anything.
_BEGINNINGS: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def media_type(content: bytes) -> str | None:
    """What kind of picture the bytes are; None for everything else."""
    for beginning, kind in _BEGINNINGS.items():
        if content.startswith(beginning):
            return kind
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if b"<svg" in content[:1024].lower() and content.lstrip().startswith(b"<") else None


class Icons:
    """Fetches and keeps them."""

    def __init__(self, store: IconStore, client: OutgoingClient, clock: Clock, deadline_seconds: float) -> None:
        self._store = store
        self._client = client
        self._clock = clock
        self._deadline = deadline_seconds
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._fetching: dict[str, asyncio.Task[Icon | None]] = {}

    async def of(self, addon_key: str, url: str | None) -> Icon | None:
        """The picture at `url`, which is the add-on's; None if there is none that can be shown."""
        if url is None:
            return None
        kept = await self._store.find(addon_key, url)
        if kept is not None and self._clock.now() - kept.at < AGAIN:
            return kept.icon
        task = self._fetching.get(url)
        if task is None:  # whoever comes meanwhile waits for the same
            task = asyncio.create_task(self._renew(addon_key, url))
            self._fetching[url] = task
            task.add_done_callback(lambda _: self._fetching.pop(url, None))
        fresh = await asyncio.shield(task)
        return fresh or (kept.icon if kept is not None else None)

    async def _renew(self, addon_key: str, url: str) -> Icon | None:
        async with self._slots:
            icon = await self._fetch(url)
        await self._store.keep(addon_key, url, icon, self._clock.now())
        return icon

    async def _fetch(self, url: str) -> Icon | None:
        try:
            answer = await self._client.request("GET", url, deadline=self._deadline, max_response=MAX_BYTES)
        except OutgoingError as exc:
            log.info("icon_unreachable", error=str(exc)[:200])
            return None
        kind = media_type(answer.body)
        if answer.status != _OK or not answer.body_complete or answer.truncated or kind is None:
            log.info("icon_refused", status=answer.status, truncated=answer.truncated)
            return None
        return Icon(kind, answer.body)
