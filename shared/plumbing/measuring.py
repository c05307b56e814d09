"""What stands in the database and cannot be counted as it happens: gauges that every worker reads now and then.

All workers of a service find the same, so alerts take the `max`. Each question has its index and a bound.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from shared.plumbing.clock import Clock
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.metrics import (
    CLOCK_OFFSET,
    DEAD_LETTERS_OPEN,
    MEASURED,
    OUTBOX_OLDEST,
    OUTBOX_PENDING,
    STATE_OLDEST,
)
from shared.plumbing.outbox import OutboxRelay
from shared.plumbing.state_relay import StateRelay

log = structlog.get_logger()

EVERY_SECONDS = 15.0
MOST_COUNTED = 10_000
Measure = Callable[[], Awaitable[None]]


class Measuring:
    """A slow loop of every worker. `own` are the service's measures."""

    def __init__(
        self,
        *,
        letters: DeadLetters,
        outboxes: Sequence[OutboxRelay],
        states: Sequence[StateRelay],
        clock: Clock,
        own: Sequence[Measure] = (),
    ) -> None:
        self._letters = letters
        self._outboxes = outboxes
        self._states = states
        self._clock = clock
        self._own = own
        self._reasons: set[str] = set()

    async def run(self) -> None:
        """Measure until cancelled; without the database, what was seen last stands, and `MEASURED` grows old."""
        while True:
            try:
                await self.measure()
            except Exception as exc:  # noqa: BLE001 - the next round is seconds away
                log.warning("not_measured", error=type(exc).__name__)
            await asyncio.sleep(EVERY_SECONDS)

    async def measure(self) -> None:
        """One round. Raises the driver's errors."""
        CLOCK_OFFSET.set(time.time() - self._clock.now().timestamp())
        found = await self._letters.count_open(MOST_COUNTED)
        for reason in self._reasons | set(found):
            DEAD_LETTERS_OPEN.labels(reason).set(found.get(reason, 0))
        self._reasons |= set(found)
        for outbox in self._outboxes:
            count, since = await outbox.pending(MOST_COUNTED)
            OUTBOX_PENDING.labels(outbox.name).set(count)
            OUTBOX_OLDEST.labels(outbox.name).set(self._age(since))
        for state in self._states:
            STATE_OLDEST.labels(state.name).set(self._age(await state.oldest_unsent()))
        for measure in self._own:
            await measure()
        MEASURED.set(self._clock.now().timestamp())

    def _age(self, since: datetime | None) -> float:
        return 0.0 if since is None else max(0.0, (self._clock.now() - since).total_seconds())
