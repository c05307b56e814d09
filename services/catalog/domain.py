"""A listing: the manifest and our own fields beside it. Pure; time is an argument."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.catalog.manifest_versions import SCOPES
from shared.contracts.catalog import AddOnPublished, AddOnState, AddOnUpdated, AddOnWithdrawn, Visibility
from shared.contracts.envelope import Envelope, StateMessage
from shared.rules.manifest import Manifest

Listing = dict[str, Any]
"""As stored: `_id` is the add-on key, `manifest` the publisher's JSON."""

_WORD = re.compile(r"[^\W_]+")
_MAX_WORDS = 400
MAX_ADDRESS = 2_000
"""Characters of a web address; browsers and proxies take no longer ones."""
FIXED_FIELDS = ("key", "minimalSubscriptionPlan")
"""Manifest fields that an update may not change: installs were accepted by them (clockify-platform, table 1.2)."""

_TYPES: dict[str, type[AddOnState]] = {
    "AddOnPublished": AddOnPublished,
    "AddOnUpdated": AddOnUpdated,
    "AddOnWithdrawn": AddOnWithdrawn,
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and from which workspaces."""

    user_id: str | None = None
    operator: bool = False
    workspaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Search:
    """What somebody looks for; nothing given finds everything."""

    text: str = ""
    category: str | None = None
    product: str | None = None
    mine: bool = False
    """All of the viewer's own, withdrawn ones too, and nothing else."""


def may_see(listing: Listing, viewer: Viewer) -> bool:
    """A private listing exists only for its publisher, for operators and inside the listed workspaces."""
    if listing["visibility"] != Visibility.PRIVATE:
        return True
    if viewer.operator or (viewer.user_id is not None and viewer.user_id == listing["publisher_id"]):
        return True
    return not viewer.workspaces.isdisjoint(listing["visible_to"])


def may_change(listing: Listing, viewer: Viewer) -> bool:
    """The publisher who first took the key, and operators."""
    return viewer.operator or listing["publisher_id"] == viewer.user_id


def words(*texts: str) -> list[str]:
    """What search finds: folded words, so that `Über` is found by `uber`."""
    folded = unicodedata.normalize("NFKD", " ".join(texts)).casefold()
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return list(dict.fromkeys(_WORD.findall(plain)))[:_MAX_WORDS]


def fixed_field_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Fields of the manifest that differ although they may not."""
    return [field for field in FIXED_FIELDS if old.get(field) != new.get(field)]


def manifest_fields(manifest: Manifest, raw: dict[str, Any], changed_at: datetime) -> Listing:
    """What the listing takes from its manifest."""
    return {
        "name": manifest.name,
        "minimal_plan": manifest.minimal_plan,
        "manifest": raw,
        "changed_at": changed_at,
    }


def from_manifest(manifest: Manifest) -> Listing:
    """What lists show of a manifest; kept beside it, because a manifest may have 200 kB.

    Version 1.0 lets any text through as a scope or an icon's path, so both are bounded here.
    """
    icon = manifest.icon_url
    return {
        "icon_url": icon if icon is not None and len(icon) <= MAX_ADDRESS else None,
        "scopes": [scope for scope in dict.fromkeys(manifest.scopes) if scope in SCOPES],
    }


def derived(listing: Listing) -> Listing:
    """The fields that follow from the others: what search finds, and what lists show of the manifest."""
    names = (listing["name"], listing["_id"], listing.get("publisher_name", ""), listing["category"])
    texts = (*names, listing["short_text"], listing["long_text"])
    return {"search": words(*texts), **from_manifest(Manifest.of(listing["manifest"]))}


def completed(listing: Listing) -> Listing:
    """A listing with its manifest, with what an older release did not keep beside it."""
    return listing if "icon_url" in listing else {**listing, **from_manifest(Manifest.of(listing["manifest"]))}


def render(listing: Listing) -> Envelope[StateMessage]:
    """The state record of a listing, of the type that its last change was."""
    message_type = _TYPES[listing["last_change"]]
    message = message_type(
        addon_key=listing["_id"],
        **{
            name: listing[name]
            for name in AddOnState.model_fields
            if name not in ("addon_key", "deleted", "withdrawn") and name in listing
        },
        withdrawn=listing["withdrawn"],
    )
    return Envelope(
        id=f"{listing['_id']}:{listing['version']}",
        source="/souk/catalog",
        subject=listing["_id"],
        time=listing["changed_at"],
        data=message,
        correlation_id=listing["correlation_id"],
        causation_id=listing["correlation_id"],
    )
