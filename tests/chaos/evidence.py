"""What an outsider can have seen of a run; the checker believes nothing else.

Times are seconds of one clock, this process's monotonic one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

UNKNOWN = 0
"""The status of a request without an answer, or whose answer says nothing of what became of it (5xx)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the load, and its answer."""

    what: str  # install | cancel | retry | uninstall
    user_id: str
    status: int
    installation: str = ""
    """Of the answer; of the path for everything but an install."""
    key: str = ""
    """Its `Idempotency-Key`."""
    slug: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """One record on a topic of events."""

    topic: str
    partition: int
    offset: int
    id: str
    type: str
    seq: int
    data: Mapping[str, Any]

    @property
    def installation(self) -> str:
        return str(self.data.get("installation_id", ""))


@dataclass(slots=True)
class Call:
    """One lifecycle call as the add-on received it. `status` is what it has answered, None if nothing."""

    installation: str
    kind: str
    webhook_id: str
    digest: str
    at: float
    status: int | None = None
    answered_at: float | None = None

    @property
    def refused(self) -> bool:
        """Whether the add-on said no, so that nothing needs to be taken back."""
        return self.status is not None and 300 <= self.status < 500 and self.status not in (408, 409, 425, 429)

    @property
    def confirmed(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail with results, as it was received. It names `installations`, and `rest` more without naming them."""

    to: str
    message_id: str
    installations: frozenset[str]
    rest: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """An installation as others are told of it."""

    seq: int
    state: str
    outcome: str


@dataclass(slots=True)
class Evidence:
    """All of it. `documents` are the installations after the quiet time."""

    asked: list[Asked] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    documents: list[Mapping[str, Any]] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    """Those that nobody has planted."""
    addresses: dict[str, str] = field(default_factory=dict)
    """By user id."""
    states: dict[str, dict[int, set[Shown]]] = field(default_factory=dict)
    """By installation and version: what the state topic said."""
    feed: list[tuple[str, str, int]] = field(default_factory=list)
    """The operators' feed in its order: event id, installation, seq."""
    snapshot: dict[str, Shown] = field(default_factory=dict)
    """The operators' snapshot, by installation."""
    gathered_at: datetime = field(default_factory=lambda: datetime.now(UTC))
