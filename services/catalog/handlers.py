"""Keeping the number of installs on each listing."""

import asyncio
from collections.abc import Sequence

from services.catalog.store import CatalogStore
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import InstallationChanged
from shared.plumbing.clock import Clock
from shared.plumbing.outcomes import Outcome
from shared.plumbing.projections import Projection

COUNT_SECONDS = 2.0


class Counts:
    """Keeps the number of installs on each listing, a few seconds behind."""

    def __init__(self, store: CatalogStore, projection: Projection, clock: Clock) -> None:
        self._store = store
        self._projection = projection
        self._clock = clock

    async def on_installations(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        """Project, and note which add-ons to count again."""
        outcomes = await self._projection.apply(batch)
        keys = {one.data.addon_key for one in batch if isinstance(one.data, InstallationChanged)}
        if keys:
            await self._store.count_later(sorted(keys), self._clock.now())
        return outcomes

    async def run(self) -> None:
        """Count again and again until cancelled."""
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            await self._store.recount()
