"""Workspaces: who is in them, and what may be changed by whom. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from services.auth.domain import SCHEMA, Change, SecurityEvent, SecurityKind, Stored
from services.auth.workspaces.invite import Invite
from shared.contracts.auth import Plan, Role, WorkspaceAdmin, WorkspaceChanged
from shared.plumbing.errors import Conflict, Forbidden, NotFound

_RANK = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}
MANAGING = frozenset({Role.OWNER, Role.ADMIN})


class Member(Stored):
    """One entry: by user in a local workspace; by the provider's subject, with the user once known, in a product's."""

    user_id: str | None = None
    subject: str | None = None
    role: Role


class Workspace(Stored):
    """A workspace; `members` may be only those of one user, depending on what was read, `owners` counts all."""

    id: str = Field(alias="_id")
    version: int
    name: str
    provider: str | None = None
    product: str = ""
    region: str = ""
    plan: Plan = Plan.FREE
    requires_two_factor: bool = False
    active: bool = True
    members: tuple[Member, ...] = ()
    owners: int | None = None
    invites: tuple[Invite, ...] = ()
    directory_version: int | None = None
    directory_digest: str | None = Field(default=None, repr=False)
    deleted_at: datetime | None = None


def role_of(workspace: Workspace, user_id: str) -> Role | None:
    """The highest role: a person may be in a product's workspace by several of its accounts."""
    roles = [member.role for member in workspace.members if member.user_id == user_id]
    return max(roles, key=_RANK.__getitem__, default=None)


def membership(workspace: Workspace, user_id: str) -> Role:
    """The role of somebody for whom the workspace exists at all. Raises 404 `workspace-not-found`."""
    role = None if workspace.deleted_at else role_of(workspace, user_id)
    if role is None:
        raise workspace_not_found()
    return role


def is_only_owner(workspace: Workspace, user_id: str) -> bool:
    """Whether the workspace would have no owner without this person."""
    count = workspace.owners
    if count is None:
        count = sum(member.role is Role.OWNER for member in workspace.members)
    return count == 1 and role_of(workspace, user_id) is Role.OWNER


def workspace_not_found() -> NotFound:
    """Also for those who are there and not for the caller to know."""
    return NotFound("workspace-not-found", "There is no such workspace", "Or you are not a member of it.")


def managing(workspace: Workspace, user_id: str) -> Role:
    """As `membership`, for owners and admins of a workspace that Souk itself owns.

    Raises 404 `workspace-not-found`, 403 `not-admin`, 409 `workspace-owned-by-product`.
    """
    role = membership(workspace, user_id)
    if role not in MANAGING:
        raise Forbidden("not-admin", "Only owners and admins of the workspace may do this")
    refuse_if_pushed(workspace)
    return role


def owning(workspace: Workspace, user_id: str) -> None:
    """As `managing`, for owners only. Raises 403 `not-owner` to admins."""
    if managing(workspace, user_id) is not Role.OWNER:
        raise Forbidden("not-owner", "Only an owner of the workspace may do this")


def refuse_if_pushed(workspace: Workspace) -> None:
    """Raises 409 `workspace-owned-by-product`: what a product pushes is read-only here."""
    if workspace.provider is not None:
        raise Conflict(
            "workspace-owned-by-product",
            "This workspace belongs to a product",
            "Change it there; the product tells us by itself.",
            provider=workspace.provider,
        )


def new_workspace(
    *, workspace_id: str, name: str, region: str, product: str, owner_id: str, now: datetime
) -> dict[str, Any]:
    """The document of a local workspace; its creator is the owner."""
    return {
        "_id": workspace_id,
        "schema": SCHEMA,
        "version": 1,
        "name": name,
        "provider": None,
        "product": product,
        "region": region,
        "plan": Plan.FREE,
        "requires_two_factor": False,
        "active": True,
        "members": [{"user_id": owner_id, "role": Role.OWNER}],
        "invites": [],
        "deleted_at": None,
        "created_at": now,
        "created_by": owner_id,
    }


def change_role(workspace: Workspace, actor_id: str, user_id: str, role: Role) -> Change | None:
    """Give a member another role. Owners are made and unmade by owners only; the last one stays.

    Raises as `managing`, and 404 `member-not-found`, 403 `not-owner`, 409 `last-owner`.
    """
    actor = managing(workspace, actor_id)
    before = role_of_member(workspace, user_id)
    if Role.OWNER in (before, role) and actor is not Role.OWNER:
        raise Forbidden("not-owner", "Only an owner makes and unmakes owners")
    if before is role:
        return None
    told = told_of(workspace, SecurityKind.WORKSPACE_ROLE_CHANGED, user_id, role=role, by=actor_id)
    return with_members(
        workspace,
        [
            member.model_copy(update={"role": role}) if member.user_id == user_id else member
            for member in workspace.members
        ],
        told,
    )


def change_settings(workspace: Workspace, actor_id: str, fields: Mapping[str, Any], *, protected: bool) -> Change:
    """Rename, or change the 2FA rule; `protected`: whether two factors stand before the actor.

    Raises as `managing`, and 409 `two-factor-off`: whoever makes the rule would be the first whom it locks out, and
    whom it locks out does not lift it.
    """
    managing(workspace, actor_id)
    ruled = workspace.requires_two_factor
    if fields.get("requires_two_factor", ruled) != ruled and not protected:
        raise Conflict(
            "two-factor-off",
            "Your own two-factor authentication is off",
            "Switch it on in your profile first: the rule is made and lifted only by whom it does not lock out.",
        )
    return Change(fields)


def remove(workspace: Workspace, actor_id: str, user_id: str) -> Change:
    """Take a member out, or leave. Raises as `change_role`; whoever leaves needs no role to do so."""
    if actor_id == user_id:
        membership(workspace, actor_id)
        refuse_if_pushed(workspace)
        told = told_of(workspace, SecurityKind.WORKSPACE_LEFT, user_id)
    else:
        actor = managing(workspace, actor_id)
        if role_of_member(workspace, user_id) is Role.OWNER and actor is not Role.OWNER:
            raise Forbidden("not-owner", "Only an owner removes an owner")
        told = told_of(workspace, SecurityKind.WORKSPACE_REMOVED_FROM, user_id, by=actor_id)
    return with_members(workspace, [member for member in workspace.members if member.user_id != user_id], told)


def role_of_member(workspace: Workspace, user_id: str) -> Role:
    """Somebody else's role, for those who see the members. Raises 404 `member-not-found`."""
    role = role_of(workspace, user_id)
    if role is None:
        raise NotFound("member-not-found", "This account is not a member of the workspace")
    return role


def told_of(workspace: Workspace, kind: SecurityKind, user_id: str, **details: str) -> SecurityEvent:
    """An entry of somebody's security log about this workspace."""
    return SecurityEvent(user_id, kind, {"workspace_id": workspace.id, "workspace": workspace.name, **details})


def with_members(workspace: Workspace, members: Sequence[Member], *events: SecurityEvent, **fields: Any) -> Change:
    """These are the members from now on. Raises 409 `last-owner`, which says what to do instead."""
    if not any(member.role is Role.OWNER for member in members):
        here = f"/api/auth/v1/workspaces/{workspace.id}"
        raise Conflict(
            "last-owner",
            "A workspace keeps at least one owner",
            "Transfer it to another member first, or archive and delete it.",
            transfer=f"{here}/transfer",
            archive=f"{here}/archive",
        )
    return Change({"members": [member.model_dump(exclude_none=True) for member in members], **fields}, events=events)


def state_of(document: Mapping[str, Any]) -> WorkspaceChanged:
    """The state record of a workspace document."""
    workspace = Workspace.model_validate(document)
    if workspace.deleted_at is not None:
        return WorkspaceChanged(workspace_id=workspace.id, version=workspace.version, deleted=True)
    roles: dict[str, Role] = {}
    for member in workspace.members:
        if member.user_id is not None and _RANK[member.role] >= _RANK[roles.get(member.user_id, Role.MEMBER)]:
            roles[member.user_id] = member.role
    return WorkspaceChanged(
        workspace_id=workspace.id,
        version=workspace.version,
        name=workspace.name,
        provider=workspace.provider,
        product=workspace.product,
        region=workspace.region,
        plan=workspace.plan,
        requires_two_factor=workspace.requires_two_factor,
        active=workspace.active,
        admins=tuple(WorkspaceAdmin(user_id=one, role=role) for one, role in roles.items() if role is not Role.MEMBER),
        members=tuple(one for one, role in roles.items() if role is Role.MEMBER),
    )
