"""When an add-on's breaker becomes a notice, and when the notice ends (the installer's breaker, our patience).

    healthy ──opens──> brewing ──30 s──> standing ──closes──> fading ──60 s──> healthy
               ^          │ closes          ^                   │ opens
               └──────────┘                 └───────────────────┘
    An outage that begins within 10 minutes of the last one's end continues it, under the same notice id.

Pure: `now` and the timing are arguments, a `Watch` goes in and another comes out.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.contracts.installer import AddOnHealthChanged

CONTINUES_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an outage or a recovery must last before anybody hears of it."""

    notice_after: timedelta = timedelta(seconds=30)
    clear_after: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known about one add-on's health. `due_at` is when `ripen` has something to do."""

    addon_key: str
    health_version: int = 0
    is_open: bool = False
    health_id: str = ""
    """Id of the record by which `is_open` became what it is."""
    since: datetime | None = None
    cause: str = ""
    notice_id: str | None = None
    """Of the outage now, or of the last one."""
    standing: bool = False
    raised_at: datetime | None = None
    closed_at: datetime | None = None
    """When the last outage that had a notice ended."""
    owed: bool = False
    """`standing` has changed, and what follows from it is not done yet: publishing, and telling if it is news."""
    news: bool = False
    due_at: datetime | None = None


def observe(watch: Watch, name: str, health: AddOnHealthChanged, patience: Patience) -> Watch:
    """Take in a health record of the id `name`. An older one changes nothing; *half open* is still open."""
    if health.version <= watch.health_version:
        return watch
    seen = replace(watch, health_version=health.version)
    is_open = health.breaker != "closed" and not health.deleted
    if is_open == watch.is_open:
        return seen
    seen = replace(seen, is_open=is_open, health_id=name, since=health.since)
    if is_open:
        return _opened(seen, health, patience)
    if watch.standing:
        return replace(seen, closed_at=health.since, due_at=health.since + patience.clear_after)
    return replace(seen, due_at=None)


def _opened(watch: Watch, health: AddOnHealthChanged, patience: Patience) -> Watch:
    watch = replace(watch, cause=health.cause)
    if watch.standing:
        return replace(watch, due_at=health.since if watch.owed else None)
    if watch.closed_at is not None and health.since - watch.closed_at <= CONTINUES_WITHIN:
        return replace(watch, due_at=health.since)
    notice_id = f"{health.addon_key}:{health.outage}"
    return replace(watch, notice_id=notice_id, closed_at=None, due_at=health.since + patience.notice_after)


def ripen(watch: Watch, now: datetime, *, told_within: timedelta) -> Watch:
    """What has become due by `now`: the notice is raised or cleared, and what follows is owed.

    A continued outage is no news, nor is one that began longer than `told_within` ago.
    """
    if watch.due_at is None or watch.due_at > now or watch.since is None:
        return watch
    if watch.is_open and not watch.standing:
        news = watch.closed_at is None and now - watch.since <= told_within
        return replace(watch, standing=True, raised_at=now, owed=True, news=news, due_at=now)
    if not watch.is_open and watch.standing:
        return replace(watch, standing=False, owed=True, news=False, due_at=now)
    return watch if watch.owed else replace(watch, due_at=None)


def settled(watch: Watch) -> Watch:
    """What was owed is done."""
    return replace(watch, owed=False, news=False, due_at=None)
