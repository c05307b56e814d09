"""Calls made again by hand, and after a key was lost."""

from services.installer.domain import Kind
from services.installer.saga.inputs import RedeliveryAsked, UninstallAsked, Verdict
from shared.contracts.installer import State
from shared.contracts.reasons import WaitingFor
from tests.unit.installer.story import OK, UNKNOWN, USER, Story


def test_a_press_adds_one_call_however_often_it_arrives() -> None:
    story = Story().installed()
    first, second = RedeliveryAsked("asked", "press-1"), RedeliveryAsked("asked", "press-2")

    assert story.when(first).verdict is Verdict.APPLIED
    assert story.when(first).verdict is Verdict.UNCHANGED
    story.due()
    story.reported(OK)
    assert story.when(first).verdict is Verdict.UNCHANGED
    assert story.when(second).verdict is Verdict.APPLIED
    assert story.one.calls == 3


def test_a_press_does_not_disturb_what_is_pending() -> None:
    assert Story().delivering().when(RedeliveryAsked("asked", "press-1")).verdict is Verdict.NOT_ALLOWED


def test_a_lost_key_is_replaced_whatever_the_state() -> None:
    installed, delivering, waiting = Story().installed(), Story().delivering(), Story().delivering()
    waiting.reported(UNKNOWN)
    waiting.after(1).due(unavailable=WaitingFor.ADDON)
    assert waiting.one.state is State.WAITING
    for story in (installed, delivering, waiting):
        told = RedeliveryAsked("key-rotation", kid="new")
        assert story.when(told).verdict is Verdict.APPLIED
        assert story.when(told).verdict is Verdict.UNCHANGED
        assert story.one.tokens is not None
        assert story.one.call is not None
        assert story.one.tokens.kid == "new"
        assert (story.one.call.kind, story.one.call.number) == (Kind.INSTALLED, 2), "other bytes, another webhook-id"


def test_what_has_no_tokens_or_has_ended_is_left_alone() -> None:
    ended = Story().installed()
    ended.when(UninstallAsked(USER))
    for story in (Story().checking(), ended):
        assert story.when(RedeliveryAsked("key-rotation", kid="new")).verdict is Verdict.UNCHANGED
