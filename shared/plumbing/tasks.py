"""Ending background tasks for certain."""

import asyncio
from typing import Any


async def end(*tasks: "asyncio.Future[Any]", again: float = 0.5) -> None:
    """Cancel `tasks` and return when they are over, whatever they ended with.

    One cancellation may be lost: before Python 3.12 `asyncio.wait_for` drops one that arrives together with its
    result, and the database driver sends through it. One in ten was, when measured at random moments of an update.
    So each task is told again until it ends, every `again` seconds: longer than whatever it finishes properly takes.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report it as forgotten
