"""Installations as clients see them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.installer.domain import Installation, Kind
from shared.contracts.installer import Cleanup, Outcome, State
from shared.contracts.reasons import SCREEN_OF, FailureReason, Screen, Side, WaitingFor

PATH = "/api/installer/v1/installations"

_SIDE_OF_WAITING: dict[WaitingFor, Side] = {
    WaitingFor.MESSAGING: Side.US,
    WaitingFor.WORKSPACE_CHECK: Side.US,
    WaitingFor.ADDON: Side.ADDON,
    WaitingFor.PREVIOUS_UNINSTALL: Side.ADDON,
    WaitingFor.MAINTENANCE: Side.ADDON,
}


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class NextAction(_View):
    """What happens next without anybody's doing."""

    action: Literal["ask-workspace", "call-addon", "look-again", "await-answer", "clean-up"]
    at: datetime | None = Field(description="Null: as soon as what it waits for is there")


class Attempt(_View):
    """The call under way, or the next one to be made."""

    kind: Kind
    number: int = Field(description="Of the logical call; all its attempts have one `webhook-id`")
    attempt: int = Field(description="Attempts begun so far")
    under_way: bool


class InstallationView(_View):
    """One installation. `id` is the `addonId` that the add-on knows it by."""

    id: str
    workspace_id: str
    addon_key: str
    addon_name: str
    generation: int = Field(description="Counts the installations of this add-on in this workspace from 1")
    requested_by: str
    state: State
    outcome: Outcome
    cleanup: Cleanup = Field(description="Whether the add-on still has to be told DELETED")
    cleanup_given_up: bool
    reason: FailureReason | None
    side: Side | None = Field(description="Whose side the present trouble, or the failure, is on")
    detail: str = Field(description="The add-on's own words where it refused")
    screen: Screen | None = Field(description="What to show in place of plain progress")
    trouble: bool
    waiting_for: WaitingFor | None
    until: datetime | None = Field(description="A pending installation waits at most until then in its present state")
    next: NextAction | None
    call: Attempt | None
    requested_at: datetime
    changed_at: datetime
    version: int
    seq: int = Field(description="Of the newest event; the live stream continues from it")
    links: dict[str, str] = Field(examples=[{"self": f"{PATH}/65f1c0ffee0123456789abcd"}])


class TimelineEntry(_View):
    """One step or attempt. Fields that the kind of step does not have are null."""

    n: int = Field(description="Counts the steps of the installation from 1")
    at: datetime
    what: str = Field(examples=["state", "attempt", "call_added"])
    side: Side | None = Field(description="Whose side a trouble was on")
    source: State | None = None
    target: State | None = None
    reason: FailureReason | None = None
    waiting_for: WaitingFor | None = None
    kind: Kind | None = None
    number: int | None = None
    attempt: int | None = None
    result: str | None = None
    status: Annotated[int | None, Field(description="HTTP status of the add-on's answer")] = None
    duration_ms: float | None = None
    detail: str | None = None


class InstallationDetail(InstallationView):
    """With every step so far."""

    timeline: list[TimelineEntry]


def installation(one: Installation) -> dict[str, Any]:
    """The fields of `InstallationView`."""
    return {
        "id": one.id,
        "workspace_id": one.workspace_id,
        "addon_key": one.addon_key,
        "addon_name": one.addon_name,
        "generation": one.generation,
        "requested_by": one.user_id,
        "state": one.state,
        "outcome": one.outcome,
        "cleanup": one.cleanup,
        "cleanup_given_up": one.gave_up,
        "reason": one.reason,
        "side": _side(one),
        "detail": one.detail,
        "screen": screen(one),
        "trouble": one.trouble,
        "waiting_for": one.waiting_for,
        "until": one.until,
        "next": next_action(one),
        "call": _attempt(one),
        "requested_at": one.requested_at,
        "changed_at": one.changed_at,
        "version": one.version,
        "seq": one.seq,
        "links": {"self": f"{PATH}/{one.id}"},
    }


def detail(one: Installation, older: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields of `InstallationDetail`; `older` are the steps that no longer fit into the installation."""
    steps = {entry["n"]: entry for entry in (*older, *one.history)}
    return {**installation(one), "timeline": [_entry(steps[n]) for n in sorted(steps)]}


def screen(one: Installation) -> Screen | None:
    """S17: trouble that neither the visitor nor the add-on has explained is shown as maintenance."""
    if one.reason is not None:
        return SCREEN_OF[one.reason]
    return "maintenance" if one.pending and one.trouble else None


def next_action(one: Installation) -> dict[str, Any] | None:
    """What happens by itself; null when all is done."""
    if one.flight is not None:
        return {"action": "await-answer", "at": one.flight.until}
    if one.state is State.REQUESTED or one.state is State.CHECKING:
        return {"action": "ask-workspace", "at": one.next_action_at}
    if one.state is State.WAITING:
        return {"action": "look-again", "at": one.next_action_at}
    if one.call is not None:
        return {"action": "clean-up" if one.call.kind is Kind.DELETED else "call-addon", "at": one.next_action_at}
    return {"action": "look-again", "at": one.next_action_at} if one.pending else None


def _attempt(one: Installation) -> dict[str, Any] | None:
    if one.call is None:
        return None
    call = one.call
    return {"kind": call.kind, "number": call.number, "attempt": call.attempt, "under_way": one.flight is not None}


def _side(one: Installation) -> Side | None:
    troubled = one.trouble or one.state is State.WAITING
    return one.side or (_waiting_side(one.waiting_for) if troubled else None)


def _waiting_side(waiting_for: WaitingFor | None) -> Side | None:
    return None if waiting_for is None else _SIDE_OF_WAITING[waiting_for]


def _entry(step: dict[str, Any]) -> dict[str, Any]:
    shown = {name: step.get(name) for name in TimelineEntry.model_fields}
    waiting_for = step.get("waiting_for")
    shown["side"] = step.get("side") or _waiting_side(WaitingFor(waiting_for) if waiting_for else None)
    shown["duration_ms"] = step.get("ms")
    shown["detail"] = step.get("text")
    return shown
