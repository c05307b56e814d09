"""What the installer remembers of other services' state: its projections, and how they are read.

Documents are those of `shared.plumbing.projections`: the fields of the state message with `_id` = key.
"""

from collections.abc import Sequence

from shared.contracts import auth, catalog, notifier, topics
from shared.plumbing.mongo import Database, Document
from shared.plumbing.projections import Projection


class Known:
    """Accounts, workspaces, add-ons and notices. A deleted one is not found."""

    def __init__(self, database: Database) -> None:
        self.accounts = Projection(database, "accounts", topics.AUTH_ACCOUNTS, (auth.AccountChanged,))
        self.workspaces = Projection(database, "workspaces", topics.AUTH_WORKSPACES, (auth.WorkspaceChanged,))
        self.addons = Projection(
            database,
            "addons",
            topics.CATALOG_ADDONS,
            (catalog.AddOnPublished, catalog.AddOnUpdated, catalog.AddOnWithdrawn),
        )
        self.notices = Projection(
            database,
            "notices",
            topics.NOTIFIER_NOTICES,
            (notifier.MaintenanceNoticeRaised, notifier.MaintenanceNoticeCleared),
        )

    async def account(self, user_id: str) -> Document | None:
        """The person's account."""
        raise NotImplementedError

    async def workspace(self, workspace_id: str, user_id: str) -> Document | None:
        """The workspace with `admins`; `members` holds at most this user, not the other ten thousand."""
        raise NotImplementedError

    async def administered(self, user_id: str, *, limit: int = 1000) -> list[Document]:
        """Workspaces in which the user is owner or admin, without `members`."""
        raise NotImplementedError

    async def addon(self, addon_key: str) -> Document | None:
        """The listing with its manifest."""
        raise NotImplementedError

    async def addons_of(self, addon_keys: Sequence[str]) -> dict[str, Document]:
        """Listings by key."""
        raise NotImplementedError
