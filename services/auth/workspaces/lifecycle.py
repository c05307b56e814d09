"""The life of a local workspace: its owner gives it to another member, archives it, restores it, deletes it. Pure.

An archived workspace is there for its members and takes no installs; what is installed stays. Only an archived one
can be deleted, so that nobody ends a team's add-ons by one wrong click.
"""

from datetime import datetime

from services.auth.domain import Change, SecurityEvent, SecurityKind
from services.auth.workspaces.rules import Workspace, owning, role_of_member, told_of, with_members
from shared.contracts.auth import Role
from shared.plumbing.errors import Conflict


def transfer(workspace: Workspace, actor_id: str, user_id: str) -> Change:
    """The member becomes an owner, and the caller an admin, by one write.

    Raises as `owning`, and 404 `member-not-found`, 409 `transfer-to-oneself`.
    """
    owning(workspace, actor_id)
    role_of_member(workspace, user_id)
    if actor_id == user_id:
        raise Conflict("transfer-to-oneself", "You own this workspace already")
    roles = {actor_id: Role.ADMIN, user_id: Role.OWNER}
    members = [
        member.model_copy(update={"role": roles.get(member.user_id or "", member.role)}) for member in workspace.members
    ]
    kind = SecurityKind.WORKSPACE_OWNERSHIP_TRANSFERRED
    told = [told_of(workspace, kind, one, **{"from": actor_id, "to": user_id}) for one in roles]
    return with_members(workspace, members, *told)


def archive(workspace: Workspace, actor_id: str, now: datetime) -> Change | None:
    """Take no more installs. None if it is archived already. Raises as `owning`."""
    owning(workspace, actor_id)
    if not workspace.active:
        return None
    events = _owners_told(workspace, SecurityKind.WORKSPACE_ARCHIVED, actor_id)
    return Change({"active": False, "archived_at": now}, events=events)


def restore(workspace: Workspace, actor_id: str) -> Change | None:
    """Take installs again. None if it does. Raises as `owning`."""
    owning(workspace, actor_id)
    if workspace.active:
        return None
    events = _owners_told(workspace, SecurityKind.WORKSPACE_RESTORED, actor_id)
    return Change({"active": True, "archived_at": None}, events=events)


def delete(workspace: Workspace, actor_id: str, now: datetime) -> Change:
    """End it for ever; its installations end by the deleted state record. Nothing of its people stays.

    Raises as `owning`, and 409 `workspace-not-archived`.
    """
    owning(workspace, actor_id)
    if workspace.active:
        raise Conflict("workspace-not-archived", "Archive the workspace first", "Deleting cannot be undone.")
    fields = {"name": "", "members": [], "invites": [], "deleted_at": now}
    return Change(fields, events=_owners_told(workspace, SecurityKind.WORKSPACE_DELETED, actor_id))


def refuse_if_archived(workspace: Workspace) -> None:
    """Raises 409 `workspace-archived`: nobody joins what is put away."""
    if not workspace.active:
        raise Conflict("workspace-archived", "This workspace is archived", "An owner can restore it.")


def _owners_told(workspace: Workspace, kind: SecurityKind, actor_id: str) -> tuple[SecurityEvent, ...]:
    owners = [one.user_id for one in workspace.members if one.role is Role.OWNER and one.user_id is not None]
    return tuple(told_of(workspace, kind, one, by=actor_id) for one in owners)
