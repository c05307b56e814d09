"""Every query of the catalog."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from services.catalog.domain import words
from shared.contracts.catalog import Visibility
from shared.contracts.installer import State
from shared.plumbing.mongo import Collection, Database, Document, ensure_indexes
from shared.plumbing.state_relay import STATE_INDEXES

SORT = [("installs", -1), ("_id", 1)]


class CatalogStore:
    """Listings, and the counts of what is installed."""

    def __init__(self, database: Database) -> None:
        self.listings: Collection = database["listings"]
        self._workspaces = database["workspaces"]
        self._installations = database["installations"]
        self._stale = database["stale_counts"]

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(
            self.listings,
            [
                *STATE_INDEXES,
                IndexModel([("search", 1), ("installs", -1)], name="search"),
                IndexModel([("installs", -1), ("_id", 1)], name="popular"),
                IndexModel([("publisher_id", 1), ("_id", 1)], name="publisher"),
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

    async def search(self, filters: Document, text: str, after: tuple[int, str] | None, limit: int) -> list[Document]:
        """Listings that contain every word of `text` as the beginning of a word, the most installed first."""
        which: list[Document] = [filters]
        which += [{"search": {"$regex": f"^{re.escape(word)}"}} for word in words(text)[:8]]
        if after is not None:
            installs, key = after
            which.append({"$or": [{"installs": {"$lt": installs}}, {"installs": installs, "_id": {"$gt": key}}]})
        return await self.listings.find({"$and": which}, {"search": 0}).sort(SORT).limit(limit).to_list()

    async def workspaces_of(self, user_id: str) -> frozenset[str]:
        """Ids of the workspaces that the user is in."""
        which = {"$or": [{"admins.user_id": user_id}, {"members": user_id}], "deleted": {"$ne": True}}
        return frozenset([str(doc["_id"]) async for doc in self._workspaces.find(which, {"_id": 1})])

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
