"""What the notifier says: maintenance notices, for one add-on or for everything."""

from typing import ClassVar, Literal

from shared.contracts import topics
from shared.contracts.envelope import Moment, StateMessage, Topic


class _Notice(StateMessage):
    topic: ClassVar[Topic] = topics.NOTIFIER_NOTICES

    scope: str
    """`addon:<key>` or `all`."""
    notice_id: str
    cause: Literal["outage", "operator"]
    text: str = ""
    raised_at: Moment

    def key(self) -> str:
        """The scope: at most one notice stands per scope."""
        return self.scope


class MaintenanceNoticeRaised(_Notice):
    """Deliveries wait and preflight warns until the notice is cleared."""


class MaintenanceNoticeCleared(_Notice):
    """The trouble is over; what waited goes on by itself."""

    cleared_at: Moment
