"""What strangers do to an account, counted for its owner without costing the stranger's request any time.

A write with the request would cost time for accounts that exist only, and tell by it who has one.
"""

import asyncio

import structlog

from services.auth.domain import Cause, SecurityKind
from services.auth.security.store import SecurityLog

log = structlog.get_logger()

FLUSH_SECONDS = 2.0
_MOST = 10_000


class Tally:
    """Counts in memory, and writes every two seconds: what a process that is killed has not written is lost."""

    def __init__(self, security: SecurityLog) -> None:
        self._security = security
        self._counts: dict[tuple[str, SecurityKind], tuple[int, Cause]] = {}

    def note(self, user_id: str, kind: SecurityKind, cause: Cause) -> None:
        """Count one. Beyond ten thousand accounts in two seconds, further ones are not counted."""
        times = self._counts.get((user_id, kind), (0, cause))[0]
        if times or len(self._counts) < _MOST:
            self._counts[user_id, kind] = (times + 1, cause)

    async def flush(self) -> None:
        """Write what was counted. Raises the driver's errors; the counts are kept then."""
        counts, self._counts = self._counts, {}
        try:
            await self._security.count(counts)
        except Exception:
            for key, (times, cause) in counts.items():
                more, newest = self._counts.get(key, (0, cause))
                self._counts[key] = (times + more, newest)
            raise

    async def run(self) -> None:
        """Write again and again until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Exception as exc:  # noqa: BLE001 - whatever the driver raises, the next write comes in seconds
                log.warning("tally_not_written", error=type(exc).__name__)
