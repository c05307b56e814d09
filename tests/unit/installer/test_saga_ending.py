"""Cancelling, uninstalling, and the clean-up that is owed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.installer.domain import SETTINGS_LIMIT, Kind
from services.installer.saga.inputs import (
    CallReported,
    CancelAsked,
    Decision,
    InstalledLate,
    RedeliveryAsked,
    RetryAsked,
    SettingsChanged,
    SuccessorWaits,
    UninstallAsked,
    Verdict,
    WorkspaceGone,
)
from shared.contracts.installer import AddOnUninstalled, Cleanup, InstallFailed, Outcome, State
from shared.contracts.reasons import FailureReason, Side, WaitingFor
from tests.unit.installer.story import (
    GONE,
    LIMITS,
    NOT_SEEN,
    OK,
    REFUSED,
    TIMEOUT,
    UNKNOWN,
    USER,
    Story,
    addon,
    at_state,
    seconds,
)

OTHER = "9" * 24
PENDING = [State.REQUESTED, State.CHECKING, State.DELIVERING, State.WAITING]


def cleaning() -> Story:
    """Uninstalled, with the first DELETED under way."""
    story = Story().installed()
    story.when(UninstallAsked(USER))
    story.due()
    assert story.one.flight is not None
    return story


def late(story: Story, answer: object = OK) -> Decision:
    return story.reported(answer, kind=Kind.INSTALLED, number=1, attempt=1)  # type: ignore[arg-type] # an Answer


def test_an_add_on_cannot_put_its_clean_up_off_to_the_end() -> None:
    story = cleaning()
    story.reported(replace(UNKNOWN, retry_after=timedelta(days=20)))
    assert story.one.due_at == story.now + timedelta(days=1)
    assert story.one.deadline is not None
    assert story.one.due_at < story.one.deadline


# --- cancelling ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", PENDING)
def test_what_is_pending_can_be_cancelled(state: State) -> None:
    story = at_state(state)
    story.when(CancelAsked(OTHER))
    one = story.one
    assert (one.state, one.outcome, one.live) == (State.FAILED, Outcome.FAILED, False)
    assert (one.reason, one.side, one.trouble) == (FailureReason.CANCELLED, Side.YOU, False)
    failed = story.outgoing[-1].data
    assert isinstance(failed, InstallFailed)
    assert (failed.user_id, failed.requested_by) == (OTHER, USER)
    assert story.when(CancelAsked(OTHER)).verdict is Verdict.UNCHANGED
    assert story.events() == ["InstallRequested", "InstallFailed"]


@pytest.mark.parametrize("state", [State.INSTALLED, State.UNINSTALLED])
def test_an_outcome_cannot_be_cancelled(state: State) -> None:
    assert at_state(state).when(CancelAsked(USER)).verdict is Verdict.NOT_ALLOWED


def test_a_refused_install_cannot_be_cancelled_any_more() -> None:
    story = Story().delivering()
    story.reported(REFUSED)
    assert story.when(CancelAsked(USER)).verdict is Verdict.NOT_ALLOWED


def test_cancelling_under_way_keeps_deleted_back_until_the_attempt_has_reported() -> None:
    story = Story().delivering().after(1)
    quiet_at = story.one.flight.quiet_at if story.one.flight else None
    story.when(CancelAsked(USER))
    assert (story.one.cleanup, story.one.due_at) == (Cleanup.OWED, quiet_at)
    story.after(1)
    late(story)
    assert story.one.due_at == story.now
    story.due()
    assert story.one.flight is not None
    assert (story.one.flight.kind, story.one.flight.number) == (Kind.DELETED, 2)


def test_or_until_nothing_can_come_of_the_attempt_any_more() -> None:
    story = Story().delivering()
    story.when(CancelAsked(USER))
    assert story.one.due_at == story.now + LIMITS.lease + LIMITS.call_deadline
    assert story.when(RetryAsked(USER)).verdict is Verdict.APPLIED
    assert story.one.due_at == story.now + LIMITS.lease + LIMITS.call_deadline, "not even when asked to hurry"
    story.now = story.one.due_at
    story.due()
    assert story.one.flight is not None


def test_a_prolonged_lease_of_a_cancelled_attempt_does_not_matter() -> None:
    story = Story().delivering()
    story.when(CancelAsked(USER))
    assert story.one.flight is None, "so its process prolongs nothing"


def test_cancelling_what_was_never_sent_owes_nothing() -> None:
    story = Story().delivering()
    story.reported(NOT_SEEN)
    story.when(CancelAsked(USER))
    assert (story.one.cleanup, story.one.call, story.one.due_at) == (Cleanup.NONE, None, None)


def test_without_a_deleted_hook_nothing_is_owed() -> None:
    story = Story()
    story.addon = addon(hooks={"INSTALLED": "/installed"})
    story.delivering().reported(TIMEOUT)
    story.when(CancelAsked(USER))
    assert (story.one.cleanup, story.one.due_at) == (Cleanup.NONE, None)


def test_a_cancelled_attempt_is_in_the_timeline_and_nobodys_fault() -> None:
    story = Story().delivering().after(1)
    story.when(CancelAsked(USER))
    (attempt,) = [entry for entry in story.one.history if entry["what"] == "attempt"]
    assert (attempt["attempt"], attempt["result"], "side" in attempt) == (1, "unreported", False)


# --- a workspace that is gone --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", PENDING)
def test_what_is_pending_in_a_workspace_that_is_gone_fails(state: State) -> None:
    story = at_state(state)
    maybe_seen = state is State.DELIVERING
    story.when(WorkspaceGone())
    one = story.one
    assert (one.state, one.reason, one.live) == (State.FAILED, FailureReason.WORKSPACE_GONE, False)
    assert one.cleanup is (Cleanup.OWED if maybe_seen else Cleanup.NONE)
    failed = story.outgoing[-1].data
    assert isinstance(failed, InstallFailed)
    assert (failed.reason, failed.user_id) == (FailureReason.WORKSPACE_GONE, USER)


def test_what_is_installed_in_a_workspace_that_is_gone_is_uninstalled_in_the_name_of_who_asked_for_it() -> None:
    story = Story().installed()
    story.when(WorkspaceGone())
    one = story.one
    assert (one.state, one.live, one.cleanup, one.tokens_read) == (State.UNINSTALLED, False, Cleanup.OWED, False)
    assert one.history[-2].items() >= {"what": "state", "target": "UNINSTALLED", "reason": "workspace-gone"}.items()
    event = story.outgoing[-1].data
    assert isinstance(event, AddOnUninstalled)
    assert event.user_id == USER
    story.due()
    assert story.one.flight is not None
    assert story.one.flight.kind is Kind.DELETED
    assert story.when(WorkspaceGone()).verdict is Verdict.UNCHANGED
    assert story.events() == ["InstallRequested", "AddOnInstalled", "AddOnUninstalled"]


# --- uninstalling --------------------------------------------------------------------------------------------------


def test_uninstalling_is_one_write() -> None:
    story = Story().installed().after(100)
    story.when(UninstallAsked(OTHER))
    one = story.one
    assert (one.state, one.outcome, one.live) == (State.UNINSTALLED, Outcome.INSTALLED, False)
    assert (one.cleanup, one.tokens_read, one.tokens_write) == (Cleanup.OWED, False, False)
    event = story.outgoing[-1]
    assert isinstance(event.data, AddOnUninstalled)
    assert (event.seq, event.data.user_id, event.data.requested_by) == (3, OTHER, USER)
    assert one.due_at == story.now
    assert one.call is not None
    assert (one.call.kind, one.call.number) == (Kind.DELETED, 2)
    assert story.when(UninstallAsked(OTHER)).verdict is Verdict.UNCHANGED


@pytest.mark.parametrize("state", [*PENDING, State.FAILED])
def test_only_what_is_installed_can_be_uninstalled(state: State) -> None:
    assert at_state(state).when(UninstallAsked(USER)).verdict is Verdict.NOT_ALLOWED


@pytest.mark.parametrize("answer", [OK, REFUSED, GONE])
def test_a_yes_or_a_no_closes_the_clean_up(answer: object) -> None:
    story = cleaning()
    story.reported(answer)  # type: ignore[arg-type] # an Answer
    assert (story.one.cleanup, story.one.gave_up) == (Cleanup.CLOSED, False)
    assert (story.one.call, story.one.flight, story.one.due_at) == (None, None, None)


@pytest.mark.parametrize("answer", [UNKNOWN, TIMEOUT, NOT_SEEN])
def test_everything_else_is_tried_again_for_days_then_given_up(answer: object) -> None:
    story = cleaning()
    end = story.one.deadline
    attempts = 0
    while story.one.cleanup is Cleanup.OWED:
        if story.one.flight is not None:
            attempts += 1
            story.reported(answer)  # type: ignore[arg-type] # an Answer
        assert story.one.due_at is not None
        story.now = story.one.due_at
        story.due()
    assert story.now == end
    assert attempts > 20
    assert (story.one.cleanup, story.one.gave_up) == (Cleanup.CLOSED, True)
    assert story.one.outcome is Outcome.INSTALLED
    assert story.events() == ["InstallRequested", "AddOnInstalled", "AddOnUninstalled"]


def test_the_breaker_is_never_in_the_way_of_deleted() -> None:
    story = Story().installed()
    story.when(UninstallAsked(USER))
    story.due(unavailable=WaitingFor.ADDON)
    assert story.one.flight is not None


def test_a_died_process_s_deleted_is_sent_again() -> None:
    story = cleaning().after(6)
    story.due()
    assert story.one.flight is not None
    assert (story.one.flight.number, story.one.flight.attempt) == (2, 2)
    lost = {"what": "attempt", "kind": "DELETED", "number": 2, "attempt": 1, "result": "unreported", "side": "us"}
    assert story.one.history[-1].items() >= lost.items()
    story.reported(OK, kind=Kind.DELETED, number=2, attempt=1)
    assert story.one.cleanup is Cleanup.CLOSED


def test_retry_hurries_the_clean_up_and_nothing_else() -> None:
    story = cleaning()
    assert story.when(RetryAsked(USER)).verdict is Verdict.UNCHANGED
    story.reported(UNKNOWN)
    story.after(0.1).when(RetryAsked(USER))
    assert story.one.due_at == story.now
    story.due()
    story.reported(OK)
    assert story.when(RetryAsked(USER)).verdict is Verdict.NOT_ALLOWED


def test_a_clean_up_that_was_given_up_once_stays_listed_whatever_is_heard_late() -> None:
    story = Story().delivering()
    number, attempt = story.one.flight.number, story.one.flight.attempt  # type: ignore[union-attr] # it is under way
    story.after(6)
    story.due()  # the process died; its call may still be heard
    story.when(CancelAsked(USER))
    assert story.one.deadline is not None
    story.now = story.one.deadline
    story.due()
    assert (story.one.cleanup, story.one.gave_up) == (Cleanup.CLOSED, True)
    assert story.when(CallReported(Kind.INSTALLED, number, attempt, OK)).verdict is Verdict.LATE
    story.when(InstalledLate(number, attempt))
    assert story.one.call is not None
    story.now = story.one.deadline
    story.due()
    assert story.one.gave_up
    assert story.one.due_at is None


# --- the next generation -------------------------------------------------------------------------------------------


def test_a_successor_limits_the_clean_up_to_ten_minutes() -> None:
    story = cleaning()
    story.reported(UNKNOWN)
    for _ in range(6):
        assert story.one.due_at is not None
        story.now = story.one.due_at
        story.due()
        story.reported(UNKNOWN)
    story.when(SuccessorWaits())
    limit = story.now + LIMITS.superseded_deadline
    assert (story.one.due_at, story.one.deadline) == (story.now, limit)
    assert story.after(30).when(SuccessorWaits()).verdict is Verdict.UNCHANGED
    story.now = limit
    story.due()
    assert (story.one.cleanup, story.one.gave_up) == (Cleanup.CLOSED, True)


def test_a_successor_does_not_push_deleted_before_a_running_installed() -> None:
    story = Story().delivering()
    story.when(CancelAsked(USER))
    quiet_at = story.one.due_at
    story.when(SuccessorWaits())
    assert story.one.due_at == quiet_at


def test_closed_is_final() -> None:
    story = cleaning()
    story.reported(OK)
    assert story.when(SuccessorWaits()).verdict is Verdict.UNCHANGED
    assert story.due().verdict is Verdict.UNCHANGED


# --- late results --------------------------------------------------------------------------------------------------


def test_an_installed_heard_after_deleted_is_followed_by_another_deleted() -> None:
    story = Story().delivering()
    story.when(CancelAsked(USER))
    assert story.one.due_at is not None
    story.now = story.one.due_at
    story.due()
    story.reported(OK)
    assert story.one.cleanup is Cleanup.CLOSED
    story.after(60)
    assert late(story).verdict is Verdict.LATE
    story.when(InstalledLate(1, 1))
    assert story.one.call is not None
    assert (story.one.call.kind, story.one.call.number) == (Kind.DELETED, 3)
    assert story.one.cleanup is Cleanup.CLOSED, "closed is final"
    story.due()
    story.reported(OK)
    assert story.at_rest()
    assert late(story).verdict is Verdict.UNCHANGED
    assert story.events() == ["InstallRequested", "InstallFailed"]


def test_a_late_no_needs_nothing() -> None:
    story = Story().delivering()
    story.when(CancelAsked(USER))
    assert story.one.due_at is not None
    story.now = story.one.due_at
    story.due()
    assert late(story, REFUSED).verdict is Verdict.APPLIED
    assert story.one.loose == ()
    assert story.one.call is not None
    assert story.one.call.number == 2


def test_a_late_yes_of_an_add_on_that_wants_no_deleted_needs_nothing() -> None:
    story = Story()
    story.addon = addon(hooks={"INSTALLED": "/installed"})
    story.delivering().when(CancelAsked(USER))
    assert late(story).verdict is Verdict.APPLIED
    assert story.one.loose == ()
    assert story.at_rest()


def test_an_attempt_of_an_uninstalled_one_may_still_be_loose() -> None:
    story = Story().delivering().after(6)
    story.due()
    story.reported(OK)
    story.when(UninstallAsked(USER))
    first_quiet = story.one.loose[0].quiet_at
    assert story.one.due_at == max(story.now, first_quiet)


# --- redelivery ----------------------------------------------------------------------------------------------------


def test_redelivery_is_a_new_call_and_changes_no_outcome() -> None:
    story = Story().installed().after(1000)
    story.when(RedeliveryAsked("key-rotation"))
    assert story.one.call is not None
    assert (story.one.call.kind, story.one.call.number) == (Kind.INSTALLED, 2)
    story.due()
    story.reported(UNKNOWN)
    assert (story.one.state, story.one.outcome) == (State.INSTALLED, Outcome.INSTALLED)
    assert story.one.due_at is not None
    story.now = story.one.due_at
    story.due(unavailable=WaitingFor.ADDON)
    assert story.one.flight is None
    story.after(400).due()
    story.reported(OK)
    assert story.at_rest()
    assert story.at(State.INSTALLED)
    assert story.events() == ["InstallRequested", "AddOnInstalled"]


def test_a_refused_redelivery_is_noted_and_over() -> None:
    story = Story().installed()
    story.when(RedeliveryAsked("operator"))
    story.due()
    story.reported(REFUSED)
    assert (story.one.state, story.one.call) == (State.INSTALLED, None)
    assert story.one.history[-1]["result"] == "refused"


def test_uninstalling_during_a_redelivery_waits_for_it() -> None:
    story = Story().installed()
    story.when(RedeliveryAsked("operator"))
    story.due()
    story.after(1).when(UninstallAsked(USER))
    assert story.one.due_at == story.now + LIMITS.lease - seconds(1) + LIMITS.call_deadline


def test_a_pending_delivery_is_redelivered_under_the_next_number() -> None:
    story = Story().delivering()
    deadline = story.one.deadline
    story.when(RedeliveryAsked("late-predecessor"))
    assert story.one.call is not None
    assert (story.one.call.number, story.one.deadline, story.one.due_at) == (2, deadline, story.now)
    story.due()
    assert late(story).verdict is Verdict.UNCHANGED
    story.reported(OK)
    assert story.one.state is State.INSTALLED


@pytest.mark.parametrize("state", [State.REQUESTED, State.CHECKING, State.WAITING, State.FAILED, State.UNINSTALLED])
def test_what_is_not_delivered_is_not_redelivered(state: State) -> None:
    assert at_state(state).when(RedeliveryAsked("operator")).verdict is Verdict.NOT_ALLOWED


def test_settings_belong_to_what_is_installed() -> None:
    story = Story().installed()
    story.when(SettingsChanged({"a.$b": 1}))
    story.when(SettingsChanged({"c": [1, 2]}))
    assert story.one.settings == {"a.$b": 1, "c": [1, 2]}
    assert at_state(State.WAITING).when(SettingsChanged({"a": 1})).verdict is Verdict.NOT_ALLOWED


def test_settings_have_no_more_room_than_a_manifest() -> None:
    story = Story().installed()
    story.when(SettingsChanged({"a": "x" * (SETTINGS_LIMIT // 2)}))
    assert story.when(SettingsChanged({"b": "x" * (SETTINGS_LIMIT // 2)})).verdict is Verdict.TOO_LARGE
    assert story.one.settings == {"a": "x" * (SETTINGS_LIMIT // 2)}
    assert story.when(SettingsChanged({"a": "short", "b": "x" * (SETTINGS_LIMIT // 2)})).verdict is Verdict.APPLIED
