"""What the installer says and asks: the life of installations, and the health of add-ons."""

from enum import StrEnum
from typing import ClassVar, Literal

from shared.contracts import topics
from shared.contracts.envelope import Message, Moment, StateMessage, Topic, Whole
from shared.contracts.reasons import FailureReason, Side, WaitingFor


class State(StrEnum):
    """Where an installation is; the arrows are in the installer's transition table."""

    REQUESTED = "REQUESTED"
    CHECKING = "CHECKING"
    DELIVERING = "DELIVERING"
    WAITING = "WAITING"
    INSTALLED = "INSTALLED"
    FAILED = "FAILED"
    UNINSTALLED = "UNINSTALLED"


class Outcome(StrEnum):
    """Set once, never changed."""

    PENDING = "pending"
    INSTALLED = "installed"
    FAILED = "failed"


class Cleanup(StrEnum):
    """Whether a `DELETED` is still due to the add-on."""

    NONE = "none"
    OWED = "owed"
    CLOSED = "closed"


class _InstallationEvent(Message):
    topic: ClassVar[Topic] = topics.INSTALLER_INSTALLATIONS

    installation_id: str
    workspace_id: str
    addon_key: str
    generation: Whole
    """Counts the installations of one add-on in one workspace from 1."""
    user_id: str
    """Who caused it; where nobody did (a deadline, a deleted workspace), who asked for the installation."""
    requested_by: str = ""
    """Who asked for the installation; empty in records from before this field."""
    occurred_at: Moment

    def key(self) -> str:
        """Workspace id `/` add-on key: all generations of one pair are in order."""
        return f"{self.workspace_id}/{self.addon_key}"


class InstallRequested(_InstallationEvent):
    """Accepted: from here on exactly one of `AddOnInstalled` and `InstallFailed` follows."""


class AddOnInstalled(_InstallationEvent):
    """The add-on confirmed; its tokens are fully valid."""


class InstallFailed(_InstallationEvent):
    """The installation will not happen."""

    reason: FailureReason
    side: Side
    detail: str = ""
    """For people: the add-on's own words where it refused, bounded."""


class AddOnUninstalled(_InstallationEvent):
    """The add-on was removed; its tokens are dead."""


class InstallationChanged(StateMessage):
    """The whole installation as others may see it."""

    topic: ClassVar[Topic] = topics.INSTALLER_INSTALLATION_STATE

    installation_id: str
    workspace_id: str
    addon_key: str
    addon_name: str = ""
    generation: Whole
    user_id: str
    state: State
    outcome: Outcome
    cleanup: Cleanup
    seq: Whole
    """Of the newest event of this installation."""
    reason: FailureReason | None = None
    detail: str = ""
    waiting_for: WaitingFor | None = None
    until: Moment | None = None
    next_action_at: Moment | None = None
    attempt: Whole = 0
    trouble: bool = False
    """An attempt went wrong or a step is overdue: clients show the maintenance screen."""
    requested_at: Moment
    changed_at: Moment

    def key(self) -> str:
        """Installation id."""
        return self.installation_id


class CheckWorkspace(Message):
    """Ask auth for its own facts about workspace and user. Not answered when older than 10 minutes."""

    topic: ClassVar[Topic] = topics.INSTALLER_WORKSPACE_CHECKS

    installation_id: str
    check: Whole
    workspace_id: str
    user_id: str
    asked_at: Moment

    def key(self) -> str:
        """Installation id."""
        return self.installation_id


class AddOnHealthChanged(StateMessage):
    """The breaker of an add-on opened, is probing, or closed."""

    topic: ClassVar[Topic] = topics.INSTALLER_ADDON_HEALTH

    addon_key: str
    breaker: Literal["closed", "open", "half_open"]
    outage: Whole
    """Counts outages; the notice of one outage has one id."""
    since: Moment
    cause: str = ""
    """The kind of the failure that opened it, for people."""

    def key(self) -> str:
        """Add-on key."""
        return self.addon_key
