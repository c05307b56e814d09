"""Calling INSTALLED: attempts, answers, retries, leases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.installer.domain import Kind, webhook_id
from services.installer.saga.inputs import Answer, Result, RetryAsked, Verdict
from shared.contracts.installer import AddOnInstalled, Cleanup, InstallFailed, Outcome, State
from shared.contracts.reasons import FailureReason, Side, WaitingFor
from tests.unit.installer.story import (
    BLOCKED,
    GONE,
    LIMITS,
    NOT_SEEN,
    OK,
    OWNER,
    REFUSED,
    TIMEOUT,
    UNKNOWN,
    USER,
    Story,
    addon,
    seconds,
)


def test_a_passed_check_begins_the_first_attempt_in_the_same_write() -> None:
    story = Story().delivering()
    flight = story.one.flight
    assert flight is not None
    assert (flight.kind, flight.number, flight.attempt, flight.owner) == (Kind.INSTALLED, 1, 1, OWNER)
    assert story.one.due_at == flight.until == story.now + LIMITS.lease
    assert flight.quiet_at == flight.until + LIMITS.call_deadline
    assert story.one.lane == "timer/INSTALLED"
    assert story.one.next_action_at is None, "it is happening now"
    assert story.one.waiting_for is WaitingFor.ADDON
    assert story.one.until is not None


def test_without_a_free_slot_the_attempt_is_due_in_one_to_three_seconds() -> None:
    story = Story().checking()
    story.checked(around=story.around(lease=False))
    assert story.one.flight is None
    assert story.one.due_at is not None
    assert seconds(1) <= story.one.due_at - story.now <= seconds(3)
    assert story.due().verdict is Verdict.UNCHANGED
    story.now = story.one.due_at
    story.due(lease=False)
    assert seconds(1) <= story.one.due_at - story.now <= seconds(3)
    story.now = story.one.due_at
    story.due()
    assert story.one.flight is not None


def test_a_snapshot_is_taken_when_delivering_begins() -> None:
    story = Story().delivering()
    assert story.one.snapshot == story.addon.snapshot
    assert story.one.tokens is not None
    assert (story.one.tokens.kid, story.one.tokens.iat) == ("k1", int(story.now.timestamp()))
    assert (story.one.tokens_read, story.one.tokens_write) == (True, False)


def test_confirmation_sets_the_outcome_once_and_switches_everything_on() -> None:
    story = Story().delivering().after(1)
    story.reported(OK)
    one = story.one
    assert (one.state, one.outcome, one.cleanup, one.live) == (State.INSTALLED, Outcome.INSTALLED, Cleanup.NONE, True)
    assert one.tokens_write is True
    assert (one.call, one.flight, one.due_at, one.deadline, one.waiting_for) == (None, None, None, None, None)
    event = story.outgoing[-1]
    assert isinstance(event.data, AddOnInstalled)
    assert (event.id, event.seq) == (f"{one.id}:2", 2)
    assert story.reported(OK, kind=Kind.INSTALLED, number=1, attempt=1).verdict is Verdict.UNCHANGED


@pytest.mark.parametrize(
    ("answer", "reason", "trouble"),
    [
        (REFUSED, FailureReason.ADDON_REFUSED, False),
        (GONE, FailureReason.ADDON_GONE, False),
        (BLOCKED, FailureReason.ADDON_ADDRESS_BLOCKED, True),
    ],
)
def test_a_clean_refusal_fails_and_owes_nothing(answer: Answer, reason: FailureReason, trouble: bool) -> None:
    story = Story().delivering()
    story.reported(answer)
    one = story.one
    assert (one.state, one.outcome, one.cleanup) == (State.FAILED, Outcome.FAILED, Cleanup.NONE)
    assert (one.reason, one.side, one.detail, one.trouble) == (reason, Side.ADDON, answer.text, trouble)
    assert (one.call, one.due_at, one.live) == (None, None, False)
    failed = story.outgoing[-1].data
    assert isinstance(failed, InstallFailed)
    assert (failed.reason, failed.detail) == (reason, answer.text)
    assert (one.tokens_read, one.tokens_write) == (False, False)


def test_a_refusal_after_an_unknown_attempt_owes_a_clean_up() -> None:
    story = Story().delivering()
    story.reported(TIMEOUT)
    story.after(3).due()
    story.reported(REFUSED)
    assert (story.one.outcome, story.one.cleanup) == (Outcome.FAILED, Cleanup.OWED)
    assert story.one.call is not None
    assert (story.one.call.kind, story.one.call.number) == (Kind.DELETED, 2)
    assert story.one.due_at == story.now


def test_retries_follow_the_schedule_with_one_webhook_id_and_the_same_bytes() -> None:
    story = Story().delivering()
    pauses, ids, stamps = [], set(), set()
    for _ in range(5):
        call = story.one.call
        assert call is not None
        ids.add(webhook_id(story.one.id, call.kind, call.number))
        stamps.add((call.created_at, story.one.tokens))
        story.reported(NOT_SEEN)
        assert story.one.due_at is not None
        pauses.append((story.one.due_at - story.now).total_seconds())
        story.now = story.one.due_at
        story.due()
        if story.one.state is not State.DELIVERING:
            break
    for pause, plan in zip(pauses, (2, 10, 30, 120, 600), strict=False):
        assert 0.8 * plan <= pause <= 1.2 * plan
    assert ids == {f"{story.one.id}-INSTALLED-1"}
    assert len(stamps) == 1
    assert story.one.trouble is True


def test_retry_after_is_honoured_up_to_the_deadline() -> None:
    story = Story().delivering()
    story.reported(replace(UNKNOWN, retry_after=timedelta(seconds=100)))
    assert story.one.due_at == story.now + seconds(100)
    story.now = story.one.due_at
    story.due()
    story.reported(replace(UNKNOWN, retry_after=timedelta(days=1)))
    assert story.one.due_at == story.one.deadline


def test_the_deadline_ends_it_and_what_may_have_been_seen_is_cleaned_up() -> None:
    story = Story().delivering()
    story.reported(UNKNOWN)
    assert story.one.deadline is not None
    story.now = story.one.deadline
    story.due()
    assert (story.one.reason, story.one.side, story.one.trouble) == (FailureReason.DEADLINE, Side.ADDON, True)
    assert story.one.cleanup is Cleanup.OWED


def test_the_deadline_after_calls_that_were_not_seen_owes_nothing() -> None:
    story = Story().delivering()
    story.reported(NOT_SEEN)
    assert story.one.deadline is not None
    story.now = story.one.deadline
    story.due()
    assert (story.one.reason, story.one.cleanup) == (FailureReason.DEADLINE, Cleanup.NONE)


def test_what_a_died_process_began_is_begun_again_and_may_have_been_seen() -> None:
    story = Story().delivering().after(6)
    decision = story.due(lease=True)
    assert decision.verdict is Verdict.APPLIED
    flight, call = story.one.flight, story.one.call
    assert flight is not None
    assert call is not None
    assert (flight.attempt, call.maybe_seen, call.number) == (2, True, 1)
    assert [(entry.number, entry.attempt) for entry in story.one.loose] == [(1, 1)]


def test_a_held_lease_is_left_alone() -> None:
    story = Story().delivering().after(5.9)
    assert story.due().verdict is Verdict.UNCHANGED


def test_the_late_yes_of_an_earlier_attempt_confirms() -> None:
    story = Story().delivering().after(6)
    story.due()
    story.after(1).reported(OK, kind=Kind.INSTALLED, number=1, attempt=1)
    assert story.one.state is State.INSTALLED
    assert story.reported(OK, kind=Kind.INSTALLED, number=1, attempt=2).verdict is Verdict.APPLIED, "it is noted"
    assert story.events() == ["InstallRequested", "AddOnInstalled"]


def test_the_late_no_of_an_earlier_attempt_does_not_decide() -> None:
    story = Story().delivering().after(6)
    story.due()
    story.reported(REFUSED, kind=Kind.INSTALLED, number=1, attempt=1)
    assert story.one.state is State.DELIVERING
    assert story.one.flight is not None


def test_an_attempt_that_died_with_its_process_is_in_the_timeline() -> None:
    story = Story().delivering().after(6)
    story.due()
    lost = {"what": "attempt", "kind": "INSTALLED", "number": 1, "attempt": 1, "result": "unreported", "side": "us"}
    assert story.one.history[-1].items() >= lost.items()
    story.reported(UNKNOWN, kind=Kind.INSTALLED, number=1, attempt=1)
    assert (story.one.history[-1]["attempt"], story.one.history[-1]["result"]) == (1, "unknown"), "it was only late"


def test_an_attempt_reported_twice_counts_once() -> None:
    story = Story().delivering()
    story.reported(UNKNOWN)
    again = story.reported(UNKNOWN, kind=Kind.INSTALLED, number=1, attempt=1)
    assert again.verdict is Verdict.UNCHANGED


def test_retry_makes_the_next_attempt_due_now() -> None:
    story = Story().delivering()
    assert story.when(RetryAsked(USER)).verdict is Verdict.UNCHANGED, "it is under way"
    story.reported(NOT_SEEN)
    story.after(0.1).when(RetryAsked(USER))
    assert story.one.due_at == story.now
    assert story.one.outcome is Outcome.PENDING


def test_our_own_fault_is_no_refusal() -> None:
    story = Story().delivering()
    story.reported(Answer(Result.NOT_SEEN, Side.US, text="held-back"))
    assert story.one.state is State.DELIVERING
    assert story.one.call is not None
    assert story.one.call.maybe_seen is False


def test_a_new_manifest_is_taken_only_while_nothing_was_seen() -> None:
    unseen = Story().waiting()
    unseen.addon = replace(addon(), snapshot=replace(addon().snapshot, base_url="https://new.example"))
    unseen.after(60).due()
    assert unseen.one.snapshot is not None
    assert unseen.one.snapshot.base_url == "https://new.example"

    seen = Story().delivering()
    seen.reported(TIMEOUT)
    seen.after(5).due(unavailable=WaitingFor.ADDON)
    seen.addon = unseen.addon
    seen.after(60).due()
    assert seen.one.state is State.DELIVERING
    assert seen.one.snapshot is not None
    assert seen.one.snapshot.base_url == "https://timer.example"


def test_history_is_bounded_and_its_numbers_go_on() -> None:
    story = Story().delivering()
    for _ in range(120):
        story.reported(NOT_SEEN)
        story.when(RetryAsked(USER))
        story.due()
    assert len(story.one.history) == 50
    assert [entry["n"] for entry in story.one.history] == list(range(story.one.steps - 49, story.one.steps + 1))
