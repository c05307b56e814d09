"""Every query of the catalog."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bson.regex import Regex
from pymongo import IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from services.catalog.domain import Search, Viewer, completed, words
from shared.contracts.catalog import Visibility
from shared.contracts.installer import State
from shared.plumbing.mongo import Collection, Database, Document, ensure_indexes
from shared.plumbing.state_relay import STATE_INDEXES

SORT = [("installs", -1), ("_id", 1)]
_IN_LISTS = {"search": 0, "manifest": 0}


def _reachable(viewer: Viewer, wanted: Search) -> list[Document]:
    """Conditions of which one must hold. Each names all fields that its index begins with."""
    rest: Document = {}
    if wanted.category is not None:
        rest["category"] = wanted.category
    if wanted.product is not None:
        rest["products"] = {"$in": [wanted.product, []]}
    # A compiled pattern would carry a flag with which no index helps.
    if beginnings := [Regex(f"^{re.escape(word)}") for word in words(wanted.text)[:8]]:
        rest["search"] = {"$all": beginnings}
    if wanted.mine:
        return [{"publisher_id": viewer.user_id or "", **rest}]
    rest["withdrawn"] = False
    private = {"visibility": Visibility.PRIVATE, "visible_to": {"$in": sorted(viewer.workspaces)}, **rest}
    return [{"visibility": Visibility.PUBLIC, **rest}, *([private] if viewer.workspaces else [])]


class CatalogStore:
    """Listings, and the counts of what is installed."""

    def __init__(self, database: Database) -> None:
        self.listings: Collection = database["listings"]
        self._workspaces = database["workspaces"]
        self._installations = database["installations"]
        self._stale = database["stale_counts"]
        self._health = database["addon_health"]

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(
            self.listings,
            [
                *STATE_INDEXES,
                IndexModel([("search", 1), ("installs", -1)], name="search"),
                *(
                    IndexModel([*((field, 1) for field in fields), *SORT], name=name)
                    for name, fields in {
                        "public": ("visibility", "withdrawn"),
                        "category": ("visibility", "withdrawn", "category"),
                        "private": ("visible_to", "visibility", "withdrawn"),
                        "mine": ("publisher_id",),
                    }.items()
                ),
            ],
        )

    async def insert(self, listing: Document) -> bool:
        """Take the key. False if somebody has it already."""
        try:
            await self.listings.insert_one(listing)
        except DuplicateKeyError:
            return False
        return True

    async def find(self, key: str) -> Document | None:
        """A listing by its add-on key."""
        return await self.listings.find_one({"_id": key})

    async def change(self, listing: Document, fields: Document) -> Document | None:
        """Compare-and-set on the version that was read; None if somebody was faster."""
        changed: Document | None = await self.listings.find_one_and_update(
            {"_id": listing["_id"], "version": listing["version"]},
            {"$set": {**fields, "version": listing["version"] + 1, "state_marked_at": fields["changed_at"]}},
            return_document=ReturnDocument.AFTER,
        )
        return changed

    async def search(self, viewer: Viewer, wanted: Search, after: tuple[int, str] | None, limit: int) -> list[Document]:
        """What the viewer may find, without the manifests, the most installed first.

        Of `wanted.text` every word must be the beginning of a word of the listing.
        """
        which = {"$or": _reachable(viewer, wanted)}
        if after is not None:
            installs, key = after
            beyond = [{"installs": {"$lt": installs}}, {"installs": installs, "_id": {"$gt": key}}]
            # The first condition is for the index: it begins there, and not with the most installed of all.
            which = {"$and": [which, {"installs": {"$lte": installs}}, {"$or": beyond}]}
        found = await self.listings.find(which, _IN_LISTS).sort(SORT).limit(limit).to_list()
        if old := [one["_id"] for one in found if "icon_url" not in one]:  # written by an older release
            manifests = {one["_id"]: one async for one in self.listings.find({"_id": {"$in": old}}, {"manifest": 1})}
            return [completed(one | manifests.get(one["_id"], {})) for one in found]
        return found

    async def workspaces_of(self, user_id: str) -> frozenset[str]:
        """Ids of the workspaces that the user is in."""
        which = {"$or": [{"admins.user_id": user_id}, {"members": user_id}], "deleted": {"$ne": True}}
        return frozenset([str(doc["_id"]) async for doc in self._workspaces.find(which, {"_id": 1})])

    async def health(self, keys: Sequence[str]) -> dict[str, Document]:
        """The breakers of these add-ons, as far as the installer has told."""
        return {doc["_id"]: doc async for doc in self._health.find({"_id": {"$in": list(keys)}})}

    async def categories(self) -> list[Document]:
        """Categories of what everybody can find, with their number of add-ons."""
        cursor = await self.listings.aggregate(
            [
                {"$match": {"visibility": Visibility.PUBLIC, "withdrawn": False, "category": {"$ne": ""}}},
                {"$group": {"_id": "$category", "addons": {"$sum": 1}}},
                {"$sort": {"_id": 1}},
            ]
        )
        return await cursor.to_list()

    async def count_later(self, keys: Sequence[str], now: datetime) -> None:
        """Note that the counts of these add-ons are out of date."""
        await self._stale.bulk_write(
            [UpdateOne({"_id": key}, {"$set": {"since": now}}, upsert=True) for key in keys], ordered=False
        )

    async def recount(self) -> int:
        """Count what is installed, for every add-on whose installations changed. Returns how many were counted."""
        stale: list[dict[str, Any]] = await self._stale.find().limit(500).to_list()
        for entry in stale:
            count = await self._installations.count_documents({"addon_key": entry["_id"], "state": State.INSTALLED})
            await self.listings.update_one({"_id": entry["_id"]}, {"$set": {"installs": count}})
            await self._stale.delete_one(entry)  # by `since` too: a change meanwhile keeps it stale
        return len(stale)
