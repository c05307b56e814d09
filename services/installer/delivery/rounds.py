"""The worker's rounds: what is due, who can go on, who has to wait, and which closed door to knock at.

Every process goes all of them; each picks at random from what it finds, so that they seldom meet, and where they
meet the compare-and-set decides.
"""

import asyncio
import random

import structlog

from services.installer.addons.listings import AddOns
from services.installer.delivery.caller import Caller
from services.installer.delivery.health import Health
from services.installer.delivery.slots import Slots
from services.installer.delivery.worker import Worker
from services.installer.domain import Kind, lane_of
from services.installer.saga.inputs import Verdict
from services.installer.settings import InstallerSettings
from services.installer.storage.queries import DueItem, InstallationQueries
from shared.contracts.installer import State
from shared.contracts.reasons import WaitingFor
from shared.plumbing.clock import Clock

log = structlog.get_logger()

BATCH = 200
ATTEND_SECONDS = 1.0


class Rounds:
    """Loops of one process."""

    def __init__(
        self,
        worker: Worker,
        queries: InstallationQueries,
        addons: AddOns,
        health: Health,
        caller: Caller,
        *,
        slots: Slots,
        settings: InstallerSettings,
        clock: Clock,
    ) -> None:
        self._worker = worker
        self._queries = queries
        self._addons = addons
        self._health = health
        self._caller = caller
        self._slots = slots
        self._poll = settings.poll_interval.total_seconds()
        self._clock = clock
        self._probes: set[asyncio.Task[None]] = set()

    async def run_due(self) -> None:
        """Look at what is due, until cancelled."""
        while True:
            try:
                busy = await self.due()
            except Exception as exc:  # noqa: BLE001 - the next round is due anyway
                log.warning("due_round_failed", error=type(exc).__name__, detail=str(exc)[:200])
                busy = False
            if not busy:
                await asyncio.sleep(self._poll)

    async def due(self) -> bool:
        """One round. Whether there may be more to do at once."""
        found = await self._queries.due(4 * BATCH, self._slots.full())
        items = _some(found, BATCH)
        for item in items:
            # Somebody pressed the button, or looks for the first time in minutes: good enough for a probe.
            if item.state is State.WAITING and self._health.unavailable(item.addon_key) is WaitingFor.ADDON:
                await self._probe(item.addon_key, item, eager=True)
        decisions = await self._worker.look(items)
        done = sum(each is not None and each.verdict is Verdict.APPLIED for each in decisions)
        return len(found) > len(items) or (done > 0 and len(found) == BATCH)

    async def run_attending(self) -> None:
        """Move between waiting and delivering with the add-ons' health, until cancelled."""
        while True:
            await asyncio.sleep(ATTEND_SECONDS)
            try:
                await self.attend()
            except Exception as exc:  # noqa: BLE001 - as above
                log.warning("attending_failed", error=type(exc).__name__, detail=str(exc)[:200])

    async def attend(self) -> None:
        """One round."""
        for addon_key in await self._queries.addons_in(State.WAITING):
            if self._health.unavailable(addon_key) is None:
                free = self._slots.free(lane_of(addon_key, Kind.INSTALLED))
                await self._worker.look(_some(await self._queries.waiting(addon_key, 4 * BATCH), min(free, BATCH)))
        if self._health.down() or self._health.under_notice():
            for addon_key in await self._queries.addons_in(State.DELIVERING):
                if self._health.unavailable(addon_key) is not None:
                    await self._worker.look(await self._queries.delivering(addon_key, BATCH))
        for addon_key, breaker in list(self._health.down().items()):
            probe_at = breaker.probe_at
            if probe_at is None or probe_at <= self._clock.now():
                waiting = [
                    item for item in await self._queries.waiting(addon_key, 1) if item.waiting_for is WaitingFor.ADDON
                ]
                await self._probe(addon_key, waiting[0] if waiting else None)

    async def _probe(self, addon_key: str, item: DueItem | None, *, eager: bool = False) -> None:
        """Try whether the add-on is back: by the call of somebody who waits for it, else by its manifest."""
        if not await self._health.try_probe(addon_key, eager=eager):
            return
        if item is not None:
            decisions = await self._worker.look([item], probing=item.id)
            if any(each is not None and each.installation.flight is not None for each in decisions):
                return
        task = asyncio.create_task(self._knock(addon_key))
        self._probes.add(task)
        task.add_done_callback(self._probes.discard)

    async def _knock(self, addon_key: str) -> None:
        try:
            addon = (await self._addons.now([addon_key])).get(addon_key)
        except Exception as exc:  # noqa: BLE001 - given up for lost, it is tried again
            log.warning("probe_failed", addon_key=addon_key, error=type(exc).__name__)
            return
        if addon is not None:
            self._health.count(addon_key, await self._caller.probe(addon.manifest_url or addon.snapshot.base_url))


def _some(items: list[DueItem], limit: int) -> list[DueItem]:
    return random.sample(items, limit) if 0 <= limit < len(items) else items
