"""What clients send and get: products to log in with, and the accounts that somebody has there."""

from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.auth.domain import Identity
from services.auth.login.arrival import How
from services.auth.login.trips import Kind
from services.auth.settings import ProviderSettings
from services.auth.views import Told
from shared.contracts.auth import Role

Text = Annotated[str | None, Field(max_length=4096)]
Hint = Annotated[str | None, Field(max_length=254)]


class Departure(BaseModel):
    """What is wanted of a log-in; at most one of the five."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    return_to: Text = Field(default=None, examples=["/addons/time-reports?install=1"])
    login_hint: Hint = None
    silent: bool = False
    register_: bool = Field(default=False, alias="register")
    another: bool = False
    link: bool = False
    again: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum((self.silent, self.register_, self.another, self.link, self.again)) > 1:
            raise ValueError("only one of silent, register, another, link and again")
        return self

    @property
    def kind(self) -> Kind:
        """As the trip keeps it."""
        if self.silent:
            return "silent"
        if self.register_:
            return "register"
        if self.another:
            return "another"
        if self.link:
            return "link"
        return "step-up" if self.again else "log-in"


class ArrivalQuery(BaseModel):
    """What a page knows of how its visitor came."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    iss: Text = None
    region: Text = Field(default=None, examples=["eu"])
    subdomain: Text = Field(default=None, examples=["globex.acme.example"])
    referrer: Text = Field(default=None, examples=["https://globex.acme.example/projects"])
    return_to: Text = Field(default=None, examples=["/addons/time-reports"])
    login_hint: Hint = None


class ProviderAnswer(BaseModel):
    """What the product sends along; it may send more than we know (OAuth 2.0 §4.1.2)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: Text = None
    state: Text = None
    iss: Text = None
    error: Text = None
    seen: Literal["1"] | None = None
    """Ours: the browser has been here with this answer, and comes once more from a page of ours."""


class Initiation(BaseModel):
    """A log-in that a product begins (OpenID Connect Core §4)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    iss: Annotated[str, Field(max_length=4096, examples=["https://login.acme.example"])]
    login_hint: Hint = None
    target_link_uri: Text = None


class ProviderRow(Told):
    id: str
    label: str
    product: str
    region: str
    regions: tuple[str, ...]
    login_url: str
    register_url: str
    link_url: str
    create_workspace_url: str | None

    @classmethod
    def of(cls, provider: ProviderSettings, login_url: str) -> Self:
        return cls(
            id=provider.id,
            label=provider.label,
            product=provider.product,
            region=provider.region,
            regions=tuple(dict.fromkeys(one for one in (provider.region, *provider.regions) if one)),
            login_url=login_url,
            register_url=f"{login_url}?register=1",
            link_url=f"{login_url}?link=1",
            create_workspace_url=provider.create_workspace_url,
        )


class LoginOptions(Told):
    local_accounts: bool
    """Whether there are accounts with a password; without, only the providers' log-ins are shown."""
    providers: list[ProviderRow]


class ArrivalView(Told):
    provider: ProviderRow | None = None
    """The product that knows this visitor."""
    recognised_by: How | None = None
    login_url: str | None = None
    """Its log-in, back to `return_to`."""
    register_url: str | None = None
    """Its sign-up, back to `return_to` by its log-in."""
    silent_url: str | None = None
    """Where to send the browser, as a whole and once, to be logged in without a form; null if it was tried."""

    @classmethod
    def of(cls, provider: ProviderRow, how: How, return_to: str, hint: str | None, *, silent: bool) -> Self:
        query = {"return_to": return_to} | ({"login_hint": hint} if hint else {})
        url = f"{provider.login_url}?{urlencode(query)}"
        return cls(
            provider=provider,
            recognised_by=how,
            login_url=url,
            register_url=f"{url}&register=1",
            silent_url=f"{url}&silent=1" if silent else None,
        )


class ProductAccountRow(Told):
    id: str
    provider: str
    label: str
    """Of a provider that is not configured any more: its id."""
    region: str
    address: str
    """Where the account is, as the product told; empty if it tells nothing."""
    linked_at: datetime
    last_used_at: datetime | None
    vouches: bool
    """Whether it stands in for a second factor at present."""

    @classmethod
    def of(cls, identity: Identity, provider: ProviderSettings | None, *, vouches: bool) -> Self:
        return cls(
            id=identity.id,
            provider=identity.provider,
            label=provider.label if provider else identity.provider,
            region=identity.region or (provider.region if provider else ""),
            address=identity.address,
            linked_at=identity.linked_at,
            last_used_at=identity.used_at,
            vouches=vouches,
        )


class LostWorkspace(Told):
    id: str
    name: str
    role: Role
    """The role that ends."""
    left_without_admin: bool
    """Whether nobody in Souk administers it afterwards. What is installed stays installed and goes on working; who
    becomes its admin later, by logging in with the product, takes over."""


class Effects(Told):
    """What removing a product account does."""

    last_way_to_log_in: bool
    """Then it is refused."""
    workspaces: list[LostWorkspace]
    """Those that the account is in by this product account only, 1,000 at most."""
    left_without_admin: int
