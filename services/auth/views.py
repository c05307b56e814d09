"""What clients send and get."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from services.auth.domain import Account
from services.auth.sessions import Client, Session
from services.auth.texts import Address, DisplayName, GivenPassword, Locale, Password, Region, Subject, WorkspaceName
from services.auth.workspaces import MANAGING, Workspace
from shared.contracts.auth import Plan, Role

MAX_MEMBERS = 10_000
_MAX_VERSION = 2**53 - 1  # the largest integer that every JSON reader keeps


class Asked(BaseModel):
    """Something a client sends; a field that we do not know is a mistake to tell about."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Told(BaseModel):
    """Something a client gets."""

    model_config = ConfigDict(frozen=True)


class NewAccount(Asked):
    email: Address
    password: Password
    display_name: DisplayName = ""
    locale: Locale = "en"


class AddressOnly(Asked):
    email: Address


class LinkToken(Asked):
    token: Annotated[str, StringConstraints(max_length=200)]


class LogIn(Asked):
    email: Address
    password: GivenPassword
    client: Client = "api"


class Refresh(Asked):
    refresh_token: Annotated[str, StringConstraints(max_length=200)]


class Profile(Asked):
    display_name: DisplayName | None = None
    locale: Locale | None = None


class NewWorkspace(Asked):
    name: WorkspaceName
    region: Region = ""


class WorkspacePatch(Asked):
    name: WorkspaceName | None = None
    requires_two_factor: bool | None = None


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
    requires_two_factor: bool
    active: bool
    members: Annotated[tuple[PushedMember, ...], Field(max_length=MAX_MEMBERS)]

    @field_validator("members")
    @classmethod
    def _each_once(cls, members: tuple[PushedMember, ...]) -> tuple[PushedMember, ...]:
        if len({member.subject for member in members}) < len(members):
            raise PydanticCustomError("unique", "Each subject may be a member once")
        return members


class Accepted(Told):
    """The same whatever we know: what follows comes by mail."""

    status: Literal["check-your-mail"] = "check-your-mail"


class Verified(Told):
    verified: Literal[True] = True


class User(Told):
    id: str
    email: str
    display_name: str
    locale: str
    verified: bool
    two_factor: bool
    roles: tuple[str, ...]

    @classmethod
    def of(cls, account: Account) -> Self:
        return cls(
            id=account.id,
            email=account.email,
            display_name=account.display_name,
            locale=account.locale,
            verified=account.verified,
            two_factor=account.two_factor,
            roles=account.roles,
        )


class OpenSession(Told):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None
    """Null for browser clients, whose refresh token is in a cookie that no script can read."""
    session_id: str
    user: User


class SessionRow(Told):
    id: str
    client: Client
    network: str
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool

    @classmethod
    def of(cls, session: Session, current: str) -> Self:
        return cls(
            id=session.id,
            client=session.client,
            network=session.network,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=session.rotated_at,
            expires_at=session.expires_at,
            current=session.id == current,
        )


class ProviderRow(Told):
    id: str
    label: str
    product: str
    region: str
    login_url: str
    create_workspace_url: str | None


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


class AccountRow(Told):
    id: str
    email: str
    verified: bool
    roles: tuple[str, ...]
    created_at: datetime

    @classmethod
    def of(cls, account: Account) -> Self:
        return cls(
            id=account.id,
            email=account.email,
            verified=account.verified,
            roles=account.roles,
            created_at=account.created_at,
        )
