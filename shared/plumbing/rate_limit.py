"""How often one caller may do something: token buckets in this process's memory.

With several replicas the effective limit is as many times higher; where that matters, count in the database instead.
"""

from collections import OrderedDict
from collections.abc import Callable

from shared.plumbing.errors import TooMany

_MAX_KEYS = 10_000


class RateLimit:
    """`rate` per second on average, at most `burst` at once. `now` is a monotonic clock in seconds."""

    def __init__(self, rate: float, burst: int, now: Callable[[], float], max_keys: int = _MAX_KEYS) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("rate must be positive and burst at least 1")
        self._rate = rate
        self._burst = float(burst)
        self._now = now
        self._max_keys = max_keys
        # Key -> (tokens left, when that was counted); the longest unused key is forgotten first.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Take one token of `key`, or raise TooMany, which says when the next one is there."""
        now = self._now()
        left, counted_at = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - counted_at) * self._rate)
        taken = left >= 1
        self._buckets[key] = (left - 1 if taken else left, now)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        if not taken:
            raise TooMany("too-many-requests", "Too many requests", retry_after=(1 - left) / self._rate)
