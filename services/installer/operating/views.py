"""What operators see: the shapes."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from services.installer.web.views import InstallationView
from shared.contracts.installer import State
from shared.contracts.reasons import WaitingFor


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class OperatorRow(InstallationView):
    """One installation, and how long it has been at it."""

    age_seconds: float = Field(description="Since it was requested")
    overdue_seconds: float = Field(description="Since somebody should have looked at it; 0 if nothing is due")


class PendingCount(_View):
    """How many of one kind."""

    state: State
    waiting_for: WaitingFor | None
    count: int


class LateView(_View):
    """How many are late, and since when the latest."""

    count: int
    oldest_due_at: datetime | None


class Unsent(_View):
    """What of one collection Kafka is not known to have."""

    collection: str
    events: int
    oldest_event_seconds: float
    oldest_state_seconds: float


class BreakerView(_View):
    """An add-on that is not called now."""

    addon_key: str
    state: str
    since: datetime
    cause: str | None
    probe_at: datetime | None


class GroupView(_View):
    """A consumer group as Kafka sees it."""

    group: str
    members: int
    behind: int = Field(description="Records that it has still to handle")


class Overview(_View):
    """Everything at once. No count goes beyond 10000, and no list beyond 100."""

    at: datetime
    pending: list[PendingCount]
    troubled: dict[str, int] = Field(
        description="Pending ones that do not get on, by whose side that is on", examples=[{"addon": 3, "us": 0}]
    )
    failed: dict[str, int] = Field(description="By reason, of the last 24 hours", examples=[{"addon-refused": 2}])
    oldest: OperatorRow | None = Field(description="The pending one that was requested first")
    overdue: LateView = Field(description="Should have been looked at a minute ago")
    beyond_deadline: LateView = Field(description="Pending in a state that should have been over a minute ago")
    cleanup_owed: int
    cleanup_given_up: int = Field(description="Within 30 days")
    stranded: int = Field(description="Unfinished, and nobody would ever look again: a bug of ours")
    unsent: list[Unsent]
    breakers: list[BreakerView]
    notices: list[str] = Field(description="Scopes of operators' notices that stand", examples=[["addon:timer"]])
    dead_letters: dict[str, int] = Field(description="Open ones by reason", examples=[{"schema": 1}])
    groups: list[GroupView] | None = Field(description="Null: Kafka does not answer")
