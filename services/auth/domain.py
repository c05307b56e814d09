"""What is stored of a person, and what a change is. The rules of each step stand beside it, in its package."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Message

SCHEMA = 1
"""Of the documents of this service; a process leaves documents with a higher one to newer processes."""
SECOND_FACTOR = "mfa"
"""Among the ways in which somebody proved who they are (RFC 8176): by two factors."""
OPERATOR = "operator"
PUBLISHER = "publisher"


class Stored(BaseModel):
    """A document of ours as far as this release knows it."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Identity(Stored):
    """An account at a provider."""

    provider: str
    sub: str
    linked_at: datetime
    used_at: datetime | None = None
    """When somebody last logged in by it."""
    region: str = ""
    address: str = ""
    """Where the account is, as the provider told at the newest log-in."""

    @property
    def id(self) -> str:
        """Names it in addresses: as stable as the identity, and telling no subject."""
        return hashlib.sha256(f"{self.provider} {self.sub}".encode()).hexdigest()[:24]


class Link(Stored):
    """A mailed link and what it confirms."""

    hash: str = Field(repr=False)
    expires_at: datetime
    used_at: datetime | None = None
    password: str | None = Field(default=None, repr=False)
    identities: tuple[Identity, ...] = ()
    display_name: str | None = None
    """As its sign-up stated; None leaves the account's, as of a link that an earlier release made."""
    locale: str | None = None
    return_to: str | None = None
    """What they came for, a path of ours."""


class RecoveryCode(Stored):
    """One of the codes that stand in for a lost device, each once."""

    hash: str = Field(repr=False)
    used_at: datetime | None = None


class SecondFactor(Stored):
    """What makes the codes of the owner's device (RFC 6238)."""

    secret: str = Field(repr=False)
    """Encrypted for this account."""
    enabled_at: datetime
    last_step: int
    """The newest time step whose code was used; only later ones count."""
    recovery: tuple[RecoveryCode, ...] = ()


class Enrolment(Stored):
    """A second factor that its owner has not confirmed yet."""

    secret: str = Field(repr=False)
    expires_at: datetime


class PersonalToken(Stored):
    """What lets a program act for its owner, within its scopes."""

    id: str
    name: str
    hash: str = Field(repr=False)
    hint: str
    """How it begins, to tell it from others."""
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None


class MailedLink(Stored):
    """A link for whoever reads a mailbox, of an account whose address was proven before."""

    kind: Literal["email-change", "email-undo", "password-reset"]
    hash: str = Field(repr=False)
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    email: str = Field(default="", repr=False)
    """Which address it makes the account's, if it is about that."""


class Account(Stored):
    """A person's account."""

    id: str = Field(alias="_id")
    version: int
    seq: int
    email: str = Field(repr=False)
    email_key: str = Field(repr=False)
    display_name: str = ""
    locale: str = "en"
    password: str | None = Field(default=None, repr=False)
    verified_at: datetime | None = None
    contested: bool = False
    """Whether sign-ups with different credentials asked for this address before it was verified."""
    two_factor: bool = False
    """Whether the account has a second factor of its own."""
    second_factor: SecondFactor | None = None
    enrolment: Enrolment | None = None
    vouched_by: str | None = None
    """Id of the identity whose provider vouched for a second factor at the newest log-in, if one did."""
    personal_tokens: tuple[PersonalToken, ...] = ()
    roles: tuple[str, ...] = ()
    identities: tuple[Identity, ...] = ()
    links: tuple[Link, ...] = ()
    mailed: tuple[MailedLink, ...] = ()
    sessions_valid_from: datetime
    created_at: datetime
    deleted_at: datetime | None = None
    """Set: a tombstone, with nothing of the person."""

    @property
    def protected(self) -> bool:
        """Whether two factors stand before this account: its own, or those that a provider vouches for."""
        return self.two_factor or self.vouched_by is not None

    @property
    def verified(self) -> bool:
        """Whether somebody has shown that the address is theirs."""
        return self.verified_at is not None


@dataclass(frozen=True, slots=True)
class Cause:
    """The request behind a change, for those who follow it through logs and events."""

    correlation_id: str
    """Its id. A command that an operator runs has one too."""
    traceparent: str | None = None
    network: str = ""
    """Where it came from, as the owner of an account may see it in the security log."""
    user_agent: str = ""
    actor_id: str | None = None
    """Whose access token it came with; None without one, as for links, and then it is told as the owner's own."""

    def document(self) -> dict[str, Any]:
        """How it is kept beside what it changed, for the state record, which is sent from there."""
        return {"correlation_id": self.correlation_id, "traceparent": self.traceparent}


class SecurityKind(StrEnum):
    """What a security log tells of; one name for what is stored, the API, and the texts of clients."""

    SESSION_OPENED = "session-opened"
    SESSION_ENDED = "session-ended"
    REFRESH_REUSED = "refresh-reused"
    LOGGED_OUT_ELSEWHERE = "logged-out-elsewhere"
    LOGGED_OUT_EVERYWHERE = "logged-out-everywhere"
    LOG_IN_REFUSED = "log-in-refused"
    CODE_REFUSED = "code-refused"
    EMAIL_VERIFIED = "email-verified"
    EMAIL_CHANGE_ASKED = "email-change-asked"
    EMAIL_CHANGED = "email-changed"
    EMAIL_CHANGE_UNDONE = "email-change-undone"
    PASSWORD_SET = "password-set"  # noqa: S105 - the name of an event
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - the name of an event
    PASSWORD_RESET_ASKED = "password-reset-asked"  # noqa: S105 - the name of an event
    PASSWORD_RESET = "password-reset"  # noqa: S105 - the name of an event
    TWO_FACTOR_ON = "two-factor-on"
    TWO_FACTOR_OFF = "two-factor-off"
    RECOVERY_CODE_USED = "recovery-code-used"
    RECOVERY_CODES_RENEWED = "recovery-codes-renewed"
    PRODUCT_ACCOUNT_ADDED = "product-account-added"
    PRODUCT_ACCOUNT_REMOVED = "product-account-removed"
    PERSONAL_TOKEN_MADE = "personal-token-made"  # noqa: S105 - the name of an event
    PERSONAL_TOKEN_REVOKED = "personal-token-revoked"  # noqa: S105 - the name of an event
    WORKSPACE_JOINED = "workspace-joined"
    WORKSPACE_INVITE_ACCEPTED = "workspace-invite-accepted"
    WORKSPACE_ROLE_CHANGED = "workspace-role-changed"
    WORKSPACE_LEFT = "workspace-left"
    WORKSPACE_REMOVED_FROM = "workspace-removed-from"
    WORKSPACE_OWNERSHIP_TRANSFERRED = "workspace-ownership-transferred"
    WORKSPACE_ARCHIVED = "workspace-archived"
    WORKSPACE_RESTORED = "workspace-restored"
    WORKSPACE_DELETED = "workspace-deleted"


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """Something that the owner of an account wants to be able to look up: who did what to it, and when."""

    user_id: str
    """Whose log it is in."""
    kind: SecurityKind
    details: Mapping[str, str] = field(default_factory=dict)
    """Nothing secret: names and ids, never a token, a code or a password."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one write does to a document, and what it tells. `public`: whether the state record changes with it."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    public: bool = True
    events: tuple[SecurityEvent, ...] = ()
    """Stored with the change, or neither is."""
