"""What clients and products send and get: workspaces."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, StrictBool, field_validator
from pydantic_core import PydanticCustomError

from services.auth.texts import Region, Subject, WorkspaceName
from services.auth.views import Asked, Told
from services.auth.workspaces.abilities import Ability, abilities
from services.auth.workspaces.rules import MANAGING, Workspace, role_of
from shared.contracts.auth import Plan, Role
from shared.plumbing.openapi import example

MAX_MEMBERS = 10_000
_MAX_VERSION = 2**53 - 1  # the largest integer that every JSON reader keeps


class NewWorkspace(Asked):
    model_config = example({"name": "Acme Research", "region": "eu"})

    name: WorkspaceName
    region: Region = ""


class WorkspacePatch(Asked):
    model_config = example({"requires_two_factor": True})

    name: WorkspaceName | None = None
    requires_two_factor: StrictBool | None = None


class OperatorPatch(Asked):
    model_config = example({"plan": "PRO"})

    plan: Plan | None = None
    region: Region | None = None


class RoleOnly(Asked):
    role: Role


class UserOnly(Asked):
    model_config = example({"user_id": "65f1c0ffee0123456789abcd"})

    user_id: Annotated[str, Field(max_length=24)]


class PushedMember(Asked):
    subject: Subject
    role: Role


class PushedWorkspace(Asked):
    """The whole workspace as its product has it; what is missing here is missing there."""

    model_config = example(
        {
            "version": 7,
            "name": "Acme Research",
            "region": "eu",
            "plan": "PRO",
            "requires_two_factor": False,
            "active": True,
            "members": [{"subject": "user-123", "role": "owner"}, {"subject": "user-456", "role": "member"}],
        }
    )

    version: Annotated[int, Field(ge=1, le=_MAX_VERSION, strict=True)]
    name: WorkspaceName
    region: Region
    plan: Plan
    requires_two_factor: StrictBool
    active: StrictBool
    members: Annotated[tuple[PushedMember, ...], Field(max_length=MAX_MEMBERS)]

    @field_validator("members")
    @classmethod
    def _each_once(cls, members: tuple[PushedMember, ...]) -> tuple[PushedMember, ...]:
        if len({member.subject for member in members}) < len(members):
            raise PydanticCustomError("unique", "Each subject may be a member once")
        return members


class WorkspaceView(Told):
    id: str
    name: str
    provider: str | None
    provider_label: str | None = None
    """What people call the product that owns it; null for a local one."""
    product: str
    region: str
    plan: Plan
    requires_two_factor: bool
    active: bool
    """False: archived, or put away by its product; it takes no installs."""
    role: Role | None
    """The caller's; null for an operator who is no member."""
    read_only: bool
    """Whether the caller cannot change it here: it is a product's, or the role does not allow it."""
    can: tuple[Ability, ...] = ()
    """What the caller may do with it here, so that a client needs no rule of its own."""
    version: int

    @classmethod
    def of(cls, workspace: Workspace, user_id: str, labels: Mapping[str, str] | None = None) -> Self:
        """As this user sees it; `labels` of the products by provider id."""
        role, provider = role_of(workspace, user_id), workspace.provider
        return cls(
            id=workspace.id,
            name=workspace.name,
            provider=provider,
            provider_label=None if provider is None else (labels or {}).get(provider, provider),
            product=workspace.product,
            region=workspace.region,
            plan=workspace.plan,
            requires_two_factor=workspace.requires_two_factor,
            active=workspace.active,
            role=role,
            read_only=provider is not None or role not in MANAGING,
            can=abilities(workspace, user_id),
            version=workspace.version,
        )


class MemberRow(Told):
    user_id: str | None
    """Null as long as nobody has logged in as this subject."""
    subject: str | None
    """Who it is at the product; null in a local workspace."""
    display_name: str
    role: Role


class DeletionEffects(Told):
    """What deleting the workspace would do, for its owner to read before."""

    members: int
    """So many people lose access."""
    open_invites: int
    """So many invites open nothing any more."""
    must_archive_first: bool
    installations: str
    """Where to see what is installed: all of it is uninstalled, and cannot be brought back."""


class LocalWay(Told):
    """A workspace of the marketplace's own."""

    create: str = "/api/auth/v1/workspaces"
    """Where to POST it."""
    regions: tuple[str, ...]
    """Those to choose from; empty: any, or none."""


class ProductWay(Told):
    """A workspace of a product; it appears here by itself, as soon as the product tells of it."""

    provider: str
    label: str
    product: str
    region: str
    create_workspace_url: str | None
    """Null: look for it in the product."""


class WaysToAdd(Told):
    local: LocalWay | None
    """Null: workspaces are made at the products only."""
    products: tuple[ProductWay, ...]
    """For each product that the account is linked with."""
    back: str | None
    """`return_to` with `workspace={id}`: put the new workspace's id in, and the visitor is back where it was needed."""


class Pushed(Told):
    applied: bool
    """False: known already, or older than what we have."""
    version: int
    """The product's version that stands here now."""
