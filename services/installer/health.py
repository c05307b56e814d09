"""Whether add-ons can be called now: breakers and operators' notices, as the last look at them (1 s) saw them."""

from datetime import datetime
from typing import Protocol

from shared.contracts.reasons import WaitingFor


class Availability(Protocol):
    """What preflight and the saga ask."""

    def unavailable(self, addon_key: str) -> WaitingFor | None:
        """ADDON: its breaker is open. MAINTENANCE: an operator's notice stands. None: calls are made."""
        ...

    def next_probe_at(self, addon_key: str) -> datetime | None:
        """When an open breaker lets the next call through."""
        ...
