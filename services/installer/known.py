"""What the installer remembers of other services' state: its projections.

Documents are those of `shared.plumbing.projections`: the fields of the state message with `_id` = key.
"""

import json
from typing import Any

from pymongo import IndexModel

from shared.contracts import auth, catalog, notifier, topics
from shared.plumbing.mongo import Database, Document
from shared.plumbing.projections import Projection, whole_message

_OF_WORKSPACES = (
    IndexModel([("admins.user_id", 1)], name="admins"),
    IndexModel([("members", 1)], name="members"),
    IndexModel([("settled", 1)], name="departed", partialFilterExpression={"deleted": True}),
)


class Known:
    """Accounts, workspaces, add-ons and notices. A deleted one stays, with `deleted` and nothing to rely on."""

    def __init__(self, database: Database) -> None:
        self.accounts = Projection(
            database, "accounts", topics.AUTH_ACCOUNTS, (auth.AccountChanged,), fields=_without_address
        )
        self.workspaces = Projection(
            database,
            "workspaces",
            topics.AUTH_WORKSPACES,
            (auth.WorkspaceChanged,),
            indexes=_OF_WORKSPACES,
        )
        self.addons = Projection(
            database,
            "addons",
            topics.CATALOG_ADDONS,
            (catalog.AddOnPublished, catalog.AddOnUpdated, catalog.AddOnWithdrawn),
            fields=_manifest_as_text,
        )
        self.notices = Projection(
            database,
            "notices",
            topics.NOTIFIER_NOTICES,
            (notifier.MaintenanceNoticeRaised, notifier.MaintenanceNoticeCleared),
            fields=_notice,
        )

    @property
    def all(self) -> tuple[Projection, ...]:
        """Every projection."""
        return self.accounts, self.workspaces, self.addons, self.notices


def manifest_of(addon: Document) -> dict[str, Any]:
    """The publisher's manifest in an add-on's document."""
    manifest: dict[str, Any] = json.loads(addon["manifest"])
    return manifest


def _without_address(message: auth.AccountChanged) -> Document:
    return message.model_dump(exclude={"sealed_address"})  # only the notifier can open it


def _manifest_as_text(message: catalog.AddOnState) -> Document:
    # A publisher's JSON may hold names and numbers that BSON does not take.
    return message.model_dump(exclude={"manifest", "long_text"}) | {"manifest": json.dumps(message.manifest)}


def _notice(message: notifier.MaintenanceNoticeRaised | notifier.MaintenanceNoticeCleared) -> Document:
    raised = isinstance(message, notifier.MaintenanceNoticeRaised)
    return whole_message(message) | {"raised": raised}
