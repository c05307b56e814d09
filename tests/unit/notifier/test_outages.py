"""When an add-on's breaker becomes a notice, and when the notice ends."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from services.notifier.outages import Patience, Watch, observe, ripen, settled
from shared.contracts.installer import AddOnHealthChanged

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PATIENCE = Patience()
DAY = timedelta(hours=24)


def health(
    version: int, breaker: Literal["closed", "open", "half_open"], seconds: float, outage: int = 1
) -> AddOnHealthChanged:
    return AddOnHealthChanged(
        addon_key="time-cards",
        version=version,
        breaker=breaker,
        outage=outage,
        since=T0 + timedelta(seconds=seconds),
        cause="timeout",
    )


def seen(watch: Watch, health: AddOnHealthChanged) -> Watch:
    return observe(watch, f"time-cards:v{health.version}", health, PATIENCE)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def raised() -> Watch:
    """A watch whose notice stands since 12:00:30."""
    watch = seen(Watch("time-cards"), health(1, "open", 0))
    return settled(ripen(watch, at(30), told_within=DAY))


def test_an_outage_becomes_a_notice_after_thirty_seconds_and_is_news() -> None:
    watch = seen(Watch("time-cards"), health(1, "open", 0))
    assert watch.due_at == at(30)
    assert ripen(watch, at(29.9), told_within=DAY) == watch

    ripe = ripen(watch, at(30), told_within=DAY)

    assert (ripe.standing, ripe.owed, ripe.news) == (True, True, True)
    assert (ripe.notice_id, ripe.raised_at, ripe.cause) == ("time-cards:1", at(30), "timeout")
    assert settled(ripe).due_at is None


def test_the_record_that_turned_it_is_remembered_for_whoever_asks_why() -> None:
    watch = raised()
    assert watch.health_id == "time-cards:v1"

    watch = seen(watch, health(2, "half_open", 45))
    assert watch.health_id == "time-cards:v1"

    assert seen(watch, health(3, "closed", 100)).health_id == "time-cards:v3"


def test_what_is_owed_stays_due_until_it_is_settled() -> None:
    watch = seen(Watch("time-cards"), health(1, "open", 0))
    ripe = ripen(watch, at(30), told_within=DAY)

    assert ripen(ripe, at(40), told_within=DAY) == ripe


def test_a_short_outage_is_never_noticed() -> None:
    watch = seen(Watch("time-cards"), health(1, "open", 0))
    watch = seen(watch, health(2, "closed", 20))

    assert (watch.due_at, watch.standing) == (None, False)


def test_half_open_is_still_open() -> None:
    watch = seen(raised(), health(2, "half_open", 45))

    assert (watch.is_open, watch.standing, watch.due_at, watch.since) == (True, True, None, T0)


def test_a_recovery_clears_the_notice_after_sixty_seconds() -> None:
    watch = seen(raised(), health(2, "closed", 100))
    assert watch.due_at == at(160)

    cleared = ripen(watch, at(160), told_within=DAY)

    assert (cleared.standing, cleared.owed, cleared.news) == (False, True, False)


def test_opening_again_before_the_notice_is_cleared_keeps_it() -> None:
    watch = seen(raised(), health(2, "closed", 100))
    watch = seen(watch, health(3, "open", 130, outage=2))

    assert (watch.standing, watch.due_at, watch.notice_id) == (True, None, "time-cards:1")


@pytest.mark.parametrize(("pause", "continues"), [(600, True), (601, False)])
def test_opening_again_within_ten_minutes_continues_the_outage(pause: float, continues: bool) -> None:
    watch = seen(raised(), health(2, "closed", 100))
    watch = settled(ripen(watch, at(160), told_within=DAY))
    watch = seen(watch, health(3, "open", 100 + pause, outage=2))

    ripe = ripen(watch, at(1000), told_within=DAY)

    assert ripe.notice_id == ("time-cards:1" if continues else "time-cards:2")
    assert ripe.news is not continues
    assert watch.due_at == at(100 + pause if continues else 130 + pause)


@pytest.mark.parametrize("version", [0, 1])
def test_an_older_or_equal_health_record_changes_nothing(version: int) -> None:
    watch = raised()

    assert seen(watch, health(version, "closed", 500)) is watch


def test_an_outage_that_began_long_ago_is_shown_and_not_mailed() -> None:
    watch = seen(Watch("time-cards"), health(1, "open", 0))

    ripe = ripen(watch, at(25 * 3600), told_within=DAY)

    assert (ripe.standing, ripe.news) == (True, False)


def test_a_health_record_of_a_removed_add_on_counts_as_recovered() -> None:
    gone = health(2, "open", 100).model_copy(update={"deleted": True})

    assert seen(raised(), gone).due_at == at(160)
