"""What others hear of a write: its events at once, and its state as far as somebody can make use of it."""

import asyncio
from collections.abc import Sequence

from services.installer.delivery.metrics import OUTCOMES
from services.installer.domain import Installation
from shared.contracts.installer import State
from shared.plumbing.outbox import OutboxRelay
from shared.plumbing.state_relay import StateRelay

# Longer than most installations take. Each state sent costs a read, a record and a write; the steps of an
# installation that is through in a blink tell nobody anything. If one lasts, this tells where it is.
STEP_SECONDS = 0.3
_STEPS = frozenset({State.REQUESTED, State.CHECKING, State.DELIVERING})


class Announcer:
    """Hears of every write of this process. The marks are in the documents, so nothing is lost with it."""

    def __init__(self, outbox: OutboxRelay, states: StateRelay) -> None:
        self._outbox = outbox
        self._states = states
        self._later: dict[str, asyncio.TimerHandle] = {}

    def __call__(self, before: Installation | None, after: Installation) -> None:
        """Hand over what the write put into the outbox, and see that the state is sent."""
        if after.outbox and (before is None or after.outbox[-1] not in before.outbox):
            self._outbox.dispatch(after.id, after.outbox)
        if after.state in _STEPS and not after.trouble:
            if after.id not in self._later:
                loop = asyncio.get_running_loop()
                self._later[after.id] = loop.call_later(STEP_SECONDS, self._tell, after.id)
        else:
            self._tell(after.id)
        if before is not None and before.pending and not after.pending:
            OUTCOMES.labels(after.outcome, after.reason or "").inc()

    def take(self, installation_id: str) -> Sequence[str]:
        """See `Clearing`."""
        return self._outbox.take(installation_id)

    def give_back(self, installation_id: str, ids: Sequence[str]) -> None:
        """See `Clearing`."""
        self._outbox.give_back(installation_id, ids)

    def _tell(self, installation_id: str) -> None:
        timer = self._later.pop(installation_id, None)
        if timer is not None:
            timer.cancel()
        self._states.mark([installation_id])
