"""What lives in a workspace that was deleted ends: installed add-ons are removed, pending installs fail.

The projection alone says what is to be done, so neither a killed process nor a topic read again loses or doubles
anything: a deleted workspace stays due until a round has found nothing alive in it. If it comes back and is deleted
again, that deletion replaces the projection's document, and with it the mark.
"""

import asyncio

import structlog

from services.installer.delivery.worker import Worker
from services.installer.known import Known
from services.installer.saga.inputs import WorkspaceGone
from services.installer.storage.queries import InstallationQueries

log = structlog.get_logger()

LOOK_SECONDS = 1.0
BATCH = 100


class Departures:
    """A loop of every worker."""

    def __init__(self, known: Known, queries: InstallationQueries, worker: Worker) -> None:
        self._workspaces = known.workspaces.collection
        self._queries = queries
        self._worker = worker

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.round()
            except Exception as exc:  # noqa: BLE001 - the workspaces are still due in the next round
                log.warning("departures_failed", error=type(exc).__name__, detail=str(exc)[:200])

    async def round(self) -> None:
        """End what lives in workspaces that are newly deleted."""
        due = {"deleted": True, "settled": None}
        gone = await self._workspaces.find(due, {"version": 1}).limit(BATCH).to_list()
        if not gone:
            return
        live = await self._queries.live_in([workspace["_id"] for workspace in gone])
        decisions = await self._worker.apply([(one, WorkspaceGone()) for one in live], isolated=True)
        # What a newer release has written is left to its processes, and its workspace to a later round.
        left = {live[one] for one, decision in zip(live, decisions, strict=True) if decision is None}
        for workspace in gone:
            if workspace["_id"] not in left:
                which = {"_id": workspace["_id"], "version": workspace["version"]}
                await self._workspaces.update_one(which, {"$set": {"settled": True}})
        if live:
            log.info("workspaces_departed", workspaces=len(gone), installations=len(live))
