"""Places at which a consumer may die, so that tests can let it: as by a power cut, with nothing cleaned up."""

import os
import signal
from collections import Counter

POINTS = ("received", "begun", "stored", "committed")
"""Before anything is written; after the first effect; after all of them, before the commit; after it."""


class Points:
    """Counts how often each point is reached."""

    def __init__(self, die_at: str) -> None:
        point, _, time = die_at.partition(":")
        if die_at and (point not in POINTS or not time.isdigit()):
            raise ValueError(f"SAMPLE_CONSUMER_DIE_AT is <point>:<time>, a point of {', '.join(POINTS)}")
        self._fatal = (point, int(time or 0))
        self._times: Counter[str] = Counter()

    def reach(self, point: str) -> None:
        self._times[point] += 1
        if self._fatal == (point, self._times[point]):
            os.kill(os.getpid(), signal.SIGKILL)
