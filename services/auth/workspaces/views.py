"""What clients and products send and get: workspaces."""

from typing import Annotated, Self

from pydantic import Field, StrictBool, field_validator
from pydantic_core import PydanticCustomError

from services.auth.texts import Region, Subject, WorkspaceName
from services.auth.views import Asked, Told
from services.auth.workspaces.rules import MANAGING, Workspace
from shared.contracts.auth import Plan, Role

MAX_MEMBERS = 10_000
_MAX_VERSION = 2**53 - 1  # the largest integer that every JSON reader keeps


class NewWorkspace(Asked):
    name: WorkspaceName
    region: Region = ""


class WorkspacePatch(Asked):
    name: WorkspaceName | None = None
    requires_two_factor: StrictBool | None = None


class OperatorPatch(Asked):
    plan: Plan | None = None
    region: Region | None = None


class RoleOnly(Asked):
    role: Role


class PushedMember(Asked):
    subject: Subject
    role: Role


class PushedWorkspace(Asked):
    """The whole workspace as its product has it; what is missing here is missing there."""

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
    product: str
    region: str
    plan: Plan
    requires_two_factor: bool
    active: bool
    role: Role | None
    """The caller's; null for an operator who is no member."""
    read_only: bool
    """Whether the caller cannot change it here: it is a product's, or the role does not allow it."""
    version: int

    @classmethod
    def of(cls, workspace: Workspace, role: Role | None) -> Self:
        return cls(
            id=workspace.id,
            name=workspace.name,
            provider=workspace.provider,
            product=workspace.product,
            region=workspace.region,
            plan=workspace.plan,
            requires_two_factor=workspace.requires_two_factor,
            active=workspace.active,
            role=role,
            read_only=workspace.provider is not None or role not in MANAGING,
            version=workspace.version,
        )


class MemberRow(Told):
    user_id: str | None
    """Null as long as nobody has logged in as this subject."""
    subject: str | None
    """Who it is at the product; null in a local workspace."""
    display_name: str
    role: Role


class Pushed(Told):
    applied: bool
    """False: known already, or older than what we have."""
    version: int
    """The product's version that stands here now."""
