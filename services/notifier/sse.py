"""Server-Sent Events (WHATWG HTML §9.2) as an ASGI response.

Frames come from an iterator; while it waits, the client's leaving is noticed. A client that does not take what it
is sent is cut off, so that none can pile up memory here.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import orjson
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.plumbing.tasks import end

log = structlog.get_logger()

HEARTBEAT = b": heartbeat\n\n"
RETRY = b"retry: 2000\n\n"
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # for proxies that would gather a page before they pass it on
}


def frame(event: str, data: object, event_id: str | None = None) -> bytes:
    """One event. JSON has no line breaks of its own, so `data` is one line."""
    lines = [b"event: " + event.encode(), b"data: " + orjson.dumps(data, option=orjson.OPT_UTC_Z)]
    if event_id is not None:
        lines.insert(0, b"id: " + event_id.encode())
    return b"\n".join(lines) + b"\n\n"


class EventStream(Response):
    """Sends `frames` as they come, each within `send_seconds`."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes, None], *, send_seconds: float) -> None:
        self._frames = frames
        self._send_seconds = send_seconds
        self.status_code = 200
        self.background = None
        self.init_headers(_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(leaving, sending)
            with contextlib.suppress(Exception):
                await self._frames.aclose()
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for chunk in self._frames:
            try:
                async with asyncio.timeout(self._send_seconds):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except TimeoutError:
                log.info("stream_cut", seconds=self._send_seconds)
                return  # without an end of the body: the server closes the connection
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
