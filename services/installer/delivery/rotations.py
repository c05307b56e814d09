"""After a key was lost: INSTALLED goes to every live installation again, signed with the new one.

What is to be done stands in the database (which key signs, and what each installation has), so any process goes on
where another has died.
"""

import asyncio
from datetime import timedelta

import structlog

from services.installer.addons.rotation_store import Rotation, RotationStore
from services.installer.delivery.worker import Worker
from services.installer.saga.inputs import RedeliveryAsked
from services.installer.storage.queries import InstallationQueries
from shared.plumbing.clock import Clock

log = structlog.get_logger()

LOOK_SECONDS = 1.0
BATCH = 100
LATECOMERS = timedelta(minutes=1)
"""So long a process may still give the old key to a new installation: twice as long as it remembers one."""


class Rotations:
    """A loop of every worker."""

    def __init__(self, store: RotationStore, queries: InstallationQueries, worker: Worker, clock: Clock) -> None:
        self._store = store
        self._queries = queries
        self._worker = worker
        self._clock = clock

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.round()
            except Exception as exc:  # noqa: BLE001 - the intent stands, and the next round is due anyway
                log.warning("rotations_failed", error=type(exc).__name__, detail=str(exc)[:200])

    async def round(self) -> None:
        """One batch for each add-on whose key was replaced in an emergency."""
        for one in await self._store.under_way():
            await self._tell(one)

    async def _tell(self, one: Rotation) -> None:
        ids = await self._queries.on_other_keys(one.addon_key, one.kid, BATCH)
        asked = [(found, RedeliveryAsked("key-rotation", kid=one.kid)) for found in ids]
        await self._worker.apply(asked, isolated=True)
        if ids:
            log.info("key_rotation", addon_key=one.addon_key, kid=one.kid, installations=len(ids))
        elif self._clock.now() - one.since > LATECOMERS and not await self._queries.left_on_other_keys(
            one.addon_key, one.kid
        ):
            await self._store.finished(one)
