"""What the catalog says: the whole listing of an add-on, with its manifest, at every change."""

from enum import StrEnum
from typing import Any, ClassVar

from shared.contracts import topics
from shared.contracts.auth import Plan
from shared.contracts.envelope import Moment, StateMessage, Topic, Whole


class Visibility(StrEnum):
    """Who finds an add-on."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    """Not in search; installable by whoever has the link."""
    PRIVATE = "private"
    """Exists only for the listed workspaces."""


class AddOnState(StateMessage):
    """The whole listing. `manifest` is the publisher's JSON, validated, exactly as given."""

    topic: ClassVar[Topic] = topics.CATALOG_ADDONS

    addon_key: str
    publisher_id: str
    name: str
    short_text: str = ""
    long_text: str = ""
    category: str = ""
    products: tuple[str, ...] = ()
    """Products that the add-on fits; empty means every product."""
    minimal_plan: Plan = Plan.FREE
    visibility: Visibility = Visibility.PUBLIC
    visible_to: tuple[str, ...] = ()
    """Workspace ids, for a private add-on."""
    support_url: str | None = None
    privacy_url: str | None = None
    manifest: dict[str, Any]
    manifest_version: Whole
    """Counts accepted manifests of this add-on from 1."""
    manifest_url: str | None = None
    """Where the add-on serves its manifest; null if its publisher sent it."""
    withdrawn: bool = False
    changed_at: Moment

    def key(self) -> str:
        """Add-on key."""
        return self.addon_key


class AddOnPublished(AddOnState):
    """The add-on is listed for the first time, or again after a withdrawal."""


class AddOnUpdated(AddOnState):
    """Listing or manifest changed."""


class AddOnWithdrawn(AddOnState):
    """No new installs; what is installed stays."""

    withdrawn: bool = True
