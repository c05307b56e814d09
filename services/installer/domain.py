"""One installation: what its document holds.

Everything about one installation is in one document, so that one compare-and-set write on `version` changes
state, outbox and due time together. `storage/documents.py` turns an `Installation` into a document, and two of them
into the update that leads from one to the other. Only the pure core changes one, on a copy of its own.
"""

from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Literal

from shared.contracts.auth import Plan
from shared.contracts.installer import Cleanup, Outcome, State
from shared.contracts.reasons import FailureReason, Side, WaitingFor

SCHEMA = 1
"""Of the documents that this release writes. A process leaves documents of a higher schema to newer ones."""

HISTORY_LIMIT = 50
APPLIED_LIMIT = 32
LOOSE_LIMIT = 8
SETTINGS_LIMIT = 200_000
"""Bytes of an installation's settings as JSON; as much as a manifest may have, which declares them."""
TEXT_LIMIT = 1024
"""Bytes kept of an add-on's answer."""

ENDED = frozenset({State.FAILED, State.UNINSTALLED})
"""Nothing comes after these but the clean-up."""


class Kind(StrEnum):
    """Lifecycle calls of the wire contract."""

    INSTALLED = "INSTALLED"
    DELETED = "DELETED"
    STATUS_CHANGED = "STATUS_CHANGED"
    SETTINGS_UPDATED = "SETTINGS_UPDATED"


@dataclass(frozen=True, slots=True)
class Check:
    """The question to auth that counts; only the answer with this number applies.

    Asking again while waiting for the answer keeps the number: an overloaded auth answers late, not never.
    """

    number: int
    asked_at: datetime
    asks: int = 1
    """How often this number was asked."""
    sent_at: datetime | None = None
    """When Kafka had the newest ask; null while it waits for Kafka."""
    passed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One logical lifecycle call: all its attempts have one `webhook-id` and the same bytes."""

    kind: Kind
    number: int
    """Counts the logical calls of this installation from 1."""
    created_at: datetime
    """`iat` of its lifecycle token, so that every attempt signs the same bytes."""
    attempt: int = 0
    """Attempts begun so far."""
    tries: int = 0
    """Attempts in the present series; the pause before the next one grows with it."""
    maybe_seen: bool = False
    """An attempt may have reached the add-on without its answer reaching us."""

    def begun(self) -> "Call":
        """With one attempt more."""
        return replace(self, attempt=self.attempt + 1, tries=self.tries + 1)


@dataclass(frozen=True, slots=True)
class Flight:
    """An attempt that was begun and has not reported."""

    kind: Kind
    number: int
    attempt: int
    owner: str
    """The process that sends it and prolongs the lease."""
    until: datetime
    """End of the lease, prolonged while the process lives; afterwards anybody may try again."""
    quiet_at: datetime
    """From then on the add-on cannot be hearing of this attempt any more."""


@dataclass(frozen=True, slots=True)
class Loose:
    """An attempt of INSTALLED that nobody waits for any more and that has not reported."""

    number: int
    attempt: int
    quiet_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What calls need of the manifest, as it was when delivering began. The whole of it: `store.manifest`."""

    manifest_version: int
    base_url: str
    lifecycle: dict[str, str]
    """Path by lifecycle type; only what is declared is called."""
    webhooks: tuple[dict[str, str], ...] = ()
    """`{"path", "event"}` each."""
    scopes: tuple[str, ...] = ()

    def declares(self, kind: Kind) -> bool:
        """Whether the add-on wants this call."""
        return kind.value in self.lifecycle


@dataclass(frozen=True, slots=True)
class Tokens:
    """The installation's tokens without their text. `iat` in seconds."""

    jti: str
    iat: int
    kid: str
    """Of the key that signs everything for this installation, its `DELETED` included."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """What auth said of the workspace (before its answer: what the projection said)."""

    owner_id: str
    region: str = ""
    product: str = ""
    plan: Plan = Plan.FREE
    version: int = 0


@dataclass(slots=True, kw_only=True)
class Installation:
    """One installation. `id` is `addonId` on the wire and says nothing about its contents."""

    id: str
    workspace_id: str
    addon_key: str
    addon_name: str
    generation: int
    """Counts the installations of this add-on in this workspace from 1."""
    user_id: str
    """Who asked for it; `asUser` and `addonUserId` on the wire."""
    request: str
    """Hash of the request's body: the same `Idempotency-Key` with another body is an error."""
    if_unavailable: Literal["wait", "fail"]
    acknowledged: tuple[str, ...]
    correlation_id: str
    traceparent: str | None = None
    cause: str | None = None
    """Id of the message or request that was applied last: the `causation_id` of what leaves from here on."""
    requested_at: datetime
    changed_at: datetime

    state: State
    outcome: Outcome = Outcome.PENDING
    """Set once, never changed."""
    cleanup: Cleanup = Cleanup.NONE
    gave_up: bool = False
    """Clean-up was closed without the add-on's word."""
    live: bool = True
    """From REQUESTED to INSTALLED; never set again. In the document it is true or absent."""
    version: int = 1
    """Grows with every decision; the compare-and-set that guards truth."""
    schema: int = SCHEMA
    seq: int = 0
    """Of the newest event."""

    due_at: datetime | None = None
    """When somebody has to look next; while an attempt is under way, the end of its lease."""
    lane: str = ""
    """The slots that the next look needs (`lane_of`), empty if none."""
    deadline: datetime | None = None
    """When the present state (of the outcome, later of the clean-up) is over."""
    wait_deadline: datetime | None = None
    """When waiting is over, counted from its first beginning."""
    waiting_for: WaitingFor | None = None
    until: datetime | None = None
    """When the present state of a pending one is over at the latest: its deadline, unless Kafka holds up a question."""
    trouble: bool = False
    """Something went wrong or is overdue: show the maintenance screen."""
    reason: FailureReason | None = None
    side: Side | None = None
    detail: str = ""

    check: Check
    workspace: Workspace
    call: Call | None = None
    flight: Flight | None = None
    loose: tuple[Loose, ...] = ()
    calls: int = 0
    """Logical calls so far; the newest has this number."""
    superseded: bool = False
    """The next generation waits for this one's clean-up."""
    snapshot: Snapshot | None = None
    tokens: Tokens | None = None
    settings: dict[str, Any] | None = None
    """Values that were set, by setting id; null: all as the manifest says."""

    steps: int = 0
    """History entries so far, those in the log collection included."""
    history: tuple[dict[str, Any], ...] = ()
    """The newest `HISTORY_LIMIT` of them; what they hold: `saga.draft.Step`."""
    applied: tuple[str, ...] = ()
    """Ids of the messages that were applied."""
    outbox: tuple[dict[str, Any], ...] = ()
    parked: tuple[dict[str, Any], ...] = ()
    """Inputs that met a process too old for this document; see `storage/parking.py`."""

    def copy(self) -> "Installation":
        """Another one with the same values."""
        return copy(self)

    @property
    def pending(self) -> bool:
        """Whether the outcome is still open."""
        return self.outcome is Outcome.PENDING

    @property
    def unsent(self) -> bool:
        """Whether the question to auth waits for Kafka."""
        return self.state in (State.REQUESTED, State.CHECKING) and self.check.sent_at is None

    @property
    def next_action_at(self) -> datetime | None:
        """When something happens by itself; null while that depends on an answer or on Kafka, or nothing is planned."""
        return None if self.flight is not None or self.unsent else self.due_at

    @property
    def tokens_read(self) -> bool:
        """Whether the installation token may read: real add-ons call back inside their INSTALLED handler."""
        return self.tokens is not None and self.state in (State.DELIVERING, State.WAITING, State.INSTALLED)

    @property
    def tokens_write(self) -> bool:
        """Whether the tokens have all their rights: nothing acts before the add-on confirms."""
        return self.state is State.INSTALLED


def installation_id(user_id: str, idempotency_key: str) -> str:
    """24 hex characters, the same for the same caller and key: repeating a request finds its document."""
    return sha256(f"{user_id}\n{idempotency_key}".encode()).hexdigest()[:24]


def webhook_id(installation_id: str, kind: str, number: int) -> str:
    """`webhook-id` of a logical call, by which the add-on deduplicates."""
    return f"{installation_id}-{kind}-{number}"


def lane_of(addon_key: str, kind: Kind) -> str:
    """The slots that a call of this kind to this add-on uses; INSTALLED and DELETED have separate ones."""
    return f"{addon_key}/{kind.value}"
