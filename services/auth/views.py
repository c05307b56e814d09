"""What clients send and get: accounts and sessions."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from services.auth.domain import Account
from services.auth.sessions import Client, Session
from services.auth.texts import Address, DisplayName, GivenPassword, Locale, Password


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
