"""What the doctor looks at in the installer."""

from collections.abc import Sequence
from datetime import timedelta

from services.installer.operating.overview_store import OverviewStore
from shared.plumbing.clock import Clock
from shared.plumbing.doctor import Check, Finding, Fix

DOWN_LONG = timedelta(hours=1)
NOTICE_LONG = timedelta(days=1)
_NAMED = 20


class Checks:
    """Over the same questions as the overview."""

    def __init__(self, store: OverviewStore, clock: Clock, rebuild_addons: Fix) -> None:
        self._store = store
        self._clock = clock
        self._rebuild_addons = rebuild_addons

    @property
    def all(self) -> tuple[Check, ...]:
        """Every check."""
        return self.late, self.counts, self.breakers, self.notices, self.vanished

    async def late(self) -> Sequence[Finding]:
        """Overdue, and beyond the deadline."""
        slugs = {
            "installations-overdue": await self._store.overdue(),
            "installations-beyond-deadline": await self._store.beyond_deadline(),
        }
        return [
            Finding(slug, {"count": late.count, "oldest_due_at": late.oldest})
            for slug, late in slugs.items()
            if late.count
        ]

    async def counts(self) -> Sequence[Finding]:
        """Stranded, and given up."""
        counts = await self._store.counts()
        found = []
        if stranded := await self._store.stranded():
            found.append(Finding("installations-stranded", {"count": stranded}, self._store.wake_stranded))
        if counts["given_up"]:
            found.append(Finding("cleanup-given-up", {"within_30_days": counts["given_up"]}))
        return found

    async def breakers(self) -> Sequence[Finding]:
        """Open for long."""
        now = self._clock.now()
        found = [one for one in await self._store.breakers() if now - one["since"] > DOWN_LONG]
        return [
            Finding("breaker-open-long", {"addon": one["addon_key"], "since": one["since"], "cause": one["cause"]})
            for one in found
        ]

    async def notices(self) -> Sequence[Finding]:
        """Operators' notices that stand for long."""
        long_ago = self._clock.now() - NOTICE_LONG
        found = await self._store.notices_before(long_ago)
        return [Finding("notice-standing", {"scopes": found})] if found else []

    async def vanished(self) -> Sequence[Finding]:
        """Add-ons that live in workspaces and that the copy of the catalog does not know."""
        found = await self._store.unknown_addons()
        evidence = {"count": len(found), "addons": found[:_NAMED]}
        return [Finding("addon-vanished", evidence, self._rebuild_addons)] if found else []
