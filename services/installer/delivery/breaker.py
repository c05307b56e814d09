"""The breaker of one add-on as a value, and what counting results makes of it. Pure; `health.py` stores it.

    closed ── 3 failures in a row over at least 5 s, or 50 % of at least 20 calls in 60 s ──> open
    open ── one process wins the probe ──> half_open ── it succeeds ──> closed
                                                     └─ it fails, or its process dies ──> open

The numbers are settings. Failures from our side never count; a refusal is a healthy add-on's answer.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.installer.saga.inputs import Answer, Result
from services.installer.settings import InstallerSettings
from shared.contracts.reasons import Side

_BUCKET = 10
"""Seconds; the window is cut into these."""
_EAGER_GAP = timedelta(seconds=5)
_FAILURES = frozenset({Result.UNKNOWN, Result.NOT_SEEN})


class BreakerState(StrEnum):
    """As in `AddOnHealthChanged`."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Tally:
    """Results of one add-on's calls, gathered in one process."""

    calls: int = 0
    failures: int = 0
    succeeded: bool = False
    streak: int = 0
    """Failures since the last success."""
    streak_since: datetime | None = None
    cause: str = ""

    def plus(self, answer: Answer, now: datetime) -> "Tally":
        """With one result more."""
        if answer.side is Side.US or answer.result is Result.BLOCKED:
            return self
        if answer.result not in _FAILURES:
            return Tally(calls=self.calls + 1, failures=self.failures, succeeded=True, cause=self.cause)
        return replace(
            self,
            calls=self.calls + 1,
            failures=self.failures + 1,
            streak=self.streak + 1,
            streak_since=self.streak_since or now,
            cause=answer.text if answer.status is None else f"http-{answer.status}",
        )

    def then(self, later: "Tally") -> "Tally":
        """Both, `later` having been gathered after this one."""
        since = later.streak_since if later.succeeded else self.streak_since or later.streak_since
        return Tally(
            calls=self.calls + later.calls,
            failures=self.failures + later.failures,
            succeeded=self.succeeded or later.succeeded,
            streak=later.streak if later.succeeded else self.streak + later.streak,
            streak_since=since,
            cause=later.cause or self.cause,
        )


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is stored of one add-on."""

    addon_key: str
    since: datetime
    """Of the present outage, probes included; of the calm, when closed."""
    version: int = 0
    state: BreakerState = BreakerState.CLOSED
    outage: int = 0
    cause: str = ""
    streak: int = 0
    streak_since: datetime | None = None
    window: tuple[tuple[int, int, int], ...] = ()
    """(bucket, calls, failures)."""
    probes: int = 0
    """Failed ones in this outage."""
    probe_at: datetime | None = None
    """When the next probe is due; while one is under way, when it is given up for lost."""
    would_open: int = 0
    """Dry run: how often it would have opened."""


def count(breaker: Breaker, tally: Tally, now: datetime, limits: InstallerSettings) -> Breaker:
    """The breaker after these results. While open, only a probe's result matters."""
    if breaker.state is BreakerState.OPEN:
        return breaker
    if breaker.state is BreakerState.HALF_OPEN:
        return _probed(breaker, tally, now, limits)
    streak = tally.streak if tally.succeeded else breaker.streak + tally.streak
    since = (None if tally.succeeded else breaker.streak_since) or tally.streak_since
    counted = replace(
        breaker,
        version=breaker.version + 1,
        streak=streak,
        streak_since=since if streak else None,
        window=_window(breaker.window, tally, now, limits.breaker_window),
    )
    if not tally.failures or not _too_bad(counted, now, limits):
        return counted
    if limits.breaker_dry_run:
        return replace(counted, streak=0, streak_since=None, window=(), would_open=breaker.would_open + 1)
    return replace(
        counted,
        state=BreakerState.OPEN,
        outage=breaker.outage + 1,
        since=now,
        cause=tally.cause,
        streak=0,
        streak_since=None,
        window=(),
        probes=0,
        probe_at=now + _pause(0, limits),
    )


def probing(breaker: Breaker, now: datetime, limits: InstallerSettings, *, eager: bool = False) -> Breaker | None:
    """Half open, if a probe is due (or an eager one not too soon). Whoever writes this by compare-and-set makes it."""
    due = breaker.probe_at or now
    if eager and breaker.state is BreakerState.OPEN:
        due = min(due, due + _EAGER_GAP - _pause(breaker.probes, limits))
    if breaker.state is BreakerState.CLOSED or due > now:
        return None
    # A probe whose process dies is given up for lost when its call must have ended.
    lost_after = limits.lease + limits.call_deadline + _EAGER_GAP
    return replace(breaker, version=breaker.version + 1, state=BreakerState.HALF_OPEN, probe_at=now + lost_after)


def _probed(breaker: Breaker, tally: Tally, now: datetime, limits: InstallerSettings) -> Breaker:
    counted = replace(breaker, version=breaker.version + 1)
    if tally.succeeded:
        return replace(counted, state=BreakerState.CLOSED, since=now, cause="", probes=0, probe_at=None)
    if not tally.failures:
        return breaker
    probes = breaker.probes + 1
    return replace(counted, state=BreakerState.OPEN, probes=probes, probe_at=now + _pause(probes, limits))


def _too_bad(breaker: Breaker, now: datetime, limits: InstallerSettings) -> bool:
    long_enough = breaker.streak_since is not None and now - breaker.streak_since >= limits.breaker_span
    calls = sum(bucket[1] for bucket in breaker.window)
    failures = sum(bucket[2] for bucket in breaker.window)
    often = calls >= limits.breaker_calls and failures * 100 >= limits.breaker_percent * calls
    return often or (breaker.streak >= limits.breaker_failures and long_enough)


def _window(
    window: tuple[tuple[int, int, int], ...], tally: Tally, now: datetime, length: timedelta
) -> tuple[tuple[int, int, int], ...]:
    present = int(now.timestamp()) // _BUCKET
    first = int((now - length).timestamp()) // _BUCKET
    sums = {bucket: (calls, failures) for bucket, calls, failures in window if bucket > first}
    calls, failures = sums.get(present, (0, 0))
    sums[present] = (calls + tally.calls, failures + tally.failures)
    return tuple((bucket, *both) for bucket, both in sorted(sums.items()))


def _pause(probes: int, limits: InstallerSettings) -> timedelta:
    """Short outages are noticed soon, long ones are not hammered."""
    return min(limits.breaker_first_probe * (1 << min(probes, 20)), limits.breaker_probe_interval)
