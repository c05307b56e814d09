"""A newer manifest that is let count, and an add-on that is called at another address."""

from dataclasses import replace

import pytest

from services.installer.domain import Kind
from services.installer.saga.inputs import BaseUrlMoved, CancelAsked, ManifestApplied, UninstallAsked, Verdict
from shared.contracts.installer import Cleanup, State
from shared.contracts.reasons import WaitingFor
from tests.unit.installer.story import BOTH_HOOKS, OK, REFUSED, UNKNOWN, USER, Story, addon

ELSEWHERE = "https://elsewhere.example"


def newer(story: Story, **hooks: str) -> ManifestApplied:
    assert story.one.snapshot is not None
    scopes, version = ("TIME_ENTRY_WRITE",), story.one.snapshot.manifest_version + 1
    snapshot = replace(story.one.snapshot, manifest_version=version, scopes=scopes, lifecycle=hooks or BOTH_HOOKS)
    return ManifestApplied(snapshot, "New name")


def test_a_newer_manifest_counts_once_and_the_add_on_is_told_in_a_call_of_its_own() -> None:
    story = Story().installed()
    message = newer(story)

    assert [story.when(message).verdict for _ in range(2)] == [Verdict.APPLIED, Verdict.UNCHANGED]
    one = story.one
    assert (one.snapshot, one.addon_name, one.state) == (message.snapshot, "New name", State.INSTALLED)
    assert one.call is not None
    assert (one.call.kind, one.call.number) == (Kind.INSTALLED, 2)
    story.due()
    story.reported(REFUSED)
    assert (story.one.state, story.one.call) == (State.INSTALLED, None), "what is installed stays so"
    assert story.events() == ["InstallRequested", "AddOnInstalled"]


def test_a_manifest_whose_add_on_wants_to_hear_nothing_more_ends_what_it_was_to_be_told() -> None:
    story = Story().installed()
    story.when(newer(story))
    assert story.when(newer(story, DELETED="/deleted")).verdict is Verdict.APPLIED
    assert (story.one.call, story.one.due_at, story.one.cleanup) == (None, None, Cleanup.NONE)


def test_uninstalling_follows_the_manifest_that_counts() -> None:
    story = Story().installed()
    story.when(newer(story, INSTALLED="/installed"))
    story.due()
    story.reported(OK)
    story.when(UninstallAsked(USER))
    assert (story.one.cleanup, story.one.call) == (Cleanup.NONE, None), "it declares no DELETED any more"


@pytest.mark.parametrize("story", [Story().checking(), Story().delivering()])
def test_only_what_is_installed_takes_another_manifest(story: Story) -> None:
    story.one.snapshot = story.one.snapshot or addon().snapshot
    assert story.when(newer(story)).verdict is Verdict.NOT_ALLOWED


def test_what_is_being_delivered_is_called_elsewhere_at_once_as_the_same_call() -> None:
    story = Story().delivering()
    story.reported(UNKNOWN)
    before = story.one.call
    assert before is not None
    assert story.when(BaseUrlMoved(ELSEWHERE)).verdict is Verdict.APPLIED
    assert story.when(BaseUrlMoved(ELSEWHERE)).verdict is Verdict.UNCHANGED
    one = story.one
    assert one.snapshot is not None
    assert one.call is not None
    assert one.snapshot.base_url == ELSEWHERE
    assert (one.call.number, one.call.created_at, one.due_at) == (before.number, before.created_at, story.now)


def test_a_clean_up_that_nobody_answers_can_be_moved_but_not_before_the_add_on_is_quiet() -> None:
    story = Story().delivering()
    story.when(CancelAsked(USER))
    quiet_at = story.one.due_at
    assert story.when(BaseUrlMoved(ELSEWHERE)).verdict is Verdict.APPLIED
    assert quiet_at is not None
    assert story.one.due_at is not None
    assert story.now < story.one.due_at <= quiet_at
    story.now = story.one.due_at
    story.due()
    story.reported(OK)
    assert story.one.cleanup is Cleanup.CLOSED
    assert story.when(BaseUrlMoved("https://third.example")).verdict is Verdict.NOT_ALLOWED


def test_what_waits_takes_the_address_of_its_listing_when_it_goes_on() -> None:
    waiting = Story().delivering()
    waiting.reported(UNKNOWN)
    waiting.after(1).due(unavailable=WaitingFor.ADDON)
    assert waiting.one.state is State.WAITING
    assert waiting.when(BaseUrlMoved(ELSEWHERE)).verdict is Verdict.NOT_ALLOWED
    assert Story().checking().when(BaseUrlMoved(ELSEWHERE)).verdict is Verdict.NOT_ALLOWED
