"""What clients send and get: accounts."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import StringConstraints

from services.auth.domain import Account
from services.auth.texts import Address, DisplayName, Locale, Password
from services.auth.views import Asked, Told


class NewAccount(Asked):
    email: Address
    password: Password
    display_name: DisplayName = ""
    locale: Locale = "en"


class AddressOnly(Asked):
    email: Address


class LinkToken(Asked):
    token: Annotated[str, StringConstraints(max_length=200)]


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
            two_factor=account.protected,
            roles=account.roles,
        )


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
