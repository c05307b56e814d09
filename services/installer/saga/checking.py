"""Asking auth, and looking again at what waits: the part of the saga before the add-on is called."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from services.installer.domain import APPLIED_LIMIT, Check
from services.installer.saga import delivering, ending, events
from services.installer.saga.draft import Draft, Step
from services.installer.saga.inputs import Checked, CheckSent, Due, Verdict
from shared.contracts.auth import WorkspaceChecked
from shared.contracts.installer import State
from shared.contracts.reasons import Blocker, FailureReason, Side, WaitingFor
from shared.rules.install import AccountFacts, AddOnFacts, WorkspaceFacts, blockers

REASON_OF: Mapping[Blocker, FailureReason] = {
    Blocker.EMAIL_NOT_VERIFIED: FailureReason.EMAIL_NOT_VERIFIED,
    Blocker.NOT_ADMIN: FailureReason.NOT_ADMIN,
    Blocker.TWO_FACTOR_REQUIRED: FailureReason.TWO_FACTOR_REQUIRED,
    Blocker.PLAN_TOO_LOW: FailureReason.PLAN_TOO_LOW,
    Blocker.PRODUCT_NOT_COMPATIBLE: FailureReason.PRODUCT_NOT_COMPATIBLE,
    Blocker.WORKSPACE_INACTIVE: FailureReason.WORKSPACE_INACTIVE,
    Blocker.ADDON_WITHDRAWN: FailureReason.ADDON_WITHDRAWN,
    # To this workspace the add-on is as good as withdrawn: it became private after the request.
    Blocker.ADDON_NOT_VISIBLE: FailureReason.ADDON_WITHDRAWN,
}
# A question that Kafka took this late was held up by Kafka; shorter is the normal way through the outbox.
_HELD_UP = timedelta(seconds=5)


def check_sent(draft: Draft, message: CheckSent) -> Verdict:
    one = draft.one
    if one.state not in (State.REQUESTED, State.CHECKING) or message.number != one.check.number or one.check.sent_at:
        return Verdict.UNCHANGED
    if one.state is State.REQUESTED:
        _start_checking(draft)
    held_up = draft.now - one.check.asked_at
    if one.deadline is None:
        one.deadline = draft.now + draft.limits.install_deadline
    elif held_up > _HELD_UP and one.check.asks > 1:
        one.deadline += held_up  # the deadline does not count while Kafka cannot be reached
    one.check = replace(one.check, sent_at=draft.now)
    if draft.now >= one.deadline:
        ending.fail(draft, FailureReason.DEADLINE, side=Side.US)
        return Verdict.APPLIED
    one.waiting_for = WaitingFor.WORKSPACE_CHECK
    draft.wake(min(draft.now + draft.limits.reask_after, one.deadline))
    return Verdict.APPLIED


def _start_checking(draft: Draft) -> None:
    draft.move(State.CHECKING)
    draft.one.waiting_for = WaitingFor.WORKSPACE_CHECK
    draft.one.deadline = draft.now + draft.limits.install_deadline
    draft.one.trouble = False


def checked(draft: Draft, message: Checked) -> Verdict:
    one, answer, addon = draft.one, message.answer, message.around.addon
    current = one.state in (State.REQUESTED, State.CHECKING) and answer.check == one.check.number
    if not current or addon is None or message.message_id in one.applied:
        return Verdict.UNCHANGED  # for an add-on that is not known here yet auth is asked again
    if one.state is State.REQUESTED:
        _start_checking(draft)
    one.deadline = one.deadline or draft.now + draft.limits.install_deadline
    one.applied = (*one.applied, message.message_id)[-APPLIED_LIMIT:]
    refusal = _refusal(answer, addon.facts)
    if refusal is not None:
        ending.fail(draft, refusal)
        return Verdict.APPLIED
    one.check = replace(one.check, passed_at=draft.now, sent_at=one.check.sent_at or draft.now)
    one.workspace = replace(
        one.workspace,
        region=answer.region,
        product=answer.product,
        plan=answer.plan,
        version=answer.workspace_version,
    )
    delivering.enter(draft, addon, message.around)
    return Verdict.APPLIED


def _refusal(answer: WorkspaceChecked, addon: AddOnFacts) -> FailureReason | None:
    if not answer.found:
        return FailureReason.WORKSPACE_GONE
    account = AccountFacts(verified=answer.verified, two_factor=answer.two_factor)
    workspace = WorkspaceFacts(
        workspace_id=answer.workspace_id,
        role=answer.role,
        active=answer.active,
        plan=answer.plan,
        product=answer.product,
        region=answer.region,
        requires_two_factor=answer.requires_two_factor,
    )
    found = blockers(account, workspace, addon, already_installed=False)
    return REASON_OF[found[0]] if found else None


def due(draft: Draft) -> Verdict:
    one = draft.one
    if one.due_at is not None and one.due_at > draft.now:
        return Verdict.UNCHANGED
    if not one.unsent:
        ask_again(draft)
    elif draft.now >= draft.gives_up_at:
        ending.fail(draft, FailureReason.MESSAGING_UNAVAILABLE)
    else:
        one.waiting_for = WaitingFor.MESSAGING
        one.trouble = True
        draft.wake(draft.gives_up_at)
    return Verdict.APPLIED


def ask_again(draft: Draft) -> None:
    """The answer is overdue.

    Past the deadline this still asks: only a question that Kafka takes proves that the time until now counted,
    and the write that notes it as sent then sets the outcome.
    """
    one = draft.one
    one.check = replace(one.check, asked_at=draft.now, asks=one.check.asks + 1, sent_at=None)
    one.trouble = True
    draft.note(Step.ASKED_AGAIN)
    draft.outgoing.append(events.check_workspace(one, draft.now))
    draft.wake(draft.now + draft.limits.reask_after)


def due_waiting(draft: Draft, message: Due) -> Verdict:
    one, around = draft.one, message.around
    due = one.due_at is None or one.due_at <= draft.now
    if one.deadline is not None and draft.now >= one.deadline:
        side = Side.US if one.waiting_for is WaitingFor.MAINTENANCE else None
        ending.fail(draft, FailureReason.ADDON_UNAVAILABLE, side=side)
        return Verdict.APPLIED
    obstacle = delivering.what_hinders(around)
    if obstacle is not None or around.addon is None:
        if not due and obstacle in (None, one.waiting_for):
            return Verdict.UNCHANGED
        delivering.wait(draft, obstacle or one.waiting_for or WaitingFor.ADDON)
    elif one.check.passed_at is None or draft.now - one.check.passed_at > draft.limits.recheck_after:
        draft.move(State.CHECKING)
        one.check = Check(number=one.check.number + 1, asked_at=draft.now)
        one.waiting_for = WaitingFor.WORKSPACE_CHECK
        one.deadline = None  # begins when the question is sent
        draft.outgoing.append(events.check_workspace(one, draft.now))
        draft.wake(draft.now + draft.limits.reask_after)
    else:
        delivering.enter(draft, around.addon, around)
    return Verdict.APPLIED
