"""The saga's ends: failing, uninstalling, and the clean-up that both may owe the add-on."""

from dataclasses import replace

from services.installer.domain import APPLIED_LIMIT, ENDED, TEXT_LIMIT, Call, Kind
from services.installer.saga import events
from services.installer.saga.draft import Draft, Step
from services.installer.saga.inputs import (
    CallReported,
    CancelAsked,
    Due,
    InstalledLate,
    RedeliveryAsked,
    Result,
    Surroundings,
    UninstallAsked,
    Verdict,
)
from shared.contracts.installer import Cleanup, Outcome, State
from shared.contracts.reasons import SCREEN_OF, SIDE_OF, FailureReason, Side

_MAYBE_SEEN = frozenset({Result.OK, Result.UNKNOWN})
_CLOSING = frozenset({Result.OK, Result.REFUSED, Result.GONE})


def fail(
    draft: Draft, reason: FailureReason, *, side: Side | None = None, detail: str = "", user_id: str | None = None
) -> None:
    """Set the outcome, once: no rights any more, and a DELETED owed if an INSTALLED may have been seen."""
    one = draft.one
    one.reason, one.side, one.detail = reason, side or SIDE_OF[reason], detail[:TEXT_LIMIT]
    draft.move(State.FAILED, reason=reason.value, side=one.side.value)
    one.outcome = Outcome.FAILED
    one.live = False
    one.waiting_for = None
    one.trouble = SCREEN_OF[reason] == "maintenance"
    draft.emit(lambda: events.failed(one, draft.now, user_id or one.user_id))
    seen = one.flight is not None or bool(one.loose) or (one.call is not None and one.call.maybe_seen)
    _owe(draft, seen=seen)


def cancel(draft: Draft, message: CancelAsked) -> Verdict:
    """Somebody gives up waiting for the outcome."""
    if not draft.one.pending:
        return Verdict.UNCHANGED if draft.one.reason is FailureReason.CANCELLED else Verdict.NOT_ALLOWED
    fail(draft, FailureReason.CANCELLED, user_id=message.user_id)
    return Verdict.APPLIED


def uninstall(draft: Draft, message: UninstallAsked) -> Verdict:
    """A dead add-on cannot veto it: its DELETED comes when it can."""
    if draft.one.state is not State.INSTALLED:
        return Verdict.UNCHANGED if draft.one.state is State.UNINSTALLED else Verdict.NOT_ALLOWED
    _uninstall(draft, message.user_id)
    return Verdict.APPLIED


def workspace_gone(draft: Draft) -> Verdict:
    """Nobody is left to use it or to remove it. The events name who asked for the install: nobody asked for this."""
    if draft.one.pending:
        fail(draft, FailureReason.WORKSPACE_GONE)
    elif draft.one.state is State.INSTALLED:
        _uninstall(draft, draft.one.user_id, reason=FailureReason.WORKSPACE_GONE.value)
    else:
        return Verdict.UNCHANGED
    return Verdict.APPLIED


def _uninstall(draft: Draft, user_id: str, **why: str) -> None:
    one = draft.one
    draft.move(State.UNINSTALLED, **why)
    one.live = False
    draft.emit(lambda: events.uninstalled(one, draft.now, user_id))
    _owe(draft, seen=True)


def _owe(draft: Draft, *, seen: bool) -> None:
    one = draft.one
    draft.lose_flight()
    one.call = None
    draft.sleep()
    if seen and one.snapshot is not None and one.snapshot.declares(Kind.DELETED):
        one.cleanup = Cleanup.OWED
        _add_deleted(draft)


def _add_deleted(draft: Draft) -> None:
    add_call(draft, Kind.DELETED)
    if draft.one.superseded:
        draft.one.deadline = draft.now + draft.limits.superseded_deadline
    draft.wake(draft.quiet_at(), Kind.DELETED)


def add_call(draft: Draft, kind: Kind, cause: str | None = None) -> None:
    """Begin a logical call beside the outcome: due now, with days to succeed."""
    one = draft.one
    one.calls += 1
    one.call = Call(kind=kind, number=one.calls, created_at=draft.now)
    one.deadline = draft.now + draft.limits.cleanup_deadline
    draft.note(Step.CALL_ADDED, kind=kind.value, number=one.calls, cause=cause)
    draft.wake(draft.now, kind)


def due(draft: Draft, message: Due) -> Verdict:
    """A clean-up's (or a redelivery's) next attempt, or its end."""
    one = draft.one
    if one.due_at is None or one.due_at > draft.now:
        return Verdict.UNCHANGED
    if one.call is None:
        draft.sleep()  # nothing is left to be due for
        return Verdict.APPLIED
    draft.lose_flight()  # its lease is over, or it would not be due
    if one.deadline is not None and draft.now >= one.deadline:
        one.gave_up = one.gave_up or one.call.kind is Kind.DELETED
        close(draft, "given_up")
    elif one.call.kind is Kind.INSTALLED and message.around.unavailable is not None:
        draft.wake(draft.now + draft.spread(draft.limits.waiting_look, "look"), Kind.INSTALLED)
    elif draft.quiet_at() > draft.now and one.call.kind is Kind.DELETED:
        draft.wake(draft.quiet_at(), Kind.DELETED)
    else:
        attempt(draft, message.around)
    return Verdict.APPLIED


def attempt(draft: Draft, around: Surroundings) -> None:
    """Begin the next attempt if a slot is offered."""
    if draft.one.call is None:
        raise ValueError("no call to attempt")
    if around.lease is None:
        draft.no_slot(draft.one.call.kind)
    else:
        draft.take_off(around.lease)


def close(draft: Draft, result: str) -> None:
    """The call beside the outcome is over. A clean-up that is closed stays closed."""
    one = draft.one
    if one.call is not None:
        draft.note(Step.CALL_CLOSED, kind=one.call.kind.value, number=one.call.number, result=result)
    if one.cleanup is Cleanup.OWED:
        one.cleanup = Cleanup.CLOSED
    draft.lose_flight()
    one.call = None
    draft.sleep()


def reported(draft: Draft, message: CallReported) -> Verdict:
    """An attempt of an ended or installed one came back."""
    one, call = draft.one, draft.one.call
    if call is None or (call.kind, call.number) != (message.kind, message.number):
        return _stray(draft, message) if message.kind is Kind.INSTALLED else Verdict.UNCHANGED
    present = one.flight is not None and one.flight.attempt == message.attempt
    closing = message.answer.result in _CLOSING
    if present:
        one.flight = None
    elif not (draft.catch(message.number, message.attempt) or closing):
        return Verdict.UNCHANGED
    draft.answered(message)
    if closing:
        close(draft, message.answer.result.value)
    elif present:
        draft.retry_later(draft.limits.cleanup_schedule, message.answer.retry_after)
    return Verdict.APPLIED


def _stray(draft: Draft, message: CallReported) -> Verdict:
    """An attempt of INSTALLED that nobody waits for any more.

    If the add-on may have heard it after a DELETED, more has to happen than this installation alone can decide.
    """
    one = draft.one
    if not any((entry.number, entry.attempt) == (message.number, message.attempt) for entry in one.loose):
        return Verdict.UNCHANGED
    ended = one.state in ENDED and one.snapshot is not None and one.snapshot.declares(Kind.DELETED)
    deleted_begun = ended and (one.call is None or one.call.attempt > 0)
    if deleted_begun and message.answer.result in _MAYBE_SEEN:
        return Verdict.LATE
    draft.catch(message.number, message.attempt)
    draft.answered(message)
    if ended and one.call is not None and not deleted_begun:
        draft.wake(draft.quiet_at(), Kind.DELETED)
    return Verdict.APPLIED


def installed_late(draft: Draft, message: InstalledLate) -> Verdict:
    """Another DELETED, under the next number: the add-on may have heard INSTALLED after the last one."""
    one = draft.one
    if one.state not in ENDED or not draft.catch(message.number, message.attempt):
        return Verdict.UNCHANGED
    if one.snapshot is not None and one.snapshot.declares(Kind.DELETED):
        draft.lose_flight()
        if one.cleanup is Cleanup.NONE:
            one.cleanup = Cleanup.OWED
        _add_deleted(draft)
    return Verdict.APPLIED


def successor_waits(draft: Draft) -> Verdict:
    """The next generation may not wait for days: clean up now, or give up soon."""
    one = draft.one
    if one.superseded or one.state not in ENDED or one.call is None:
        return Verdict.UNCHANGED
    one.superseded = True
    limit = draft.now + draft.limits.superseded_deadline
    one.deadline = min(one.deadline or limit, limit)
    one.call = replace(one.call, tries=0)
    if one.flight is None:
        draft.wake(draft.quiet_at(), Kind.DELETED)
    return Verdict.APPLIED


def redeliver(draft: Draft, message: RedeliveryAsked) -> Verdict:
    """Tell the add-on again what it may have forgotten, or what was signed with a key that is no longer good."""
    if message.kid is not None:
        return _rekey(draft, message.cause, message.kid)
    one, pressed = draft.one, message.nonce is not None
    if message.nonce in one.applied:
        return Verdict.UNCHANGED
    # A pending install has a call under way, which people hurry by *retry*.
    if one.state is not State.INSTALLED and (pressed or one.state is not State.DELIVERING):
        return Verdict.NOT_ALLOWED
    if one.snapshot is None or not one.snapshot.declares(Kind.INSTALLED):
        return Verdict.NOT_ALLOWED if pressed else Verdict.UNCHANGED
    if message.nonce is not None:
        one.applied = (*one.applied, message.nonce)[-APPLIED_LIMIT:]
    call_again(draft, message.cause)
    return Verdict.APPLIED


def call_again(draft: Draft, cause: str) -> None:
    """INSTALLED under the next number, in the place of whatever is being called."""
    one, deadline = draft.one, draft.one.deadline
    draft.lose_flight()
    add_call(draft, Kind.INSTALLED, cause=cause)
    if one.state is State.DELIVERING and one.call is not None:
        one.deadline = deadline
        one.call = replace(one.call, maybe_seen=True)


def _rekey(draft: Draft, cause: str, kid: str) -> Verdict:
    """Tokens of the old key end with this write; who holds some is told the new ones."""
    one = draft.one
    if not one.live or one.tokens is None or one.tokens.kid == kid:
        return Verdict.UNCHANGED
    one.tokens = replace(one.tokens, kid=kid)
    if one.state in (State.INSTALLED, State.DELIVERING):
        if one.snapshot is not None and one.snapshot.declares(Kind.INSTALLED):
            call_again(draft, cause)
    elif one.call is not None:
        one.calls += 1  # other bytes, so another call, when its turn comes
        one.call = replace(one.call, number=one.calls, created_at=draft.now, attempt=0)
    return Verdict.APPLIED
