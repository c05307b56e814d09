"""Awaiting what another task, process or server does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

# As long as a busy machine may take; only a test that fails waits so long.
PATIENCE_SECONDS = 60.0


async def eventually(check: Callable[[], Any]) -> Any:
    """The first true answer of `check`, which may be a coroutine function. Raises AssertionError when time is up."""
    end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        found = check()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < end, f"it did not happen within {PATIENCE_SECONDS:.0f} s"
        await asyncio.sleep(0.02)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether it has become true in time; for tests that are no coroutines."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
