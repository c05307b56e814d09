"""Looks for what must never be: an installation that nobody would look at again."""

import asyncio

import structlog

from services.installer.delivery.metrics import STRANDED
from services.installer.storage.queries import InstallationQueries

log = structlog.get_logger()

LOOK_SECONDS = 60.0


class Watchdog:
    """A slow loop of every worker."""

    def __init__(self, queries: InstallationQueries) -> None:
        self._queries = queries

    async def run(self) -> None:
        """Look once a minute until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception as exc:  # noqa: BLE001 - the next look is a minute away
                log.warning("watchdog_failed", error=type(exc).__name__)

    async def look(self) -> None:
        """Tell operators, at ERROR and in a gauge: each one found is a bug of ours."""
        found = await self._queries.stranded()
        STRANDED.set(len(found))
        if found:
            log.error("installations_stranded", installation_ids=sorted(found))
