"""What the notifier remembers of the other services, and what visitors said."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import IndexModel, ReturnDocument

from services.notifier.domain import FEEDBACK_KEPT, LIVE_STATES, addon_scope
from shared.contracts import topics
from shared.contracts.auth import AccountChanged, WorkspaceChanged
from shared.contracts.catalog import AddOnPublished, AddOnState, AddOnUpdated, AddOnWithdrawn, Visibility
from shared.contracts.installer import InstallationChanged
from shared.plumbing.mongo import Database, Document, ensure_indexes
from shared.plumbing.projections import Projection

RATE_WINDOW = timedelta(hours=1)


def accounts(database: Database) -> Projection:
    """Addresses (sealed) and languages of people."""
    return Projection(database, "accounts", topics.AUTH_ACCOUNTS, (AccountChanged,), fields=_account)


def workspaces(database: Database) -> Projection:
    """Who is in which workspace."""
    return Projection(database, "workspaces", topics.AUTH_WORKSPACES, (WorkspaceChanged,), fields=_workspace)


def addons(database: Database) -> Projection:
    """Names and publishers of add-ons, and for whom they exist."""
    messages = (AddOnPublished, AddOnUpdated, AddOnWithdrawn)
    return Projection(database, "addons", topics.CATALOG_ADDONS, messages, fields=_addon)


def installations(database: Database) -> Projection:
    """The state of every installation."""
    return Projection(
        database,
        "installations",
        topics.INSTALLER_INSTALLATION_STATE,
        (InstallationChanged,),
        indexes=(
            IndexModel([("workspace_id", 1), ("state", 1), ("_id", 1)], name="workspace"),
            IndexModel([("addon_key", 1), ("state", 1), ("_id", 1)], name="addon"),
        ),
    )


def _account(account: AccountChanged) -> Document:
    return account.model_dump(include={"verified", "locale", "sealed_address"})


def _workspace(workspace: WorkspaceChanged) -> Document:
    return workspace.model_dump(include={"name", "admins", "members"})


def _addon(addon: AddOnState) -> Document:
    return addon.model_dump(include={"name", "publisher_id", "visibility"})


class Views:
    """Questions to the projections."""

    def __init__(self, database: Database) -> None:
        self._accounts = database["accounts"]
        self._workspaces = database["workspaces"]
        self._addons = database["addons"]
        self._installations = database["installations"]

    async def accounts(self, user_ids: Iterable[str]) -> dict[str, Document]:
        """By user id; unknown people are missing."""
        return {one["_id"]: one async for one in self._accounts.find({"_id": {"$in": list(set(user_ids))}})}

    async def workspace(self, workspace_id: str) -> Document | None:
        return await self._workspaces.find_one({"_id": workspace_id})

    async def workspaces(self, workspace_ids: Iterable[str]) -> dict[str, Document]:
        """By workspace id; unknown ones are missing."""
        return {one["_id"]: one async for one in self._workspaces.find({"_id": {"$in": list(set(workspace_ids))}})}

    async def addons(self, addon_keys: Iterable[str]) -> dict[str, Document]:
        """By add-on key; unknown ones are missing."""
        return {one["_id"]: one async for one in self._addons.find({"_id": {"$in": list(set(addon_keys))}})}

    async def public_addons(self, addon_keys: Iterable[str], visibilities: Sequence[Visibility]) -> dict[str, Document]:
        """Those of `addon_keys` that exist for everybody, or for whoever knows the key."""
        found = await self.addons(addon_keys)
        return {key: one for key, one in found.items() if not one.get("deleted") and one["visibility"] in visibilities}

    async def installation(self, installation_id: str) -> Document | None:
        return await self._installations.find_one({"_id": installation_id})

    async def live_installations(self, workspace_id: str, limit: int) -> list[Document]:
        """What is installed or under way in a workspace."""
        which = {"workspace_id": workspace_id, "state": {"$in": list(LIVE_STATES)}}
        return await self._installations.find(which).sort("_id", 1).limit(limit).to_list()

    async def all_installations(self, after: str, limit: int) -> list[Document]:
        """Every installation by id, in pages."""
        return await self._installations.find({"_id": {"$gt": after}}).sort("_id", 1).limit(limit).to_list()

    async def audiences(self, workspace_id: str) -> set[str]:
        """Which feed entries concern a workspace: its own, and notices about what it has or is getting."""
        which = {"workspace_id": workspace_id, "state": {"$in": list(LIVE_STATES)}}
        keys = await self._installations.distinct("addon_key", which)
        return {f"workspace:{workspace_id}", "all", *(addon_scope(key) for key in keys)}

    async def affected(self, addon_key: str, after: str, limit: int) -> list[Document]:
        """Live installations of an add-on, by id, in pages."""
        which: dict[str, Any] = {
            "addon_key": addon_key,
            "state": {"$in": list(LIVE_STATES)},
            "_id": {"$gt": after},
        }
        return await self._installations.find(which, {"workspace_id": 1}).sort("_id", 1).limit(limit).to_list()

    async def installation_versions(self, ids: Iterable[str]) -> dict[str, int]:
        """The versions that these installations have now."""
        return await _versions(self._installations, ids)

    async def workspace_versions(self, ids: Iterable[str]) -> dict[str, int]:
        """The versions that these workspaces have now."""
        return await _versions(self._workspaces, ids)


async def _versions(collection: Any, ids: Iterable[str]) -> dict[str, int]:
    found = collection.find({"_id": {"$in": list(ids)}}, {"version": 1}, batch_size=10_000)
    return {one["_id"]: one["version"] async for one in found}


class FeedbackStore:
    """What visitors said about pages, and how often they may."""

    def __init__(self, database: Database) -> None:
        self._feedback = database["feedback"]
        self._rates = database["feedback_rates"]

    async def prepare(self) -> None:
        """Create the indexes."""
        forget = IndexModel([("forget_at", 1)], name="forget", expireAfterSeconds=0)
        await ensure_indexes(self._feedback, [forget])
        await ensure_indexes(self._rates, [forget])

    async def count(self, key: str, now: datetime) -> tuple[int, float]:
        """Count one more of `key` in this hour; the number so far, and the seconds until a new hour begins."""
        window = int(now.timestamp() // RATE_WINDOW.total_seconds())
        ends = (window + 1) * RATE_WINDOW.total_seconds()
        counted: Document | None = await self._rates.find_one_and_update(
            {"_id": f"{key}@{window}"},
            {"$inc": {"count": 1}, "$setOnInsert": {"forget_at": now + 2 * RATE_WINDOW}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return counted["count"] if counted else 1, ends - now.timestamp()

    async def add(self, feedback: Document, now: datetime) -> None:
        """Keep it. The id grows with time, for paging."""
        number = f"{int(now.timestamp() * 1000):012x}{secrets.token_hex(6)}"
        await self._feedback.insert_one({"_id": number, **feedback, "at": now, "forget_at": now + FEEDBACK_KEPT})

    async def newest(self, before: str | None, limit: int) -> list[Document]:
        """Newest first, older than the id `before`."""
        which = {"_id": {"$lt": before}} if before else {}
        return await self._feedback.find(which).sort("_id", -1).limit(limit).to_list()
