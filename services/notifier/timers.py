"""When a worker works: at the bell, when something is due, and again soon after the database was away."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from shared.plumbing.mongo import is_infrastructure_fault

log = structlog.get_logger()

AGAIN_SECONDS = 1.0


class Bell:
    """Wakes the worker of this process when there is news, so that nothing waits for the next poll."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after `seconds`."""
        # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the ring.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()


async def work_off(
    name: str, work: Callable[[], Awaitable[bool]], pause: Callable[[], Awaitable[float]], bell: Bell
) -> None:
    """Call `work` for ever: at once again while it finds something to do, else at the bell or after a `pause`."""
    while True:
        seconds = AGAIN_SECONDS
        try:
            if await work():
                continue
            seconds = await pause()
        except Exception as exc:
            if not is_infrastructure_fault(exc):
                raise
            log.warning("work_waits", worker=name, error=type(exc).__name__)
        await bell.wait(seconds)
