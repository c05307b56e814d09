"""One line instead of thousands: libraries that try again at once also tell of it each time.

While Kafka is away a client of it wrote 110,000 lines a minute, in which everything else was lost.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

SECONDS = 30.0
_KNOWN = 1_000  # places in the code; more than any process logs from


class Repeats(logging.Filter):
    """Lets pass what one place in a library's code says once in 30 s, with `held_back`, the number left out before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[Any, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        # Not by the text, which may hold what differs each time; but "%s" is how others' words are passed on.
        words = record.getMessage() if record.msg == "%s" else None
        error = record.exc_info[0] if record.exc_info else None
        place = (record.pathname, record.lineno, record.levelno, error, words)
        now = self._clock()
        since, held_back = self._said.get(place, (-SECONDS, 0))
        if now - since < SECONDS:
            self._said[place] = (since, held_back + 1)
            return False
        if len(self._said) >= _KNOWN:
            self._said.clear()
        self._said[place] = (now, 0)
        record.held_back = held_back
        return True
