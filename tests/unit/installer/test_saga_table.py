"""The table of transitions: complete, walked row by row, and what the documentation draws."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.installer.saga.inputs import CancelAsked, CheckSent, Due, Input, UninstallAsked, WorkspaceGone
from services.installer.saga.transitions import TABLE, ForbiddenTransitionError, Row, diagram, require
from shared.contracts.installer import State
from shared.contracts.reasons import WaitingFor
from tests.unit.installer.story import LIMITS, OK, REFUSED, USER, Story, addon, at_state

S = State


def _to_deadline(story: Story) -> Story:
    assert story.one.until is not None
    story.now = story.one.until
    return story


def _no_hook(story: Story) -> Story:
    story.addon = addon(hooks={})
    return story


def _never_taken_by_kafka() -> Story:
    story = Story().checking().after(30)
    story.due()
    story.now += LIMITS.request_deadline
    return story


def _asked_past_the_deadline() -> Story:
    story = _to_deadline(Story().checking())
    story.due()
    return story


# How each row of the table comes about.
WAYS: dict[tuple[State, str, State], Callable[[], object]] = {
    (S.REQUESTED, "CheckSent", S.CHECKING): lambda: Story().sent(),
    (S.REQUESTED, "Checked", S.CHECKING): lambda: Story().checked(),
    (S.REQUESTED, "Due", S.FAILED): lambda: _to_deadline(Story()).due(),
    (S.REQUESTED, "CancelAsked", S.FAILED): lambda: Story().when(CancelAsked(USER)),
    (S.CHECKING, "Checked", S.DELIVERING): lambda: Story().checking().checked(),
    (S.CHECKING, "Checked", S.INSTALLED): lambda: _no_hook(Story()).checking().checked(),
    (S.CHECKING, "Checked", S.WAITING): lambda: Story().waiting(),
    (S.CHECKING, "Checked", S.FAILED): lambda: Story().checking().checked(verified=False),
    (S.CHECKING, "CheckSent", S.FAILED): lambda: _asked_past_the_deadline().sent(),
    (S.CHECKING, "Due", S.FAILED): lambda: _never_taken_by_kafka().due(),
    (S.CHECKING, "CancelAsked", S.FAILED): lambda: at_state(S.CHECKING).when(CancelAsked(USER)),
    (S.DELIVERING, "CallReported", S.INSTALLED): lambda: Story().delivering().reported(OK),
    (S.DELIVERING, "CallReported", S.FAILED): lambda: Story().delivering().reported(REFUSED),
    (S.DELIVERING, "Due", S.WAITING): lambda: Story().delivering().after(6).due(unavailable=WaitingFor.ADDON),
    (S.DELIVERING, "Due", S.FAILED): lambda: _to_deadline(Story().delivering()).due(),
    (S.DELIVERING, "CancelAsked", S.FAILED): lambda: at_state(S.DELIVERING).when(CancelAsked(USER)),
    (S.WAITING, "Due", S.DELIVERING): lambda: Story().waiting().due(),
    (S.WAITING, "Due", S.INSTALLED): lambda: _no_hook(Story().waiting()).due(),
    (S.WAITING, "Due", S.CHECKING): lambda: Story().waiting().after(601).due(),
    (S.WAITING, "Due", S.FAILED): lambda: _to_deadline(Story().waiting()).due(),
    (S.WAITING, "CancelAsked", S.FAILED): lambda: at_state(S.WAITING).when(CancelAsked(USER)),
    (S.INSTALLED, "UninstallAsked", S.UNINSTALLED): lambda: at_state(S.INSTALLED).when(UninstallAsked(USER)),
    (S.REQUESTED, "WorkspaceGone", S.FAILED): lambda: at_state(S.REQUESTED).when(WorkspaceGone()),
    (S.CHECKING, "WorkspaceGone", S.FAILED): lambda: at_state(S.CHECKING).when(WorkspaceGone()),
    (S.DELIVERING, "WorkspaceGone", S.FAILED): lambda: at_state(S.DELIVERING).when(WorkspaceGone()),
    (S.WAITING, "WorkspaceGone", S.FAILED): lambda: at_state(S.WAITING).when(WorkspaceGone()),
    (S.INSTALLED, "WorkspaceGone", S.UNINSTALLED): lambda: at_state(S.INSTALLED).when(WorkspaceGone()),
}


def test_every_row_has_its_story() -> None:
    assert set(WAYS) == {(row.source, row.on.__name__, row.target) for row in TABLE}
    assert len(WAYS) == len(TABLE), "no row twice"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.source}-{row.on.__name__}-{row.target}")
def test_the_row_is_walked(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[tuple[State, type[Input], State]] = []

    def note(source: State, on: type[Input], target: State) -> None:
        require(source, on, target)
        walked.append((source, on, target))

    monkeypatch.setattr("services.installer.saga.draft.require", note)
    WAYS[row.source, row.on.__name__, row.target]()
    assert (row.source, row.on, row.target) in walked


def test_a_way_that_is_not_in_the_table_is_a_bug() -> None:
    with pytest.raises(ForbiddenTransitionError, match="INSTALLED --Due--> FAILED"):
        require(S.INSTALLED, Due, S.FAILED)
    with pytest.raises(ForbiddenTransitionError):
        require(S.FAILED, CheckSent, S.CHECKING)


def test_ends_are_ends() -> None:
    assert {row.source for row in TABLE} & {S.FAILED, S.UNINSTALLED} == set()


def test_the_documentation_draws_this_table() -> None:
    page = Path(__file__).parents[3] / "docs" / "installation-states.md"
    drawn = page.read_text().partition("```mermaid\n")[2].partition("```")[0]
    assert drawn == diagram(), "run: python -m services.installer diagram"
