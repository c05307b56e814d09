"""What led to each message that leaves: the id of the message or request that was applied last."""

from services.installer.saga.inputs import CancelAsked, RetryAsked, SettingsChanged, UninstallAsked
from shared.contracts.installer import State
from tests.unit.installer.story import NOT_SEEN, OK, USER, Story


def causes(story: Story) -> list[tuple[str, str | None]]:
    return [(one.type, one.causation_id) for one in story.outgoing]


def test_the_first_messages_are_caused_by_the_request() -> None:
    assert causes(Story(correlation_id="asked")) == [("InstallRequested", "asked"), ("CheckWorkspace", "asked")]


def test_the_addons_answer_has_no_id_so_the_step_before_it_counts() -> None:
    story = Story().checking()
    story.checked("reply-1")
    story.reported(NOT_SEEN)
    story.after(5).due()

    story.reported(OK)

    assert causes(story)[2:] == [("AddOnInstalled", "reply-1")]


def test_time_has_no_id_either() -> None:
    story = Story(correlation_id="asked").checking()

    story.after(31).due()
    story.after(3).sent()
    story.after(3).when(RetryAsked(USER, "pressed"))

    assert causes(story)[2:] == [("CheckWorkspace", "asked"), ("CheckWorkspace", "pressed")]


def test_whoever_ends_it_is_the_cause_of_its_end() -> None:
    cancelled, removed = Story().checking(), Story().installed()

    cancelled.when(CancelAsked(USER, "cancel"))
    removed.when(SettingsChanged({"a": 1}, "set"))
    assert removed.one.cause == "set"
    removed.when(UninstallAsked(USER, "remove"))

    assert (cancelled.one.state, causes(cancelled)[-1]) == (State.FAILED, ("InstallFailed", "cancel"))
    assert causes(removed)[-1] == ("AddOnUninstalled", "remove")


def test_what_changes_nothing_causes_nothing() -> None:
    story = Story().checking()
    story.checked("reply-1")

    story.checked("reply-2")
    story.when(RetryAsked(USER, "pressed"))

    assert story.one.cause == "reply-1"
