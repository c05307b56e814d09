"""Answers whose time tells nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def at_least(seconds: float) -> AsyncIterator[None]:
    """Answer no sooner than this: what was found and written must not show in the time it took."""
    until = asyncio.get_running_loop().time() + seconds
    try:
        yield
    finally:
        await asyncio.sleep(until - asyncio.get_running_loop().time())
