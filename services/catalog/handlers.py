"""What the catalog remembers of the others: who is in which workspace, what is installed, what is unwell."""

import asyncio
from collections.abc import Sequence

from pymongo import IndexModel

from services.catalog.store import CatalogStore
from shared.contracts import topics
from shared.contracts.auth import WorkspaceChanged
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import AddOnHealthChanged, InstallationChanged
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Database, Document
from shared.plumbing.outcomes import Outcome
from shared.plumbing.projections import Projection

COUNT_SECONDS = 2.0


def _members(workspace: WorkspaceChanged) -> Document:
    return {"admins": [admin.model_dump() for admin in workspace.admins], "members": list(workspace.members)}


def _install(installation: InstallationChanged) -> Document:
    return {"addon_key": installation.addon_key, "state": installation.state}


def workspaces(database: Database) -> Projection:
    """Who is in which workspace: a private add-on exists only for the listed ones."""
    return Projection(
        database,
        "workspaces",
        topics.AUTH_WORKSPACES,
        (WorkspaceChanged,),
        fields=_members,
        indexes=(IndexModel([("admins.user_id", 1)], name="admins"), IndexModel([("members", 1)], name="members")),
    )


def installations(database: Database) -> Projection:
    """What is installed, for the counts."""
    return Projection(
        database,
        "installations",
        topics.INSTALLER_INSTALLATION_STATE,
        (InstallationChanged,),
        fields=_install,
        indexes=(IndexModel([("addon_key", 1), ("state", 1)], name="addon_state"),),
    )


def health(database: Database) -> Projection:
    """Which add-ons are down at present."""
    return Projection(database, "addon_health", topics.INSTALLER_ADDON_HEALTH, (AddOnHealthChanged,))


class Counts:
    """Keeps the number of installs on each listing, a few seconds behind."""

    def __init__(self, store: CatalogStore, projection: Projection, clock: Clock) -> None:
        self._store = store
        self._projection = projection
        self._clock = clock

    async def on_installations(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        """Project, and note which add-ons to count again."""
        outcomes = await self._projection.apply(batch)
        keys = {one.data.addon_key for one in batch if isinstance(one.data, InstallationChanged)}
        if keys:
            await self._store.count_later(sorted(keys), self._clock.now())
        return outcomes

    async def run(self) -> None:
        """Count again and again until cancelled."""
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            await self._store.recount()
