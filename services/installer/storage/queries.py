"""What is asked of the collection `installations`; every question has its index (see `indexes_store.py`)."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from services.installer.domain import SCHEMA, Installation
from services.installer.storage.documents import from_document
from shared.contracts.installer import Cleanup, Outcome, State
from shared.contracts.reasons import WaitingFor
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Database, Document

log = structlog.get_logger()

# Bounds the index range in which `$$NOW` then decides; covers any error of our own clock.
_CLOCK_ERROR = timedelta(seconds=2)
# Whoever presses *retry* for weeks writes an entry each time, and one answer holds them all.
OLDER_MOST = 500
_PENDING = (State.REQUESTED, State.CHECKING, State.DELIVERING, State.WAITING)
# What may still use a key; each has its index, which one question about all three would not take.
_NEEDING: tuple[Document, ...] = ({"live": True}, {"due_at": {"$type": "date"}}, {"cleanup": Cleanup.OWED})
_DUE_FIELDS = {"addon_key": 1, "workspace_id": 1, "generation": 1, "state": 1, "lane": 1, "waiting_for": 1}


@dataclass(frozen=True, slots=True)
class DueItem:
    """An installation that somebody has to look at."""

    id: str
    addon_key: str
    workspace_id: str
    generation: int
    state: State
    lane: str
    waiting_for: WaitingFor | None


class InstallationQueries:
    """Reads, and the updates that decide nothing: of leases and due times. Raises the driver's errors."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.collection = database["installations"]
        self._log = database["installation_log"]
        self._manifests = database["manifests"]
        self._clock = clock

    async def find(self, installation_id: str) -> Installation | None:
        """One installation."""
        document = await self.collection.find_one({"_id": installation_id})
        return None if document is None else from_document(document)

    async def live(self, addon_key: str, workspace_ids: Sequence[str]) -> dict[str, Document]:
        """`{"_id", "state"}` of the add-on's live installation by workspace id."""
        which = {"workspace_id": {"$in": list(workspace_ids)}, "addon_key": addon_key, "live": True}
        found = self.collection.find(which, {"workspace_id": 1, "state": 1}, batch_size=len(workspace_ids) + 1)
        return {document.pop("workspace_id"): document for document in await found.to_list()}

    async def live_in(self, workspace_ids: Sequence[str]) -> dict[str, str]:
        """Ids of what lives in these workspaces, with the workspace of each."""
        found = self.collection.find({"workspace_id": {"$in": list(workspace_ids)}, "live": True}, {"workspace_id": 1})
        return {document["_id"]: document["workspace_id"] async for document in found}

    async def by_workspace(
        self,
        workspace_id: str,
        *,
        after: tuple[datetime, str] | None = None,
        limit: int = 50,
        state: State | None = None,
    ) -> list[Installation]:
        """Newest request first. `after` is (`requested_at`, `id`) of the last one of the page before."""
        return await self._page({"workspace_id": workspace_id}, after, limit, state)

    async def by_addon(
        self,
        addon_key: str,
        *,
        after: tuple[datetime, str] | None = None,
        limit: int = 50,
        state: State | None = None,
    ) -> list[Installation]:
        """As `by_workspace`, for publishers and operators."""
        return await self._page({"addon_key": addon_key}, after, limit, state)

    async def _page(
        self, which: Document, after: tuple[datetime, str] | None, limit: int, state: State | None
    ) -> list[Installation]:
        if state is not None:
            which["state"] = state
        if after is not None:
            at, last = after
            which["requested_at"] = {"$lte": at}  # the bound that the index understands; the rest is exact
            which["$or"] = [{"requested_at": {"$lt": at}}, {"_id": {"$lt": last}}]
        cursor = self.collection.find(which).sort([("requested_at", -1), ("_id", -1)]).limit(limit)
        return [from_document(document) async for document in cursor]

    async def older_history(self, installation_id: str) -> list[dict[str, Any]]:
        """Timeline entries that no longer fit into the document, oldest first; of very many the newest.

        What they hold: `saga.draft.Step`.
        """
        fields = {"_id": 0, "installation_id": 0}
        cursor = self._log.find({"installation_id": installation_id}, fields).sort("n", -1).limit(OLDER_MOST)
        return (await cursor.to_list())[::-1]

    async def manifest(self, addon_key: str, manifest_version: int) -> dict[str, Any] | None:
        """The whole manifest that an installation's snapshot was taken from; it never changes."""
        found = await self._manifests.find_one({"_id": f"{addon_key}:{manifest_version}"})
        return None if found is None else json.loads(found["manifest"])

    async def keep_manifest(self, addon_key: str, manifest_version: int, manifest: dict[str, Any]) -> None:
        """Remember a manifest for as long as an installation may name it."""
        which = {"_id": f"{addon_key}:{manifest_version}"}
        text = json.dumps(manifest)  # a publisher's JSON may hold names and numbers that BSON does not take
        await self._manifests.update_one(which, {"$setOnInsert": {"manifest": text}}, upsert=True)

    async def due(self, limit: int, full_lanes: Iterable[str]) -> list[DueItem]:
        """What is due, oldest first, without calls for which there is no slot here (unless their time is over)."""
        now = self._clock.now()
        which: Document = {
            "due_at": {"$type": "date", "$lte": now + _CLOCK_ERROR},
            "$expr": {"$lte": ["$due_at", "$$NOW"]},
            "schema": {"$lte": SCHEMA},
        }
        full = list(full_lanes)
        if full:
            which["$or"] = [{"lane": {"$nin": full}}, {"deadline": {"$lte": now}}]
        return await self._items(which, "due_at", limit)

    async def addons_in(self, state: State) -> list[str]:
        """Add-ons of the pending installations in this state."""
        return await self.collection.distinct("addon_key", {"outcome": Outcome.PENDING, "state": state})

    async def waiting(self, addon_key: str, limit: int) -> list[DueItem]:
        """Who waits for this add-on (not for a clean-up), the oldest request first."""
        which = {
            "outcome": Outcome.PENDING,
            "state": State.WAITING,
            "addon_key": addon_key,
            "waiting_for": {"$ne": WaitingFor.PREVIOUS_UNINSTALL},
            "schema": {"$lte": SCHEMA},
        }
        return await self._items(which, "requested_at", limit)

    async def delivering(self, addon_key: str, limit: int) -> list[DueItem]:
        """Whose next attempt at this add-on is still to come."""
        which = {
            "outcome": Outcome.PENDING,
            "state": State.DELIVERING,
            "addon_key": addon_key,
            "flight": {"$exists": False},
            "schema": {"$lte": SCHEMA},
        }
        return await self._items(which, "requested_at", limit)

    async def _items(self, which: Document, order: str, limit: int) -> list[DueItem]:
        cursor = self.collection.find(which, _DUE_FIELDS).sort(order, 1).limit(limit)
        return [item async for document in cursor if (item := _readable(document)) is not None]

    async def open_before(self, ones: Sequence[DueItem | Installation]) -> dict[str, list[DueItem]]:
        """The earlier generations whose clean-up is not over, for each one that has any, by its id."""
        later = [one for one in ones if one.generation > 1]
        if not later:
            return {}
        pairs = [{"workspace_id": one.workspace_id, "addon_key": one.addon_key} for one in later]
        unfinished = {"$or": pairs, "live": {"$exists": False}, "call": {"$exists": True}}
        found = [_item(document) async for document in self.collection.find(unfinished, _DUE_FIELDS)]
        earlier = {
            one.id: [each for each in found if _pair(each) == _pair(one) and each.generation < one.generation]
            for one in later
        }
        return {name: each for name, each in earlier.items() if each}

    async def newer(self, one: Installation) -> DueItem | None:
        """The newest later generation."""
        which = {
            "workspace_id": one.workspace_id,
            "addon_key": one.addon_key,
            "generation": {"$gt": one.generation},
        }
        found = await self.collection.find(which, _DUE_FIELDS).sort("generation", -1).limit(1).to_list()
        return _item(found[0]) if found else None

    async def on_other_keys(self, addon_key: str, kid: str, limit: int) -> list[str]:
        """Ids of live installations whose tokens another key has signed."""
        which = {"addon_key": addon_key, "live": True, "tokens.kid": {"$exists": True, "$ne": kid}}
        which["schema"] = {"$lte": SCHEMA}
        return [one["_id"] async for one in self.collection.find(which, {"_id": 1}).limit(limit)]

    async def left_on_other_keys(self, addon_key: str, kid: str) -> bool:
        """As `on_other_keys`: whether there are any, those for a newer release included."""
        which = {"addon_key": addon_key, "live": True, "tokens.kid": {"$exists": True, "$ne": kid}}
        return await self.collection.find_one(which, {"_id": 1}) is not None

    async def keys_in_use(self, addon_key: str, kid: str) -> tuple[int, int, int]:
        """Of an add-on's live installations with tokens: how many, on other keys than `kid`, on it and unconfirmed."""
        held = {"addon_key": addon_key, "live": True, "tokens.kid": {"$exists": True}}
        other = {**held, "tokens.kid": {"$exists": True, "$ne": kid}}
        asked = {**held, "tokens.kid": kid, "call.kind": "INSTALLED"}
        live, others, unconfirmed = [await self.collection.count_documents(which) for which in (held, other, asked)]
        return live, others, unconfirmed

    async def need_key(self, kid: str) -> bool:
        """Whether a live installation or one with something still to do has tokens of this key."""
        for needing in _NEEDING:
            if await self.collection.find_one({"tokens.kid": kid, **needing}, {"_id": 1}) is not None:
                return True
        return False

    async def prolong(self, ids: Sequence[str], owner: str, lease: timedelta) -> None:
        """Keep the leases of these attempts. One update for all of a process's calls; decides nothing."""
        end = {"$add": ["$$NOW", lease // timedelta(milliseconds=1)]}
        which = {"_id": {"$in": list(ids)}, "flight.owner": owner}
        await self.collection.update_many(which, [{"$set": {"flight.until": end, "due_at": end}}])

    async def put_off(self, ids: Sequence[str], until: datetime) -> None:
        """Let nobody look at these before then; else what cannot be decided would be first in every round."""
        which = {"_id": {"$in": list(ids)}, "due_at": {"$type": "date"}}
        await self.collection.update_many(which, {"$set": {"due_at": until}})

    async def stranded(self, *, thorough: bool = False, limit: int = 100) -> dict[str, str]:
        """State by id of what nobody would ever look at again: must be empty, whatever happened.

        `thorough` finds calls beside an outcome and its clean-up too, such as redeliveries, and reads everything.
        """
        # The states say nothing more, but the index begins with them.
        pending = {"outcome": Outcome.PENDING, "state": {"$in": list(_PENDING)}}
        unfinished: list[Document] = [pending, {"cleanup": Cleanup.OWED}]
        if thorough:
            unfinished.append({"call": {"$exists": True}})
        which = {"$or": [{**one, "due_at": {"$exists": False}} for one in unfinished]}
        return {one["_id"]: one["state"] async for one in self.collection.find(which, {"state": 1}).limit(limit)}


def _readable(document: Document) -> DueItem | None:
    """None for what nobody could have written: it must not keep the others from being looked at."""
    try:
        return _item(document)
    except (KeyError, ValueError):
        log.exception("due_item_unreadable", installation_id=document["_id"])
        return None


def _item(document: Document) -> DueItem:
    waiting_for = document.get("waiting_for")
    return DueItem(
        id=document["_id"],
        addon_key=document["addon_key"],
        workspace_id=document["workspace_id"],
        generation=document["generation"],
        state=State(document["state"]),
        lane=document["lane"],
        waiting_for=None if waiting_for is None else WaitingFor(waiting_for),
    )


def _pair(item: DueItem | Installation) -> tuple[str, str]:
    return item.workspace_id, item.addon_key
