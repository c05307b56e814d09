"""What is stored of a person, and what a change is. The rules of each step stand beside it, in its package."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Message

SCHEMA = 1
"""Of the documents of this service; a process leaves documents with a higher one to newer processes."""
OPERATOR = "operator"
PUBLISHER = "publisher"
SECOND_FACTOR = "mfa"
"""Among the ways in which somebody proved who they are (RFC 8176): by two factors."""


class Stored(BaseModel):
    """A document of ours as far as this release knows it."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Identity(Stored):
    """An account at a provider."""

    provider: str
    sub: str
    linked_at: datetime


class Link(Stored):
    """A mailed link and what it confirms."""

    hash: str = Field(repr=False)
    expires_at: datetime
    used_at: datetime | None = None
    password: str | None = Field(default=None, repr=False)
    identities: tuple[Identity, ...] = ()


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
    two_factor: bool = False
    """Whether the account has a second factor of its own."""
    second_factor: SecondFactor | None = None
    enrolment: Enrolment | None = None
    personal_tokens: tuple[PersonalToken, ...] = ()
    roles: tuple[str, ...] = ()
    identities: tuple[Identity, ...] = ()
    links: tuple[Link, ...] = ()
    sessions_valid_from: datetime
    created_at: datetime

    @property
    def protected(self) -> bool:
        """Whether two factors stand before this account."""
        return self.two_factor

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

    def document(self) -> dict[str, Any]:
        """How it is kept beside what it changed, for the state record, which is sent from there."""
        return {"correlation_id": self.correlation_id, "traceparent": self.traceparent}


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """Something that the owner of an account wants to be able to look up: who did what to it, and when."""

    user_id: str
    """Whose log it is in."""
    kind: str
    """A stable name in kebab case, as clients show and translate it."""
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
