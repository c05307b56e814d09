"""How many calls this process makes at once: in all, and to one add-on, so that one that hangs holds up only itself.

However many hang, they leave room for others: a lane gets another slot only while it has fewer than are still free. So
of n lanes that want all, each has one part of n + 1, and one part stays free: the "dynamic thresholds" of switches.
"""

from collections import Counter

from services.installer.domain import Kind, lane_of
from services.installer.settings import InstallerSettings


class Slots:
    """Counts calls by lane. A lane is an add-on and a kind of call; DELETED has slots of its own."""

    def __init__(self, settings: InstallerSettings, *, opened: bool = True) -> None:
        self._opened = opened
        self._limits = {
            False: (settings.slots_per_addon, settings.slots),
            True: (settings.cleanup_slots_per_addon, settings.cleanup_slots),
        }
        self._taken: Counter[str] = Counter()
        self._total: Counter[bool] = Counter()

    def open(self) -> None:
        """From now on calls may begin here: somebody prolongs their leases and waits for their ends."""
        self._opened = True

    def close(self) -> None:
        """No call begins any more; others find what is due."""
        self._opened = False

    def free(self, lane: str) -> int:
        """How many more calls fit."""
        if not self._opened:
            return 0
        cleanup = _is_cleanup(lane)
        per_addon, in_all = self._limits[cleanup]
        taken, unused = self._taken[lane], in_all - self._total[cleanup]
        return max(0, min(per_addon - taken, (unused - taken + 1) // 2))  # this many steps until they meet

    def take(self, lane: str) -> bool:
        """Reserve a slot, if one is free."""
        if self.free(lane) <= 0:
            return False
        self._taken[lane] += 1
        self._total[_is_cleanup(lane)] += 1
        return True

    def give(self, lane: str) -> None:
        """Return a slot."""
        self._taken[lane] -= 1
        if not self._taken[lane]:
            del self._taken[lane]
        self._total[_is_cleanup(lane)] -= 1

    def full(self) -> list[str]:
        """Lanes in which a call is going on and no other fits."""
        return [lane for lane in self._taken if self.free(lane) <= 0]


def _is_cleanup(lane: str) -> bool:
    return lane == lane_of(lane.rpartition("/")[0], Kind.DELETED)
