"""What the catalog remembers of the others: who is in which workspace, what is installed, what is unwell."""

from pymongo import IndexModel

from shared.contracts import topics
from shared.contracts.auth import WorkspaceChanged
from shared.contracts.installer import AddOnHealthChanged, InstallationChanged
from shared.plumbing.mongo import Database, Document
from shared.plumbing.projections import Projection


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
