"""One clock for the whole marketplace: the database's.

A process whose own clock is off by minutes does no harm, because nothing reads it: `now` is database time,
estimated from the server's `hello` plus the monotonic clock, and refreshed every five seconds.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from shared.plumbing.mongo import Client

log = structlog.get_logger()

REFRESH_SECONDS = 5.0
RETRY_SECONDS = 0.5
_FAILURES = 2


class Clock(Protocol):
    """Whatever tells the time; tests bring their own."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...


class ClockNotSetError(Exception):
    """The database has not been reached yet, so the time is not known."""


class DatabaseClock:
    """Database time without a round trip per look."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._base: datetime | None = None
        self._measured_at = 0.0
        self._failures = 0

    @property
    def in_touch(self) -> bool:
        """Whether the database answers: since its last answer, until two looks in a row had none.

        One may meet an election, which is over before the next.
        """
        return self._base is not None and self._failures < _FAILURES

    def now(self) -> datetime:
        """Database time, good to about half a round trip, with the millisecond precision that MongoDB stores.

        Raises `ClockNotSetError` before the first contact with the database.
        """
        if self._base is None:
            raise ClockNotSetError
        elapsed = timedelta(seconds=time.monotonic() - self._measured_at)
        moment = self._base + elapsed
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    async def synchronise(self) -> None:
        """Ask the server once. Raises the driver's errors."""
        before = time.monotonic()
        answer = await self._client.admin.command("hello")
        after = time.monotonic()
        # The driver tells UTC; of a command it does so without saying it, and elsewhere that would mean local time.
        self._base = answer["localTime"].replace(tzinfo=UTC)
        self._measured_at = (before + after) / 2
        self._failures = 0

    async def run(self) -> None:
        """Keep the estimate fresh until cancelled. While the database is away the monotonic clock carries on."""
        while True:
            try:
                await self.synchronise()
            except Exception as exc:  # noqa: BLE001 - whatever the driver raises, the next look comes in seconds
                self._failures += 1
                log.warning("clock_refresh_failed", error=type(exc).__name__)
            await asyncio.sleep(RETRY_SECONDS if self._failures else REFRESH_SECONDS)
