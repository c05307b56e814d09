"""The pure core: what an installation becomes by what happens to it, and what leaves with that change.

No I/O, no clock, no randomness: `decide` called twice with the same arguments answers the same, so any process may
decide again after losing a race. The ways from state to state are in `transitions.py`.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.installer.domain import ENDED, SETTINGS_LIMIT, Check, Installation, installation_id
from services.installer.saga import checking, delivering, ending, events, moving
from services.installer.saga.draft import Draft, Step
from services.installer.saga.inputs import (
    BaseUrlMoved,
    CallReported,
    CancelAsked,
    Checked,
    CheckSent,
    Decision,
    Due,
    Input,
    InstallAsked,
    InstalledLate,
    ManifestApplied,
    RedeliveryAsked,
    RetryAsked,
    SettingsChanged,
    SuccessorWaits,
    UninstallAsked,
    Verdict,
    WorkspaceGone,
    cause_of,
)
from services.installer.settings import InstallerSettings
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import State
from shared.contracts.reasons import WaitingFor

# Somebody who presses the button again and again asks no more often.
_ASK_GAP = timedelta(seconds=2)


class Saga:
    """The rules with their durations."""

    def __init__(self, limits: InstallerSettings) -> None:
        self._limits = limits

    def begin(
        self, asked: InstallAsked, generation: int, now: datetime
    ) -> tuple[Installation, tuple[Envelope[Message], ...]]:
        """A new installation, with InstallRequested and CheckWorkspace."""
        one = Installation(
            id=installation_id(asked.user_id, asked.idempotency_key),
            workspace_id=asked.workspace_id,
            addon_key=asked.addon_key,
            addon_name=asked.addon_name,
            generation=generation,
            user_id=asked.user_id,
            request=asked.request,
            if_unavailable=asked.if_unavailable,
            acknowledged=asked.acknowledged,
            correlation_id=asked.correlation_id,
            traceparent=asked.traceparent,
            cause=asked.correlation_id,
            requested_at=now,
            changed_at=now,
            state=State.REQUESTED,
            waiting_for=WaitingFor.MESSAGING,
            check=Check(number=1, asked_at=now),
            workspace=asked.workspace,
        )
        draft = Draft(one, CheckSent, now, self._limits)
        draft.note(Step.REQUESTED)
        draft.wake(now + self._limits.reask_after)
        draft.emit(lambda: events.requested(draft.one, now))
        return draft.finished(), (*draft.outgoing, events.check_workspace(draft.one, now))

    def decide(self, installation: Installation, message: Input, now: datetime) -> Decision:
        """What `message` makes of `installation`, which itself is left as it is.

        The result's `version` is the old one; whoever writes it counts. Unless the verdict is APPLIED the
        installation is returned unchanged.
        """
        draft = Draft(installation, type(message), now, self._limits)
        draft.one.cause = cause_of(message) or draft.one.cause
        verdict = _DECIDE[type(message)](draft, message)
        cleared = message.cleared if isinstance(message, CheckSent) else ()
        if verdict is not Verdict.APPLIED:
            return Decision(installation, verdict, cleared=cleared)
        if isinstance(message, Checked) and message.question is not None:
            cleared = (message.question,)  # Kafka has had it, whichever process asked: nobody need send it again
        return Decision(draft.finished(), verdict, tuple(draft.outgoing), cleared)


def _due(draft: Draft, message: Due) -> Verdict:
    state = draft.one.state
    if state in (State.REQUESTED, State.CHECKING):
        return checking.due(draft)
    if state is State.WAITING:
        return checking.due_waiting(draft, message)
    return delivering.due(draft, message) if state is State.DELIVERING else ending.due(draft, message)


def _reported(draft: Draft, message: CallReported) -> Verdict:
    state = draft.one.state
    if state is State.DELIVERING:
        return delivering.reported(draft, message)
    if state in (State.CHECKING, State.WAITING):
        return delivering.reported_meanwhile(draft, message)
    return ending.reported(draft, message)


def _retry_asked(draft: Draft, _: RetryAsked) -> Verdict:
    """Now instead of later. Never changes an outcome."""
    one = draft.one
    if one.unsent:
        draft.note(Step.RETRY_ASKED)  # and nothing to hurry: the question leaves as soon as Kafka is back
    elif one.state is State.CHECKING:
        if draft.now - one.check.asked_at <= _ASK_GAP:
            return Verdict.UNCHANGED
        checking.ask_again(draft)
    elif one.state is State.WAITING or (one.call is not None and one.flight is None):
        draft.note(Step.RETRY_ASKED)
        one.due_at = draft.quiet_at() if one.state in ENDED else draft.now
    else:
        return Verdict.UNCHANGED if one.pending or one.call is not None else Verdict.NOT_ALLOWED
    return Verdict.APPLIED


def _settings_changed(draft: Draft, message: SettingsChanged) -> Verdict:
    if draft.one.state is not State.INSTALLED:
        return Verdict.NOT_ALLOWED
    settings = {**(draft.one.settings or {}), **message.values}
    if len(json.dumps(settings, ensure_ascii=False).encode()) > SETTINGS_LIMIT:
        return Verdict.TOO_LARGE
    draft.one.settings = settings
    return Verdict.APPLIED


_DECIDE: Mapping[type[Any], Callable[[Draft, Any], Verdict]] = {
    CheckSent: checking.check_sent,
    Checked: checking.checked,
    Due: _due,
    CallReported: _reported,
    CancelAsked: ending.cancel,
    RetryAsked: _retry_asked,
    UninstallAsked: ending.uninstall,
    WorkspaceGone: lambda draft, _: ending.workspace_gone(draft),
    RedeliveryAsked: ending.redeliver,
    ManifestApplied: moving.apply_manifest,
    BaseUrlMoved: moving.move_base_url,
    SettingsChanged: _settings_changed,
    SuccessorWaits: lambda draft, _: ending.successor_waits(draft),
    InstalledLate: ending.installed_late,
}
