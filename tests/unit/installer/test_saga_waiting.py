"""Waiting for an add-on that is down, for an operator's notice, for an earlier clean-up."""

import pytest

from services.installer.domain import Kind
from services.installer.saga.inputs import RetryAsked, Verdict
from shared.contracts.installer import State
from shared.contracts.reasons import FailureReason, Side, WaitingFor
from tests.unit.installer.story import LIMITS, NOT_SEEN, OK, TIMEOUT, UNKNOWN, USER, Story, addon, seconds

OBSTACLES = [WaitingFor.ADDON, WaitingFor.MAINTENANCE]


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_cannot_be_called_now_waits_a_week_at_most(obstacle: WaitingFor) -> None:
    story = Story().waiting(obstacle)
    assert (story.one.waiting_for, story.one.trouble) == (obstacle, True)
    assert story.one.until == story.now + LIMITS.waiting_deadline
    assert story.one.due_at is not None
    assert 0.8 * LIMITS.waiting_look <= story.one.due_at - story.now <= 1.2 * LIMITS.waiting_look
    assert story.one.call is None


@pytest.mark.parametrize(
    ("obstacle", "reason", "side"),
    [
        (WaitingFor.ADDON, FailureReason.ADDON_UNAVAILABLE, Side.ADDON),
        (WaitingFor.MAINTENANCE, FailureReason.MAINTENANCE, Side.US),
    ],
)
def test_whoever_does_not_want_to_wait_fails_at_once(obstacle: WaitingFor, reason: FailureReason, side: Side) -> None:
    story = Story(if_unavailable="fail").checking()
    story.checked(around=story.around(unavailable=obstacle))
    assert (story.one.state, story.one.reason, story.one.side) == (State.FAILED, reason, side)
    assert story.one.trouble is True


def test_a_breaker_that_opens_between_attempts_ends_the_hammering() -> None:
    story = Story().delivering()
    story.reported(UNKNOWN)
    story.after(0.5).due(unavailable=WaitingFor.ADDON)
    assert (story.one.state, story.one.waiting_for) == (State.WAITING, WaitingFor.ADDON)
    assert story.one.call is not None
    assert story.one.call.maybe_seen is True


def test_an_attempt_under_way_is_not_disturbed_by_the_breaker() -> None:
    story = Story().delivering()
    assert story.after(1).due(unavailable=WaitingFor.ADDON).verdict is Verdict.UNCHANGED


def test_it_goes_on_by_itself_with_a_new_delivery_deadline() -> None:
    story = Story().waiting().after(300)
    story.due()
    assert story.at(State.DELIVERING)
    assert story.one.deadline == story.now + LIMITS.install_deadline
    story.reported(OK)
    assert story.at(State.INSTALLED)


def test_the_same_call_goes_on_after_waiting() -> None:
    story = Story().delivering()
    story.reported(TIMEOUT)
    story.after(3).due(unavailable=WaitingFor.ADDON)
    story.after(60).due()
    call = story.one.call
    assert call is not None
    assert (call.number, call.attempt, call.tries) == (1, 2, 1)


def test_a_check_older_than_ten_minutes_is_asked_again_before_delivering() -> None:
    story = Story().waiting().after(601)
    story.due()
    assert (story.one.state, story.one.check.number) == (State.CHECKING, 2)
    assert story.outgoing[-1].id == f"{story.one.id}:check:2:1"
    assert story.one.deadline is None, "it begins when the question is sent"
    assert story.one.until == story.now + LIMITS.request_deadline, "and if it never is, that ends it"
    assert story.checked("old", check=1).verdict is Verdict.UNCHANGED
    story.after(10).sent()
    assert story.one.deadline == story.now + LIMITS.install_deadline
    story.checked("new")
    assert story.at(State.DELIVERING)


def test_a_workspace_that_lost_its_right_meanwhile_is_refused() -> None:
    story = Story().waiting().after(601)
    story.due()
    story.sent()
    story.checked("new", verified=False)
    assert story.one.reason is FailureReason.EMAIL_NOT_VERIFIED


def test_the_waiting_deadline_counts_from_the_first_time() -> None:
    story = Story().waiting()
    end = story.one.deadline
    story.after(60).due()
    story.reported(NOT_SEEN)
    story.after(1).due(unavailable=WaitingFor.ADDON)
    assert (story.one.state, story.one.deadline) == (State.WAITING, end)
    assert end is not None
    story.now = end
    story.due(unavailable=WaitingFor.ADDON)
    assert (story.one.reason, story.one.side) == (FailureReason.ADDON_UNAVAILABLE, Side.ADDON)


def test_a_week_of_an_operators_notice_is_on_our_side() -> None:
    story = Story().waiting(WaitingFor.MAINTENANCE)
    story.now += LIMITS.waiting_deadline
    story.due(unavailable=WaitingFor.MAINTENANCE)
    assert (story.one.reason, story.one.side) == (FailureReason.ADDON_UNAVAILABLE, Side.US)


def test_looking_in_vain_plans_the_next_look() -> None:
    story = Story().waiting()
    assert story.after(1).due(unavailable=WaitingFor.ADDON).verdict is Verdict.UNCHANGED
    assert story.one.due_at is not None
    story.now = story.one.due_at
    story.due(unavailable=WaitingFor.ADDON)
    assert story.one.due_at > story.now
    story.after(1).due(unavailable=WaitingFor.MAINTENANCE)
    assert story.one.waiting_for is WaitingFor.MAINTENANCE


def test_a_probe_may_call_although_the_breaker_is_open() -> None:
    story = Story().waiting().after(30)
    story.due(unavailable=WaitingFor.ADDON, probe=True)
    assert story.at(State.DELIVERING)
    assert story.one.flight is not None


def test_no_probe_goes_past_an_operators_notice() -> None:
    story = Story().waiting(WaitingFor.MAINTENANCE).after(30)
    story.due(unavailable=WaitingFor.MAINTENANCE, probe=True)
    assert story.at(State.WAITING)


def test_an_add_on_not_known_here_is_waited_for() -> None:
    story = Story().waiting()
    assert story.one.due_at is not None
    story.now = story.one.due_at
    story.due(addon=None)
    assert story.at(State.WAITING)
    assert story.one.due_at > story.now


def test_retry_looks_again_now() -> None:
    story = Story().waiting().after(10)
    story.when(RetryAsked(USER))
    assert story.one.due_at == story.now
    assert story.at(State.WAITING)


def test_the_next_generation_waits_for_the_clean_up_of_the_one_before() -> None:
    story = Story(generation=2).waiting(WaitingFor.PREVIOUS_UNINSTALL)
    assert story.one.trouble is False
    assert story.one.due_at is not None
    assert story.one.due_at - story.now <= seconds(36)
    story.after(1).due()
    assert story.at(State.DELIVERING)


def test_waiting_for_a_clean_up_is_no_reason_to_fail_for_those_who_do_not_wait_for_add_ons() -> None:
    story = Story(generation=2, if_unavailable="fail").waiting(WaitingFor.PREVIOUS_UNINSTALL)
    assert story.at(State.WAITING)


def test_an_add_on_that_drops_its_hook_meanwhile_is_installed() -> None:
    story = Story().waiting()
    story.addon = addon(hooks={})
    story.after(1).due()
    assert story.at(State.INSTALLED)


def test_what_an_earlier_attempt_says_meanwhile_is_noted_and_not_obeyed() -> None:
    story = Story().delivering().after(6)
    story.due(unavailable=WaitingFor.ADDON)
    assert story.at(State.WAITING)
    flight = story.one.loose[0]
    story.reported(OK, kind=Kind.INSTALLED, number=flight.number, attempt=flight.attempt)
    assert (story.one.state, story.one.loose) == (State.WAITING, ())
    story.after(60).due()
    story.reported(OK)
    assert story.at(State.INSTALLED)
