"""The life of an installation as one table: every way from state to state, and what leads along it.

`decide.py` may move an installation only along a row of this table, and the documentation's state diagram is drawn
from it.
"""

from dataclasses import dataclass

from services.installer.saga.inputs import (
    CallReported,
    CancelAsked,
    Checked,
    CheckSent,
    Due,
    Input,
    UninstallAsked,
    WorkspaceGone,
)
from shared.contracts.installer import State


@dataclass(frozen=True, slots=True)
class Row:
    """In `source`, the input `on` may lead to `target`."""

    source: State
    on: type[Input]
    target: State
    why: str


TABLE: tuple[Row, ...] = (
    Row(State.REQUESTED, CheckSent, State.CHECKING, "question sent"),
    Row(State.REQUESTED, Checked, State.CHECKING, "answer overtook the note"),
    Row(State.REQUESTED, Due, State.FAILED, "never sent"),
    Row(State.REQUESTED, CancelAsked, State.FAILED, "cancelled"),
    Row(State.REQUESTED, WorkspaceGone, State.FAILED, "workspace deleted"),
    Row(State.CHECKING, Checked, State.DELIVERING, "may install"),
    Row(State.CHECKING, Checked, State.INSTALLED, "add-on wants no call"),
    Row(State.CHECKING, Checked, State.WAITING, "cannot call now"),
    Row(State.CHECKING, Checked, State.FAILED, "may not install"),
    Row(State.CHECKING, CheckSent, State.FAILED, "deadline"),
    Row(State.CHECKING, Due, State.FAILED, "deadline"),
    Row(State.CHECKING, CancelAsked, State.FAILED, "cancelled"),
    Row(State.CHECKING, WorkspaceGone, State.FAILED, "workspace deleted"),
    Row(State.DELIVERING, CallReported, State.INSTALLED, "confirmed"),
    Row(State.DELIVERING, CallReported, State.FAILED, "refused"),
    Row(State.DELIVERING, Due, State.WAITING, "cannot call now"),
    Row(State.DELIVERING, Due, State.FAILED, "deadline"),
    Row(State.DELIVERING, CancelAsked, State.FAILED, "cancelled"),
    Row(State.DELIVERING, WorkspaceGone, State.FAILED, "workspace deleted"),
    Row(State.WAITING, Due, State.DELIVERING, "can call again"),
    Row(State.WAITING, Due, State.INSTALLED, "add-on wants no call"),
    Row(State.WAITING, Due, State.CHECKING, "last answer too old"),
    Row(State.WAITING, Due, State.FAILED, "deadline"),
    Row(State.WAITING, CancelAsked, State.FAILED, "cancelled"),
    Row(State.WAITING, WorkspaceGone, State.FAILED, "workspace deleted"),
    Row(State.INSTALLED, UninstallAsked, State.UNINSTALLED, "uninstalled"),
    Row(State.INSTALLED, WorkspaceGone, State.UNINSTALLED, "workspace deleted"),
)

_ALLOWED = frozenset((row.source, row.on, row.target) for row in TABLE)


class ForbiddenTransitionError(Exception):
    """A bug: the saga tried a way that the table does not have."""


def require(source: State, on: type[Input], target: State) -> None:
    """Raise ForbiddenTransitionError unless the table has this way."""
    if (source, on, target) not in _ALLOWED:
        raise ForbiddenTransitionError(f"{source} --{on.__name__}--> {target}")


def diagram() -> str:
    """The table as a Mermaid state diagram, one arrow per pair of states."""
    labels: dict[tuple[State, State], dict[str, None]] = {}
    for row in TABLE:
        labels.setdefault((row.source, row.target), {})[row.why] = None
    arrows = [f"    {source} --> {target}: {' / '.join(whys)}" for (source, target), whys in labels.items()]
    sources = {row.source for row in TABLE}
    ends = [f"    {state} --> [*]" for state in State if state not in sources]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {State.REQUESTED}", *arrows, *ends]) + "\n"
