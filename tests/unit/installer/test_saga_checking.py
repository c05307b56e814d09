"""Asking: from the request to auth's answer."""

from typing import Any

import pytest

from services.installer.domain import installation_id
from services.installer.saga.inputs import Checked, CheckSent, RetryAsked, Surroundings, Verdict
from shared.contracts.auth import Plan, Role
from shared.contracts.catalog import Visibility
from shared.contracts.installer import CheckWorkspace, InstallFailed, InstallRequested, Outcome, State
from shared.contracts.reasons import FailureReason, Side, WaitingFor
from tests.unit.installer.story import LIMITS, START, USER, WORKSPACE, Story, addon, seconds


def test_a_request_leaves_with_its_event_and_its_question() -> None:
    story = Story()
    one = story.one
    assert one.id == installation_id(USER, "key")
    assert (one.state, one.outcome, one.live, one.seq) == (State.REQUESTED, Outcome.PENDING, True, 1)
    assert one.waiting_for is WaitingFor.MESSAGING
    assert one.until == START + LIMITS.request_deadline
    requested, question = story.outgoing
    assert (requested.id, requested.seq) == (f"{one.id}:1", 1)
    assert requested.data == InstallRequested(
        installation_id=one.id,
        workspace_id=WORKSPACE,
        addon_key="timer",
        generation=1,
        user_id=USER,
        requested_by=USER,
        occurred_at=START,
    )
    assert (question.id, question.seq) == (f"{one.id}:check:1:1", None)
    assert isinstance(question.data, CheckWorkspace)
    assert (question.data.check, question.data.user_id) == (1, USER)


def test_the_same_caller_and_key_make_the_same_id() -> None:
    assert Story().one.id == Story(workspace_id="f" * 24).one.id
    assert Story().one.id != Story(idempotency_key="other").one.id
    assert Story().one.id != Story(user_id="e" * 24).one.id


def test_the_install_deadline_starts_when_the_question_is_sent() -> None:
    story = Story().after(3600)
    story.sent()
    assert story.one.state is State.CHECKING
    assert story.one.until == story.now + LIMITS.install_deadline
    assert story.one.next_action_at == story.now + LIMITS.reask_after
    assert story.one.waiting_for is WaitingFor.WORKSPACE_CHECK
    assert story.one.trouble is False


def test_a_question_sent_twice_is_noted_once() -> None:
    story = Story().checking().after(1)
    decision = story.when(CheckSent(1, cleared=("x",)))
    assert decision.verdict is Verdict.UNCHANGED
    assert decision.cleared == ("x",), "the entry goes all the same"


def test_an_answered_question_is_not_sent_again_by_whoever_heard_the_answer() -> None:
    """Another process asked, and has not cleared the question yet."""
    story = Story().checking().after(1)
    question = story.outgoing[1].id

    assert story.when(Checked("reply", story.answer(), story.around(), question)).cleared == (question,)


def test_a_question_stays_while_its_answer_decides_nothing() -> None:
    story = Story().checking().after(1)
    early = Checked("early", story.answer(), Surroundings(), story.outgoing[1].id)
    assert story.when(early).cleared == ()


def test_without_kafka_a_request_shows_trouble_and_fails_after_a_day() -> None:
    story = Story().after(29)
    assert story.due().verdict is Verdict.UNCHANGED
    story.after(1).due()
    assert (story.one.state, story.one.trouble) == (State.REQUESTED, True)
    assert story.one.next_action_at is None, "it goes on as soon as Kafka is back, not in a day"
    story.now = START + LIMITS.request_deadline
    story.due()
    assert story.one.reason is FailureReason.MESSAGING_UNAVAILABLE
    assert story.one.side is Side.US
    assert story.events() == ["InstallRequested", "InstallFailed"]


def test_an_overdue_answer_is_asked_for_again_under_the_same_number() -> None:
    story = Story().checking().after(30)
    story.due()
    question = story.outgoing[-1]
    assert question.id == f"{story.one.id}:check:1:2"
    assert isinstance(question.data, CheckWorkspace)
    assert question.data.check == 1
    assert story.one.trouble is True
    assert story.one.check.sent_at is None
    story.sent()
    story.after(5).checked()
    assert story.one.state is State.DELIVERING


def test_an_auth_that_is_always_late_is_understood_at_last() -> None:
    story = Story().checking()
    first = story.answer()
    for _ in range(3):
        story.after(30).due()
        story.sent()
    story.after(1).when(Checked("late", first, story.around()))
    assert story.one.state is State.DELIVERING


def test_an_unanswered_question_fails_at_the_deadline_and_it_was_not_the_add_on() -> None:
    story = Story().checking()
    deadline = story.one.deadline
    assert deadline is not None
    while story.one.state is State.CHECKING:
        assert story.one.due_at is not None
        assert story.one.due_at <= deadline
        story.now = story.one.due_at
        story.due()
        story.sent()
    assert story.now == deadline
    assert (story.one.reason, story.one.side) == (FailureReason.DEADLINE, Side.US)


def test_time_in_which_kafka_did_not_take_the_question_does_not_count() -> None:
    story = Story().checking()
    deadline = story.one.deadline
    assert deadline is not None
    story.after(30).due()
    asked_at = story.now
    story.after(3600).due()
    assert (story.one.state, story.one.waiting_for) == (State.CHECKING, WaitingFor.MESSAGING)
    assert story.one.until == asked_at + LIMITS.request_deadline, "the deadline has passed and ends nothing"
    story.sent()
    assert story.one.state is State.CHECKING
    assert story.one.until == story.one.deadline == deadline + seconds(3600)


def test_a_question_that_kafka_does_not_take_for_a_day_fails() -> None:
    story = Story().checking().after(30)
    story.due()
    story.after(30).due()
    story.now = story.one.check.asked_at + LIMITS.request_deadline
    story.due()
    assert story.one.reason is FailureReason.MESSAGING_UNAVAILABLE


def test_an_answer_may_overtake_the_note_that_the_question_was_sent() -> None:
    story = Story()
    story.checked()
    assert story.one.state is State.DELIVERING
    assert [entry.get("target") for entry in story.one.history] == [None, "CHECKING", "DELIVERING"]
    assert story.sent().verdict is Verdict.UNCHANGED


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"found": False}, FailureReason.WORKSPACE_GONE),
        ({"role": Role.MEMBER}, FailureReason.NOT_ADMIN),
        ({"role": None}, FailureReason.NOT_ADMIN),
        ({"verified": False}, FailureReason.EMAIL_NOT_VERIFIED),
        ({"active": False}, FailureReason.WORKSPACE_INACTIVE),
        ({"requires_two_factor": True}, FailureReason.TWO_FACTOR_REQUIRED),
        ({"plan": Plan.BASIC}, FailureReason.PLAN_TOO_LOW),
        ({"product": "other"}, FailureReason.PRODUCT_NOT_COMPATIBLE),
    ],
)
def test_auths_answer_refuses_whatever_the_projection_said(facts: dict[str, Any], reason: FailureReason) -> None:
    story = Story()
    story.addon = addon(minimal_plan=Plan.PRO, products=("clock",))
    story.checking().checked(**facts)
    assert (story.one.state, story.one.outcome, story.one.live) == (State.FAILED, Outcome.FAILED, False)
    assert story.one.reason is reason
    assert story.one.trouble is False, "what the visitor can mend is no maintenance"
    failed = story.outgoing[-1].data
    assert isinstance(failed, InstallFailed)
    assert (failed.reason, failed.side) == (reason, story.one.side)
    assert story.one.next_action_at is None


@pytest.mark.parametrize("facts", [{"withdrawn": True}, {"visibility": Visibility.PRIVATE}])
def test_an_add_on_withdrawn_meanwhile_is_not_installed(facts: dict[str, Any]) -> None:
    story = Story()
    story.addon = addon(**facts)
    story.checking().checked()
    assert story.one.reason is FailureReason.ADDON_WITHDRAWN


def test_only_the_current_number_in_checking_applies() -> None:
    story = Story().checking()
    assert story.checked(check=2).verdict is Verdict.UNCHANGED
    assert story.checked(check=1).verdict is Verdict.APPLIED
    assert story.checked("another").verdict is Verdict.UNCHANGED


def test_an_answer_about_an_add_on_not_known_here_is_asked_for_again() -> None:
    story = Story().checking()
    assert story.checked(around=Surroundings()).verdict is Verdict.UNCHANGED
    story.after(30).due()
    story.sent()
    story.checked("reply-2")
    assert story.one.state is State.DELIVERING


def test_the_answer_sets_what_the_workspace_is() -> None:
    story = Story().delivering()
    workspace = story.one.workspace
    assert (workspace.region, workspace.product, workspace.plan, workspace.version) == ("eu", "clock", Plan.PRO, 7)
    assert workspace.owner_id == "c" * 24
    assert story.one.applied == ("reply-1",)


def test_without_an_installed_hook_a_passed_check_installs() -> None:
    story = Story()
    story.addon = addon(hooks={})
    story.checking().checked(around=story.around(unavailable=WaitingFor.ADDON))
    assert (story.one.state, story.one.outcome) == (State.INSTALLED, Outcome.INSTALLED)
    assert story.one.tokens is not None
    assert story.events() == ["InstallRequested", "AddOnInstalled"]


def test_a_retry_while_the_question_waits_for_kafka_is_noted_and_asks_no_second_one() -> None:
    for story in (Story(), Story().checking().after(30)):
        story.due()
        questions, due_at = len(story.outgoing), story.one.due_at
        story.after(10).when(RetryAsked(USER))
        assert story.one.history[-1]["what"] == "retry_asked"
        assert (len(story.outgoing), story.one.due_at) == (questions, due_at), "it leaves as soon as Kafka is back"


def test_retry_while_checking_asks_again_but_not_more_than_every_two_seconds() -> None:
    story = Story()
    story.checking()
    assert story.after(1).when(RetryAsked(USER)).verdict is Verdict.UNCHANGED
    assert story.after(2).when(RetryAsked(USER)).verdict is Verdict.APPLIED
    assert story.outgoing[-1].id == f"{story.one.id}:check:1:2"
