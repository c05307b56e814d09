"""Watches over add-ons' health, and the notices that stand."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime

from pymongo import IndexModel, ReturnDocument

from services.notifier.due_store import Due
from services.notifier.notices import CAUSES, Origin, changed
from services.notifier.outages import Watch
from shared.plumbing.mongo import Collection, Database, Document, ensure_indexes, is_duplicate_key
from shared.plumbing.state_relay import STATE_INDEXES

_FIELDS = [one.name for one in dataclasses.fields(Watch) if one.name != "addon_key"]


def _stands(cause: str) -> Document:
    return {cause: {"$type": "object"}}


_STANDING: Document = {"$or": [_stands(cause) for cause in CAUSES]}


class NoticeStore:
    """Both are changed by compare-and-set only, on `revision` and on `version`. `due` are watches with work to do."""

    def __init__(self, database: Database) -> None:
        self.notices: Collection = database["notices"]
        self._watches = database["outages"]
        self.due = Due(self._watches)

    async def prepare(self) -> None:
        """Create the indexes."""
        stands = (
            IndexModel([(cause, 1)], name=f"{cause}_stands", partialFilterExpression=_stands(cause)) for cause in CAUSES
        )
        await ensure_indexes(self.notices, [*STATE_INDEXES, *stands])
        due = {"due_at": {"$type": "date"}}
        await ensure_indexes(self._watches, [IndexModel([("due_at", 1)], name="due", partialFilterExpression=due)])

    async def watches(self, addon_keys: Sequence[str]) -> dict[str, tuple[Watch, int]]:
        """The watch of each add-on with its revision; a fresh one (revision 0) where there is none."""
        found = {key: (Watch(key), 0) for key in addon_keys}
        async for document in self._watches.find({"_id": {"$in": list(addon_keys)}}):
            found[document["_id"]] = watch_of(document)
        return found

    async def save(self, watch: Watch, revision: int) -> bool:
        """Write over `revision`. False if somebody else has written meanwhile."""
        fields = {name: getattr(watch, name) for name in _FIELDS}
        try:
            done = await self._watches.update_one(
                {"_id": watch.addon_key, "revision": revision}
                if revision
                else {"_id": watch.addon_key, "revision": None},
                {"$set": {**fields, "revision": revision + 1}},
                upsert=revision == 0,
            )
        except Exception as exc:
            if is_duplicate_key(exc):
                return False
            raise
        return bool(done.matched_count or done.upserted_id)

    async def set_slots(
        self, scope: str, slots: Mapping[str, Document | None], now: datetime, origin: Origin
    ) -> Document | None:
        """Make the scope hold `slots` (by cause). The notice if that changed it, else None."""
        while True:
            notice = await self.notices.find_one({"_id": scope})
            fields = changed(notice, slots, now, origin)
            if fields is None or (notice is None and not any(slots.values())):
                return None
            version = notice["version"] if notice else 0
            try:
                written: Document | None = await self.notices.find_one_and_update(
                    {"_id": scope, "version": version or None},
                    {"$set": {**fields, "version": version + 1}},
                    upsert=notice is None,
                    return_document=ReturnDocument.AFTER,
                )
            except Exception as exc:
                if not is_duplicate_key(exc):
                    raise
                written = None
            if written is not None:
                return written

    async def notice(self, scope: str) -> Document | None:
        """What is known of a scope."""
        return await self.notices.find_one({"_id": scope})

    async def standing(self, scopes: Sequence[str] | None = None, limit: int = 1000) -> list[Document]:
        """Scopes that have a notice now; all of them, or those of `scopes`."""
        which = {**_STANDING, "_id": {"$in": list(scopes)}} if scopes is not None else _STANDING
        return await self.notices.find(which).sort("_id", 1).limit(limit).to_list()


def watch_of(document: Document) -> tuple[Watch, int]:
    """A stored watch and its revision."""
    known = {name: document[name] for name in _FIELDS if name in document}
    return Watch(document["_id"], **known), document["revision"]
