"""Calling the add-on's INSTALLED, or waiting until that makes sense."""

from dataclasses import replace
from hashlib import sha256

from services.installer.domain import Call, Kind, Tokens
from services.installer.saga import ending, events
from services.installer.saga.draft import Draft
from services.installer.saga.inputs import AddOnNow, CallReported, Due, Result, Surroundings, Verdict
from shared.contracts.installer import Outcome, State
from shared.contracts.reasons import FailureReason, WaitingFor

_REFUSALS = {
    Result.REFUSED: FailureReason.ADDON_REFUSED,
    Result.GONE: FailureReason.ADDON_GONE,
    Result.BLOCKED: FailureReason.ADDON_ADDRESS_BLOCKED,
}
_TO_WAIT_FOR = frozenset({WaitingFor.ADDON, WaitingFor.MAINTENANCE})


def enter(draft: Draft, addon: AddOnNow, around: Surroundings) -> None:
    """The check has passed recently: install, deliver or wait."""
    one = draft.one
    _photograph(draft, addon)
    if one.snapshot is not None and not one.snapshot.declares(Kind.INSTALLED):
        _install(draft)
        return
    obstacle = what_hinders(around)
    if obstacle is not None:
        wait(draft, obstacle)
        return
    if one.state is State.WAITING:
        one.deadline = draft.now + draft.limits.install_deadline
    draft.move(State.DELIVERING)
    one.waiting_for = WaitingFor.ADDON
    if one.call is None:
        one.calls += 1
        one.call = Call(kind=Kind.INSTALLED, number=one.calls, created_at=draft.now)
    else:
        one.call = replace(one.call, tries=0)
    ending.attempt(draft, around)


def _photograph(draft: Draft, addon: AddOnNow) -> None:
    """Take the snapshot that all calls use, unless the add-on may already have seen an earlier one."""
    one = draft.one
    if one.snapshot is not None and (one.loose or (one.call is not None and one.call.maybe_seen)):
        return
    one.snapshot = addon.snapshot
    one.addon_name = addon.name
    jti = sha256(f"{one.id}/tokens".encode()).hexdigest()[:32]
    one.tokens = Tokens(jti=jti, iat=int(draft.now.timestamp()), kid=addon.kid)


def what_hinders(around: Surroundings) -> WaitingFor | None:
    """Why INSTALLED cannot be called now."""
    if around.previous_open:
        return WaitingFor.PREVIOUS_UNINSTALL
    return None if around.probe and around.unavailable is WaitingFor.ADDON else around.unavailable


def wait(draft: Draft, obstacle: WaitingFor) -> None:
    """Wait for `obstacle` to pass, or fail if the caller did not want to wait for the add-on."""
    one = draft.one
    if one.if_unavailable == "fail" and obstacle in _TO_WAIT_FOR:
        ours = obstacle is WaitingFor.MAINTENANCE
        ending.fail(draft, FailureReason.MAINTENANCE if ours else FailureReason.ADDON_UNAVAILABLE)
        return
    if one.state is not State.WAITING:
        draft.move(State.WAITING, waiting_for=obstacle.value)
    one.waiting_for = obstacle
    one.trouble = obstacle in _TO_WAIT_FOR
    one.wait_deadline = one.wait_deadline or draft.now + draft.limits.waiting_deadline
    one.deadline = one.wait_deadline
    look = draft.limits.waiting_look if obstacle in _TO_WAIT_FOR else draft.limits.reask_after
    draft.wake(min(draft.now + draft.spread(look, f"look/{one.version}"), one.deadline), Kind.INSTALLED)


def due(draft: Draft, message: Due) -> Verdict:
    """DELIVERING: the next attempt, unless somebody is at it or something hinders it."""
    one, around = draft.one, message.around
    if one.flight is not None:
        if one.flight.until > draft.now:
            return Verdict.UNCHANGED
        _unreported(draft)
    obstacle = what_hinders(around) if around.unavailable is not None else None
    if obstacle is None and one.due_at is not None and one.due_at > draft.now:
        return Verdict.UNCHANGED
    if one.deadline is not None and draft.now >= one.deadline:
        ending.fail(draft, FailureReason.DEADLINE)
    elif obstacle is not None:
        wait(draft, obstacle)
    else:
        ending.attempt(draft, around)
    return Verdict.APPLIED


def _unreported(draft: Draft) -> None:
    """Whoever began the attempt is gone; the add-on may have seen it."""
    one = draft.one
    draft.lose_flight()
    if one.call is not None:
        one.call = replace(one.call, maybe_seen=True)
    one.trouble = True


def reported(draft: Draft, message: CallReported) -> Verdict:
    """DELIVERING: an attempt came back."""
    one, call = draft.one, draft.one.call
    if call is None or (call.kind, call.number) != (message.kind, message.number):
        return Verdict.UNCHANGED
    flight, result = one.flight, message.answer.result
    present = flight is not None and flight.attempt == message.attempt
    if not present and not draft.catch(message.number, message.attempt):
        return Verdict.UNCHANGED
    draft.answered(message)
    if present:
        one.flight = None
    if result is Result.OK:
        _install(draft)
    elif present:
        if result in _REFUSALS:
            ending.fail(draft, _REFUSALS[result], side=message.answer.side, detail=message.answer.text)
        else:
            one.call = replace(call, maybe_seen=call.maybe_seen or result is Result.UNKNOWN)
            one.trouble = True
            draft.retry_later(draft.limits.retry_schedule, message.answer.retry_after)
    return Verdict.APPLIED


def reported_meanwhile(draft: Draft, message: CallReported) -> Verdict:
    """CHECKING or WAITING: what an earlier attempt says is noted, not obeyed; the call is repeated anyway."""
    if not draft.catch(message.number, message.attempt):
        return Verdict.UNCHANGED
    draft.answered(message)
    return Verdict.APPLIED


def _install(draft: Draft) -> None:
    """The outcome: every right is switched on by this write."""
    one = draft.one
    draft.lose_flight()
    draft.move(State.INSTALLED)
    one.outcome = Outcome.INSTALLED
    one.call = None
    one.waiting_for = None
    one.trouble = False
    draft.sleep()
    draft.emit(lambda: events.installed(one, draft.now))
