"""Forgets signing keys that nobody needs, private and public: a lost one verifies nothing any more."""

import asyncio
from datetime import timedelta

import structlog

from services.installer.addons.keys import AddOnKeys
from services.installer.storage.queries import InstallationQueries

log = structlog.get_logger()

LOOK_SECONDS = 600.0
SETTLED = timedelta(minutes=5)
"""So long after the last change of any add-on's key no process gives a former one to an installation."""


class Retiring:
    """A loop of every worker."""

    def __init__(self, keys: AddOnKeys, queries: InstallationQueries) -> None:
        self._keys = keys
        self._queries = queries

    async def run(self) -> None:
        """Look every ten minutes until cancelled."""
        while True:
            try:
                await self.round()
            except Exception as exc:  # noqa: BLE001 - the next round finds the same keys
                log.warning("retiring_failed", error=type(exc).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def round(self) -> None:
        """Forget each key that signs for no add-on, and that no live installation and no unfinished call names."""
        for kid in await self._keys.unassigned(SETTLED):
            if not await self._queries.need_key(kid):
                await self._keys.forget(kid)
                log.info("signing_key_retired", kid=kid)
