"""What clients send and get: accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from services.auth.accounts.export import ELSEWHERE
from services.auth.domain import PUBLISHER, Account
from services.auth.texts import Address, DisplayName, GivenPassword, Locale, Password
from services.auth.views import Asked, Told
from services.auth.workspaces.parting import Held, Parting
from shared.plumbing.openapi import example


class NewAccount(Asked):
    model_config = example(
        {
            "email": "ada@example.com",
            "password": "correct horse battery",
            "display_name": "Ada Lovelace",
            "locale": "en",
            "return_to": "/addons/time-reports?install=1",
        }
    )

    email: Address
    password: Password
    display_name: DisplayName = ""
    locale: Locale = "en"
    return_to: Annotated[str | None, Field(max_length=4096)] = Field(
        default=None, examples=["/addons/time-reports?install=1"]
    )
    """A path of ours, where the newcomer goes on once the address is verified."""


class AddressOnly(Asked):
    email: Address


class LinkToken(Asked):
    model_config = example({"token": "pVb2cTq0Yd3m8w1nR5xkZs7uLh4jGf6e"})

    token: Annotated[str, StringConstraints(max_length=200)]


class NewPassword(LinkToken):
    model_config = example({"token": "pVb2cTq0Yd3m8w1nR5xkZs7uLh4jGf6e", "password": "correct horse battery"})

    password: Password


class ChangePassword(Asked):
    model_config = example({"current_password": "correct horse battery", "new_password": "staple and a longer horse"})

    current_password: GivenPassword | None = None
    """Needed where there is one, and refused where there is none; `has_password` of `/me` says which."""
    new_password: Password


class ConfirmedDeletion(Asked):
    confirm: Address
    """The account's own address, so that nobody ends an account by one wrong click."""


class Profile(Asked):
    model_config = example({"display_name": "Ada Lovelace"})

    display_name: DisplayName | None = None
    locale: Locale | None = None


class Accepted(Told):
    """The same whatever we know: what follows comes by mail."""

    status: Literal["check-your-mail"] = "check-your-mail"


class Verified(Told):
    verified: Literal[True] = True
    return_to: str = "/"
    """Where to go on, a path of ours: to the log-in, if the sign-up said where it leads."""


class Done(Told):
    done: Literal[True] = True


class HeldWorkspace(Told):
    id: str
    name: str


class HeldWorkspaces(Told):
    total: int
    first: tuple[HeldWorkspace, ...]
    """A hundred at most."""

    @classmethod
    def of(cls, held: Sequence[Held]) -> Self:
        return cls(total=len(held), first=tuple(HeldWorkspace(id=one.id, name=one.name) for one in held[:100]))


class DeletionEffects(Told):
    """What the end of the account would mean, as things are now."""

    possible: bool
    blocked_by: HeldWorkspaces
    """Others are in these workspaces and the caller is the last owner: somebody else is to be made one first."""
    deleted_workspaces: HeldWorkspaces
    """Nobody else is in these: they end with the account, and their add-ons are uninstalled."""
    left_workspaces: HeldWorkspaces
    """What was installed in these stays, whoever asked for it."""
    product_workspaces: HeldWorkspaces
    """Nothing changes in these at the product; here they are seen no more."""
    left_without_admin: HeldWorkspaces
    """Of these, in which no owner or admin is left here: what is installed stays, for whom the product names next."""
    publisher: bool
    """Whether the account may publish: its add-ons stay published, and nobody but an operator can change them."""
    publishes_at: str
    """Where the add-ons are listed, to withdraw them before."""

    @classmethod
    def of(cls, account: Account, parting: Parting) -> Self:
        return cls(
            possible=not parting.blocked,
            blocked_by=HeldWorkspaces.of(parting.blocked),
            deleted_workspaces=HeldWorkspaces.of(parting.ended),
            left_workspaces=HeldWorkspaces.of(parting.left),
            product_workspaces=HeldWorkspaces.of(parting.product),
            left_without_admin=HeldWorkspaces.of(parting.without_admin),
            publisher=PUBLISHER in account.roles,
            publishes_at=ELSEWHERE["add_ons"],
        )


class ExportedAccount(Told):
    id: str
    email: str
    display_name: str
    locale: str
    verified_at: datetime | None
    two_factor: bool
    two_factor_since: datetime | None
    personal_tokens: list[dict[str, Any]]
    has_password: bool
    roles: tuple[str, ...]
    created_at: datetime
    sessions_valid_from: datetime


class Exported(Told):
    """All that auth keeps of the caller, but for secrets and their hashes."""

    account: ExportedAccount
    identities: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    security_log: list[dict[str, Any]]
    workspaces: list[dict[str, Any]]
    elsewhere: dict[str, str]
    """Where the other services tell what they keep, by the same token."""


class User(Told):
    id: str
    email: str
    display_name: str
    locale: str
    verified: bool
    two_factor: bool
    has_password: bool
    """One of ours. Who came by a product has none until they set one."""
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
            has_password=account.password is not None,
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
