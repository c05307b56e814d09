"""The installer's gauges: what of all installations is pending, late or given up."""

from services.installer.delivery import metrics
from services.installer.operating.overview_store import OverviewStore
from shared.contracts.installer import State
from shared.contracts.reasons import WaitingFor
from shared.plumbing.clock import Clock

_STATES = (State.REQUESTED, State.CHECKING, State.DELIVERING, State.WAITING)


class Measures:
    """One round of reading, for `shared.plumbing.measuring`."""

    def __init__(self, store: OverviewStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self) -> None:
        """Raises the driver's errors."""
        now = self._clock.now()
        rows = {(row["state"], row["waiting_for"]): row["count"] for row in await self._store.pending()}
        for state in _STATES:
            for waiting_for in (None, *WaitingFor):
                metrics.PENDING.labels(state, waiting_for or "").set(rows.get((state, waiting_for), 0))
        for side, count in (await self._store.troubled()).items():
            metrics.TROUBLED.labels(side).set(count)
        oldest = await self._store.oldest()
        metrics.OLDEST_PENDING.set((now - oldest.requested_at).total_seconds() if oldest else 0)
        overdue, beyond = await self._store.overdue(), await self._store.beyond_deadline()
        metrics.OVERDUE.set(overdue.count)
        metrics.OVERDUE_SECONDS.set((now - overdue.oldest).total_seconds() if overdue.oldest else 0)
        metrics.BEYOND_DEADLINE.set(beyond.count)
        counts = await self._store.counts()
        metrics.CLEANUP_OWED.set(counts["owed"])
        metrics.CLEANUP_GIVEN_UP.set(counts["given_up"])
        found = [one["state"] for one in await self._store.breakers()]
        for troubled in ("open", "half_open"):
            metrics.BREAKERS.labels(troubled).set(found.count(troubled))
        metrics.NOTICES.set(len(await self._store.notices()))
