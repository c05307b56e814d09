"""What can happen to an installation: the inputs of the pure core, and what it answers.

Times, leases and everything that must be looked up come in as values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from services.installer.domain import Installation, Kind, Snapshot, Workspace
from shared.contracts.auth import WorkspaceChecked
from shared.contracts.envelope import Envelope, Message
from shared.contracts.reasons import Side, WaitingFor
from shared.rules.install import AddOnFacts


@dataclass(frozen=True, slots=True)
class InstallAsked:
    """An accepted request: the rules have let it pass."""

    user_id: str
    idempotency_key: str
    request: str
    """Hash of the request's body."""
    workspace_id: str
    workspace: Workspace
    addon_key: str
    addon_name: str
    if_unavailable: Literal["wait", "fail"]
    acknowledged: tuple[str, ...]
    correlation_id: str
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A free slot, offered: if a call is due, the process `owner` will send it before the lease ends."""

    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class AddOnNow:
    """The add-on as the projections have it now."""

    facts: AddOnFacts
    snapshot: Snapshot
    name: str
    kid: str
    """The key that signs for it."""
    manifest_url: str | None = None
    """Where it serves its manifest, if anywhere."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the next step depends on beside the installation itself."""

    addon: AddOnNow | None = None
    """None: not known here (yet)."""
    unavailable: WaitingFor | None = None
    """ADDON: its breaker is open. MAINTENANCE: an operator's notice stands."""
    previous_open: bool = False
    """An earlier installation of this add-on in this workspace still owes its DELETED."""
    lease: Lease | None = None
    probe: bool = False
    """The breaker is open, and this installation may try whether the add-on is back."""


@dataclass(frozen=True, slots=True)
class CheckSent:
    """Kafka has CheckWorkspace number `number` (0: only events). `cleared`: what the same write takes out."""

    number: int
    cleared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """Auth answered."""

    message_id: str
    answer: WorkspaceChecked
    around: Surroundings = field(default_factory=Surroundings)
    question: str | None = None
    """The id of the ask that this answers, where it is known."""


@dataclass(frozen=True, slots=True)
class Due:
    """Time to look again, for whatever reason: a due time, an add-on that is back, a clean-up that closed."""

    around: Surroundings = field(default_factory=Surroundings)


class Result(StrEnum):
    """What an attempt's answer means; `delivery/answers.py` finds it out."""

    OK = "ok"
    REFUSED = "refused"
    GONE = "gone"
    """410."""
    BLOCKED = "blocked"
    """The address may not be called."""
    UNKNOWN = "unknown"
    """The add-on may have seen the call."""
    NOT_SEEN = "not_seen"


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt ended."""

    result: Result
    side: Side | None = None
    """Whose side the trouble was on; null if there was none."""
    status: int | None = None
    text: str = ""
    """The beginning of the body, or the kind of the failure."""
    body: str = ""
    """The first KiB of the answer as it came, made safe; for the log of attempts only."""
    duration: timedelta = timedelta(0)
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class CallReported:
    """An attempt of ours ended."""

    kind: Kind
    number: int
    attempt: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Somebody gives up a pending installation."""

    user_id: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class RetryAsked:
    """Somebody does not want to wait for the next due time."""

    user_id: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class UninstallAsked:
    """Somebody removes an installed add-on."""

    user_id: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceGone:
    """The workspace was deleted."""


@dataclass(frozen=True, slots=True)
class RedeliveryAsked:
    """INSTALLED is to be sent again to a live installation, as a new logical call."""

    cause: str
    nonce: str | None = None
    """Of the press of a button: one that was pressed already adds nothing."""
    request_id: str | None = None
    kid: str | None = None
    """A key was lost: this one signs from now on, whatever the state is."""


@dataclass(frozen=True, slots=True)
class ManifestApplied:
    """Somebody lets a newer manifest of the add-on count for what is installed."""

    snapshot: Snapshot
    name: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class BaseUrlMoved:
    """An operator has the add-on called at another address."""

    base_url: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Values of structured settings, by setting id, checked against the manifest. Only an installed add-on has them."""

    values: Mapping[str, Any]
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class SuccessorWaits:
    """The next installation of the same add-on in the same workspace waits for this one's clean-up."""


@dataclass(frozen=True, slots=True)
class InstalledLate:
    """An INSTALLED of this ended installation turned out to have been seen, and no newer one is live."""

    number: int
    attempt: int


Input = (
    CheckSent
    | Checked
    | Due
    | CallReported
    | CancelAsked
    | RetryAsked
    | UninstallAsked
    | WorkspaceGone
    | RedeliveryAsked
    | ManifestApplied
    | BaseUrlMoved
    | SettingsChanged
    | SuccessorWaits
    | InstalledLate
)


def cause_of(message: Input) -> str | None:
    """Id of the message or request that brings this input; None for time, answers of add-ons, and our own steps."""
    match message:
        case Checked():
            return message.message_id
        case (
            CancelAsked()
            | RetryAsked()
            | UninstallAsked()
            | SettingsChanged()
            | RedeliveryAsked()
            | ManifestApplied()
            | BaseUrlMoved()
        ):
            return message.request_id
        case _:
            return None


class Verdict(StrEnum):
    """What became of an input."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    """Nothing to do (any more): a duplicate, a late answer without consequence, already done."""
    NOT_ALLOWED = "not_allowed"
    """Not in this state; the caller gets a refusal."""
    TOO_LARGE = "too_large"
    """It would grow beyond what one installation may hold."""
    LATE = "late"
    """Nothing changed yet, but an INSTALLED may have been seen after all: see `InstalledLate`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The installation after an input, and what leaves together with that change."""

    installation: Installation
    verdict: Verdict
    outgoing: tuple[Envelope[Message], ...] = ()
    cleared: tuple[str, ...] = ()
    """Outbox entries to take out."""
    taken_up: "tuple[tuple[Input, Decision], ...]" = ()
    """What was parked for this release and came of it, before this input."""
