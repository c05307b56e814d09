"""Settings of auth; the variables are AUTH_<FIELD>."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.plumbing.settings import Port, SealingKey, ServiceSettings, Url


def _issuer(value: str) -> str:
    if not value.startswith(("https://", "http://")) or "?" in value or "#" in value:
        raise ValueError("must be an address without query and fragment")
    return value


def _host_pattern(value: str) -> str:
    labels = value.lower().split(".")
    if "" in labels or "*" in "".join(labels[1:]) or not ("*" not in labels[0] or (labels[0] == "*" and labels[1:])):
        raise ValueError("must be a host, or one of whose first label is *")
    return value.lower()


# Compared letter by letter with what the provider says, so an end slash stays.
Issuer = Annotated[str, AfterValidator(_issuer)]
HostPattern = Annotated[str, AfterValidator(_host_pattern)]


class ProviderSettings(BaseModel):
    """A product beside the marketplace: its log-in (OpenID Connect) and its directory of workspaces."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    """Part of addresses (`/login/{id}`, `/directory/{id}/…`) and of every identity: never changes."""
    label: str = Field(min_length=1, max_length=60)
    """As in *Log in with (label)*."""
    issuer: Issuer
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    product: str = ""
    """The product of its workspaces, as add-ons name it in their listing."""
    region: str = ""
    """The data region of its accounts, shown to people; the product may tell another one of a single account."""
    regions: tuple[str, ...] = ()
    """Further regions whose visitors (`?region=`) are its own."""
    addresses: tuple[HostPattern, ...] = ()
    """Hosts whose visitors are its own: `acme.example`, or `*.acme.example` for one more label."""
    region_claim: str = "region"
    """In which claim it tells an account's region."""
    address_claim: str = "account_url"
    """In which claim it tells where somebody has the account, such as a subdomain of their own."""
    trusted_email: bool = False
    """Whether its `email_verified` counts; without trust Souk mails its own link."""
    second_factor_amr: frozenset[str] = frozenset()
    """Values of `amr` (RFC 8176), such as `mfa`, by which it vouches for a second factor; none: it never does."""
    registration_url: Url | None = None
    """Its sign-up, if it has no `prompt=create`; `{back}` in it becomes the address that leads back here."""
    create_workspace_url: Url | None = None
    directory_token: SecretStr | None = None
    """What the product's directory push authenticates with; without one it cannot push."""


class AuthSettings(ServiceSettings):
    """Ports, keys, providers, lifetimes and limits."""

    model_config = SettingsConfigDict(env_prefix="AUTH_")

    http_port: Port = 8101
    internal_port: Port = 9101
    mongo_database: str = "souk_auth"

    # Encrypts the signing keys at rest, and makes refresh tokens.
    master_key: SealingKey
    # Seals addresses and links for the notifier, which holds the same key.
    sealing_key: SealingKey
    # A JSON list; see ProviderSettings.
    providers: tuple[ProviderSettings, ...] = ()
    # Whether there are accounts with a password of ours; without, people come by their product only.
    local_accounts: bool = True
    # What local workspaces belong to, for add-ons that are made for certain products.
    local_product: str = ""
    # Whether people make workspaces here; else only products push theirs.
    local_workspaces: bool = True
    # A JSON list of the regions that a local workspace can be made in; empty: any.
    regions: tuple[Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=32)], ...] = ()
    # How long a mailed invite opens its workspace, and how many may wait at a time.
    invite_days: int = Field(default=7, ge=1, le=30)
    open_invites: int = Field(default=50, ge=1, le=500)

    # Every service believes an access token until it ends, so this is also how long a log-out takes to arrive.
    access_token_seconds: int = Field(default=300, ge=30, le=3600)
    # For how long a proof counts for actions that endanger an account; then they ask for another one.
    fresh_seconds: int = Field(default=600, ge=30, le=3600)
    session_days: int = Field(default=30, ge=1, le=365)
    # Within this time the replaced refresh token gets the same successor again: two tabs, or a lost answer.
    refresh_grace_seconds: int = Field(default=10, ge=0, le=60)
    link_hours: int = Field(default=24, ge=1, le=168)

    # For how long the owner of a replaced address can take the change back.
    undo_days: int = Field(default=7, ge=1, le=30)

    # What mails answer no sooner, so that their time does not tell who has an account.
    quiet_answer_seconds: float = Field(default=0.2, ge=0, le=10)

    # argon2id; OWASP's smallest choice, about 20 ms and 19 MiB per log-in.
    password_memory_kib: int = Field(default=19_456, ge=8_192)
    password_passes: int = Field(default=2, ge=1)
    password_lanes: int = Field(default=1, ge=1)
    # Hashes at a time; more than cores only adds memory. Whoever waits behind `password_queue` others gets a 503.
    password_threads: int = Field(default=2, ge=1, le=64)
    password_queue: int = Field(default=200, ge=1)

    # Limits hold per process. An address is limited together with the caller's network, so that nobody can lock
    # somebody else out by guessing from elsewhere.
    log_ins_per_minute: int = Field(default=10, ge=1)
    refreshes_per_minute: int = Field(default=30, ge=1)
    # Codes of the second factor; four times as many from all networks together, but for those that the owner uses.
    codes_per_hour: int = Field(default=20, ge=1)
    mails_per_hour: int = Field(default=5, ge=1)
    # New workspaces of one account: each one is a record that other services keep for ever.
    workspaces_per_hour: int = Field(default=20, ge=1)
    # What one account changes of its profile, its sessions and its workspaces: each change is kept, or told to others.
    changes_per_hour: int = Field(default=120, ge=1)
    # Copies of all that is kept of one account.
    exports_per_hour: int = Field(default=10, ge=1)
    # Invites that one account sends; each is a mail to somebody who may not have asked for it.
    invites_per_hour: int = Field(default=20, ge=1)
    # Log-ins, sign-ups and mails of one network (IPv4 address, IPv6 /64) together.
    network_requests_per_minute: int = Field(default=120, ge=1)

    @model_validator(mode="after")
    def _providers_have_different_ids(self) -> Self:
        ids = [provider.id for provider in self.providers]
        if len(set(ids)) < len(ids):
            raise ValueError("two providers have the same id")
        return self

    def provider(self, provider_id: str) -> ProviderSettings | None:
        """The provider of this id."""
        return next((one for one in self.providers if one.id == provider_id), None)
