"""Invites: each is for one address, opens once, and is worth as much as the role of whoever sent it. Pure.

They are kept in the workspace, so that what happens to an invite and to the members is one write.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from services.auth.domain import Account, Change, SecurityKind
from services.auth.tokens import same
from services.auth.workspaces.invite import Invite
from services.auth.workspaces.lifecycle import refuse_if_archived
from services.auth.workspaces.rules import MANAGING, Member, Workspace, managing, role_of, told_of, with_members
from shared.contracts.auth import SendMail
from shared.plumbing.errors import Conflict, Forbidden, NotFound, Problem

MAX_LOCAL_MEMBERS = 10_000
_USED_KEPT = 50
Write = Callable[[Invite, Workspace], SendMail]
Status = Literal["open", "expired", "void"]


def send(workspace: Workspace, new: Invite, invitee_id: str | None, write: Write, *, at_most: int) -> Change:
    """Invite the address; `invitee_id` is whose verified address it is, if anybody's.

    Raises as `managing`, and 409 `workspace-archived`, `already-member`, `already-invited`, `too-many-invites`.
    """
    managing(workspace, new.invited_by)
    refuse_if_archived(workspace)
    if invitee_id is not None and role_of(workspace, invitee_id) is not None:
        raise _already_member()
    kept = [one for one in workspace.invites if one.expires_at > new.invited_at]
    waiting = [one for one in kept if one.used_by is None]
    known = next((one for one in waiting if one.email_key == new.email_key), None)
    if known is not None:
        raise Conflict(
            "already-invited", "This address has an open invite", "Send it again, or revoke it.", invite_id=known.id
        )
    if len(waiting) >= at_most:
        raise Conflict("too-many-invites", "The workspace has too many open invites", "Revoke some first.")
    return _invites([*kept, new], write(new, workspace))


def send_again(workspace: Workspace, again: Invite, write: Write) -> Change:
    """Mail another link in the name of `again.invited_by`; the link before it opens nothing any more.

    Raises as `send`, and 404 `invite-not-found`.
    """
    managing(workspace, again.invited_by)
    refuse_if_archived(workspace)
    found = pending(workspace, again.id)
    fresh = again.model_copy(update={"email": found.email, "email_key": found.email_key, "role": found.role})
    others = [fresh if one.id == again.id else one for one in workspace.invites]
    return _invites(others, write(fresh, workspace))


def revoke(workspace: Workspace, actor_id: str, invite_id: str) -> Change:
    """Raises as `managing`, and 404 `invite-not-found`."""
    managing(workspace, actor_id)
    pending(workspace, invite_id)
    return _invites(one for one in workspace.invites if one.id != invite_id)


def accept(workspace: Workspace, hashed: str, account: Account, now: datetime) -> Change | None:
    """Make the invited person a member. None for a repetition by the one who has accepted, and still is one.

    Raises 404 `invite-unknown`, 403 `invite-for-another-address`, 410 `invite-used`, `invite-expired`, `invite-void`,
    409 `workspace-archived`, `already-member`, `workspace-full`.
    """
    found, role = by_hash(workspace, hashed), role_of(workspace, account.id)
    if found.used_by == account.id and role is not None:
        return None
    if found.used_by is None and found.email_key != account.email_key:
        raise Forbidden(
            "invite-for-another-address",
            "This invite is for another address",
            "Log in with the account of the address that it was mailed to, or ask for an invite to yours.",
        )
    refuse_if_closed(workspace, found, now)
    if role is not None:
        raise _already_member()
    if len(workspace.members) >= MAX_LOCAL_MEMBERS:
        raise Conflict("workspace-full", "The workspace has as many members as one can have")
    stub = found.model_copy(update={"email": "", "email_key": "", "used_by": account.id})
    used = [one for one in workspace.invites if one.used_by is not None and one.expires_at > now]
    waiting = [one for one in workspace.invites if one.used_by is None and one.id != found.id]
    return with_members(
        workspace,
        [*workspace.members, Member(user_id=account.id, role=found.role)],
        told_of(workspace, SecurityKind.WORKSPACE_JOINED, account.id, role=found.role, invited_by=found.invited_by),
        told_of(workspace, SecurityKind.WORKSPACE_INVITE_ACCEPTED, found.invited_by, by=account.id),
        invites=_documents([*waiting, *used[1 - _USED_KEPT :], stub]),
    )


def decline(workspace: Workspace, hashed: str) -> Change | None:
    """Forget the invite, on behalf of whoever holds its link. None if it is used. Raises 404 `invite-unknown`."""
    found = by_hash(workspace, hashed)
    return _invites(one for one in workspace.invites if one.id != found.id) if found.used_by is None else None


def by_hash(workspace: Workspace, hashed: str) -> Invite:
    """Raises 404 `invite-unknown`."""
    found = next((one for one in workspace.invites if same(one.hash, hashed)), None)
    if found is None or workspace.deleted_at is not None:
        raise invite_unknown()
    return found


def pending(workspace: Workspace, invite_id: str) -> Invite:
    """Raises 404 `invite-not-found`."""
    found = next((one for one in workspace.invites if one.id == invite_id and one.used_by is None), None)
    if found is None:
        raise NotFound("invite-not-found", "There is no such invite", "It may have been accepted, declined or revoked.")
    return found


def refuse_if_closed(workspace: Workspace, invite: Invite, now: datetime) -> None:
    """Raises 410 `invite-used`, `invite-expired`, `invite-void`, 409 `workspace-archived`."""
    if invite.used_by is not None:
        raise Problem("invite-used", 410, "This invite has been used", "Whoever it was for is a member now, or was.")
    state = status(workspace, invite, now)
    if state == "expired":
        raise Problem("invite-expired", 410, "This invite has expired", "Ask for another one.")
    if state == "void":
        raise Problem(
            "invite-void", 410, "This invite does not count any more", "Whoever sent it may not invite now; ask again."
        )
    refuse_if_archived(workspace)


def status(workspace: Workspace, invite: Invite, now: datetime) -> Status:
    """What an unused invite is worth; one whose sender is made an admin again counts again."""
    if invite.expires_at <= now:
        return "expired"
    return "open" if role_of(workspace, invite.invited_by) in MANAGING else "void"


def invite_unknown() -> NotFound:
    """Also for one that was revoked or declined, or whose workspace is gone."""
    return NotFound("invite-unknown", "This invite is not one of ours", "Perhaps it was revoked, or its link was cut.")


def _already_member() -> Conflict:
    return Conflict("already-member", "This person is a member already", "Change the role instead.")


def _invites(invites: Iterable[Invite], *mails: SendMail) -> Change:
    return Change({"invites": _documents(invites)}, mails, public=False)


def _documents(invites: Iterable[Invite]) -> Sequence[dict[str, Any]]:
    return [one.model_dump(exclude_none=True) for one in invites]
