"""When an add-on's breaker opens, probes and closes."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.installer.delivery.breaker import Breaker, BreakerState, Tally, count, probing
from services.installer.saga.inputs import Answer, Result
from services.installer.settings import InstallerSettings
from shared.contracts.reasons import Side
from tests.unit.installer.story import BLOCKED, GONE, LIMITS, NOT_SEEN, OK, REFUSED, START, TIMEOUT, UNKNOWN, seconds

CLOSED = Breaker(addon_key="timer", since=START)
OURS = Answer(Result.NOT_SEEN, Side.US, text="held-back")
FAILURES = [UNKNOWN, TIMEOUT, NOT_SEEN]


def after(breaker: Breaker, *answers: Answer, at: datetime = START, limits: InstallerSettings = LIMITS) -> Breaker:
    """Each answer counted by itself, as by different processes."""
    for answer in answers:
        breaker = count(breaker, Tally().plus(answer, at), at, limits)
    return breaker


def opened() -> Breaker:
    breaker = after(after(CLOSED, UNKNOWN, UNKNOWN), TIMEOUT, at=START + seconds(5))
    assert breaker.state is BreakerState.OPEN
    return breaker


def test_three_failures_in_a_row_over_five_seconds_open_it() -> None:
    breaker = opened()
    assert (breaker.outage, breaker.since, breaker.cause) == (1, START + seconds(5), "timeout")
    assert breaker.probe_at == START + seconds(15)


def test_many_failures_within_five_seconds_do_not() -> None:
    assert after(CLOSED, *FAILURES * 3).state is BreakerState.CLOSED


def test_a_success_between_starts_the_row_again() -> None:
    breaker = after(CLOSED, UNKNOWN, UNKNOWN, OK, at=START)
    breaker = after(breaker, UNKNOWN, UNKNOWN, at=START + seconds(10))
    assert (breaker.state, breaker.streak, breaker.streak_since) == (BreakerState.CLOSED, 2, START + seconds(10))


def test_half_of_at_least_twenty_calls_in_a_minute_open_it() -> None:
    nine = after(CLOSED, *[OK, UNKNOWN] * 9)
    assert nine.state is BreakerState.CLOSED
    assert after(nine, OK, UNKNOWN).state is BreakerState.OPEN
    assert after(nine, OK, OK, UNKNOWN).state is BreakerState.CLOSED


def test_calls_older_than_a_minute_are_forgotten() -> None:
    breaker = after(CLOSED, *[OK, UNKNOWN] * 9)
    breaker = after(breaker, *[OK] * 10, at=START + seconds(61))
    assert after(breaker, UNKNOWN, at=START + seconds(62)).state is BreakerState.CLOSED
    assert sum(bucket[1] for bucket in breaker.window) == 10


@pytest.mark.parametrize("answer", [OURS, BLOCKED])
def test_failures_from_our_side_never_count(answer: Answer) -> None:
    breaker = CLOSED
    for second in range(60):
        tally = Tally().plus(answer, START + seconds(second))
        assert tally == Tally()
        breaker = count(breaker, tally, START + seconds(second), LIMITS)
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("answer", [REFUSED, GONE])
def test_a_refusal_shows_that_somebody_is_at_home(answer: Answer) -> None:
    breaker = after(CLOSED, UNKNOWN, UNKNOWN, answer)
    assert after(breaker, UNKNOWN, at=START + seconds(10)).state is BreakerState.CLOSED


def test_while_open_only_a_probe_counts() -> None:
    breaker = opened()
    assert after(breaker, OK, UNKNOWN, OK) is breaker


def test_a_probe_is_due_first_soon_then_more_and_more_seldom() -> None:
    breaker = opened()
    now = breaker.since
    pauses = []
    for _ in range(6):
        assert breaker.probe_at is not None
        assert probing(breaker, breaker.probe_at - seconds(0.1), LIMITS) is None
        pauses.append((breaker.probe_at - now).total_seconds())
        now = breaker.probe_at
        half_open = probing(breaker, now, LIMITS)
        assert half_open is not None
        assert half_open.state is BreakerState.HALF_OPEN
        assert probing(half_open, now + seconds(1), LIMITS) is None, "one at a time"
        breaker = after(half_open, UNKNOWN, at=now)
        assert (breaker.state, breaker.outage, breaker.since) == (BreakerState.OPEN, 1, START + seconds(5))
    assert pauses == [10, 20, 40, 60, 60, 60]


def test_a_successful_probe_closes_it() -> None:
    half_open = probing(opened(), START + seconds(20), LIMITS)
    assert half_open is not None
    breaker = after(half_open, OK, at=START + seconds(21))
    assert (breaker.state, breaker.since, breaker.outage) == (BreakerState.CLOSED, START + seconds(21), 1)
    assert (breaker.window, breaker.streak, breaker.probe_at) == ((), 0, None)


def test_a_lost_probe_is_made_again() -> None:
    half_open = probing(opened(), START + seconds(20), LIMITS)
    assert half_open is not None
    assert half_open.probe_at is not None
    assert probing(half_open, half_open.probe_at, LIMITS) is not None


def test_somebody_who_asks_for_it_may_probe_sooner_but_not_at_once() -> None:
    breaker = opened()
    assert probing(breaker, breaker.since + seconds(4.9), LIMITS, eager=True) is None
    assert probing(breaker, breaker.since + seconds(5), LIMITS, eager=True) is not None
    assert probing(breaker, breaker.since + seconds(5), LIMITS) is None


def test_the_next_outage_has_the_next_number() -> None:
    half_open = probing(opened(), START + seconds(20), LIMITS)
    assert half_open is not None
    breaker = after(half_open, OK, at=START + seconds(21))
    breaker = after(after(breaker, UNKNOWN, UNKNOWN, at=START + seconds(30)), UNKNOWN, at=START + seconds(36))
    assert (breaker.state, breaker.outage) == (BreakerState.OPEN, 2)


def test_a_dry_run_only_records_what_it_would_do() -> None:
    limits = InstallerSettings(master_key=SecretStr("unused"), breaker_dry_run=True)
    breaker = after(after(CLOSED, UNKNOWN, UNKNOWN, limits=limits), TIMEOUT, at=START + seconds(5), limits=limits)
    assert (breaker.state, breaker.outage, breaker.would_open) == (BreakerState.CLOSED, 0, 1)


@given(st.lists(st.sampled_from([OK, UNKNOWN, NOT_SEEN, OURS]), max_size=12), st.integers(0, 12))
def test_two_halves_of_a_tally_are_the_whole(answers: list[Answer], middle: int) -> None:
    whole, halves = Tally(), (Tally(), Tally())
    for position, answer in enumerate(answers):
        at = START + seconds(position)
        whole = whole.plus(answer, at)
        first, second = halves
        halves = (first.plus(answer, at), second) if position < middle else (first, second.plus(answer, at))
    assert halves[0].then(halves[1]) == whole


@given(st.lists(st.tuples(st.sampled_from([OK, UNKNOWN, OURS]), st.integers(0, 4)), max_size=40))
def test_gathered_or_one_by_one_the_row_is_the_same(results: list[tuple[Answer, int]]) -> None:
    """A process may count several results at once; where it does not open, the streak and sums are equal."""
    never: Any = replace(CLOSED)
    limits = InstallerSettings(master_key=SecretStr("unused"), breaker_failures=10_000, breaker_calls=10_000)
    now, tally, single = START, Tally(), never
    for answer, pause in results:
        now += timedelta(milliseconds=pause)
        tally = tally.plus(answer, now)
        single = count(single, Tally().plus(answer, now), now, limits)
    together = count(never, tally, now, limits)
    assert (together.streak, together.streak_since) == (single.streak, single.streak_since)
    assert sum(bucket[1] for bucket in together.window) == sum(bucket[1] for bucket in single.window)
    assert sum(bucket[2] for bucket in together.window) == sum(bucket[2] for bucket in single.window)
