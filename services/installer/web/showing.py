"""From installations to what clients see: whose side a trouble is on, what happens next and when. Pure."""

from typing import Any

from services.installer.domain import Installation, Kind
from services.installer.saga.draft import Step
from services.installer.web.views import PATH, TimelineEntry
from shared.contracts.installer import State
from shared.contracts.reasons import SCREEN_OF, Screen, Side, WaitingFor

SIDE_OF_WAITING: dict[WaitingFor, Side] = {
    WaitingFor.MESSAGING: Side.US,
    WaitingFor.WORKSPACE_CHECK: Side.US,
    WaitingFor.ADDON: Side.ADDON,
    WaitingFor.PREVIOUS_UNINSTALL: Side.ADDON,
    WaitingFor.MAINTENANCE: Side.US,
}


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
        "manifest_version": None if one.snapshot is None else one.snapshot.manifest_version,
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


def detail(one: Installation, older: list[dict[str, Any]], *, closely: bool) -> dict[str, Any]:
    """The fields of `InstallationDetail`; `older` are the steps that no longer fit into the installation.

    What the add-on answered to an attempt is there only for whoever looks `closely`.
    """
    steps = {entry["n"]: entry for entry in (*older, *one.history)}
    timeline = [_entry(steps[n]) for n in sorted(steps)]
    if not closely:
        timeline = [{**entry, "detail": None} if entry["what"] == Step.ATTEMPT else entry for entry in timeline]
    return {**installation(one), "timeline": timeline}


def screen(one: Installation) -> Screen | None:
    """Trouble that neither the visitor nor the add-on has explained is shown as maintenance."""
    if one.reason is not None:
        return SCREEN_OF[one.reason]
    return "maintenance" if one.pending and one.trouble else None


def next_action(one: Installation) -> dict[str, Any] | None:
    """What happens by itself; null when all is done."""
    if one.flight is not None:
        return {"action": "await-answer", "at": one.flight.quiet_at}  # at the latest; the lease is no deadline
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
    return None if waiting_for is None else SIDE_OF_WAITING[waiting_for]


def _entry(step: dict[str, Any]) -> dict[str, Any]:
    shown = {name: step.get(name) for name in TimelineEntry.model_fields}
    waiting_for = step.get("waiting_for")
    shown["side"] = step.get("side") or _waiting_side(WaitingFor(waiting_for) if waiting_for else None)
    shown["duration_ms"] = step.get("ms")
    shown["detail"] = step.get("text")
    return shown
