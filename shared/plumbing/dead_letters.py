"""Records set aside because trying again cannot help, kept in MongoDB before their offset is committed.

One document per (group, topic, partition, offset), so a batch that comes again sets nothing aside twice.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from bson import ObjectId
from pymongo import IndexModel, UpdateOne

from shared.plumbing.clock import Clock, ClockNotSetError
from shared.plumbing.dead_letters_kept import MOST_SHOWN, for_people, restored, stored
from shared.plumbing.errors import Unavailable
from shared.plumbing.metrics import DEAD_LETTERS
from shared.plumbing.mongo import Collection, Document, ensure_indexes, is_infrastructure_fault
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.producer import ProducerUnavailableError
from shared.plumbing.records import DataFault, RawRecord, from_record

log = structlog.get_logger()

RETURNING = ("unknown-type", "unknown-version")  # a newer release of ours will know them
CLAIM = timedelta(seconds=60)
"""How long a replay has a letter for itself; what a killed one leaves is free after that."""
KEPT_CLOSED = timedelta(days=180)
INDEXES = (
    IndexModel([("group", 1), ("topic", 1), ("partition", 1), ("offset", 1)], name="place", unique=True),
    IndexModel([("status", 1), ("at", -1), ("_id", -1)], name="by_status"),
    IndexModel([("at", -1), ("_id", -1)], name="newest"),
    # A record may tell of a person; whoever closed it has had half a year to look at it again.
    IndexModel([("closed_at", 1)], name="expiry", expireAfterSeconds=int(KEPT_CLOSED.total_seconds())),
)


def passes(exc: Exception) -> bool:
    """Whether the fault is the infrastructure's: it will pass, and the record is innocent."""
    return isinstance(
        exc, ProducerUnavailableError | ClockNotSetError | KafkaError | OSError | Unavailable
    ) or is_infrastructure_fault(exc)


@dataclass(frozen=True, slots=True)
class Fault:
    """One record and why it was set aside."""

    record: RawRecord
    reason: str
    detail: str

    def place(self) -> dict[str, Any]:
        """Where the record is, for the log."""
        return {"topic": self.record.topic, "partition": self.record.partition, "offset": self.record.offset}


class DeadLetters:
    """The dead letters of one service."""

    def __init__(self, collection: Collection, clock: Clock) -> None:
        self._collection = collection
        self._clock = clock

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self._collection, INDEXES)

    async def store(self, group: str, faults: Sequence[Fault]) -> None:
        """Keep the faulty records; those already kept stay as they are."""
        if not faults:
            return
        now = self._clock.now()
        await self._collection.bulk_write(
            [
                UpdateOne(
                    {"group": group, **fault.place()},
                    {
                        "$setOnInsert": {
                            "reason": fault.reason,
                            "detail": fault.detail,
                            "record": stored(fault.record),
                            "status": "open",
                            "at": now,
                        }
                    },
                    upsert=True,
                )
                for fault in faults
            ],
            ordered=False,
        )
        for fault in faults:
            DEAD_LETTERS.labels(group, fault.reason).inc()

    async def list(
        self,
        which: Document,
        *,
        status: str | None = "open",
        limit: int = 100,
        after: tuple[datetime, str] | None = None,
    ) -> list[Document]:
        """Those that match `which`, newest first, in a form for people: sealed fields are not shown.

        `status` None: whatever became of them. `after` is (`at`, `id`) of the last one of the page before.
        """
        query = dict(which) if status is None else {**which, "status": status}
        clauses = [query] if query else []
        if after is not None:
            at, last = after
            older = {"$or": [{"at": {"$lt": at}}, {"_id": {"$lt": _object_id(last)}}]}
            clauses += [{"at": {"$lte": at}}, older]  # the bound that the index understands; the rest is exact
        cursor = (
            self._collection.find({"$and": clauses} if clauses else {}).sort([("at", -1), ("_id", -1)]).limit(limit)
        )
        return [for_people(document) async for document in cursor]

    async def find(self, letter_id: str) -> Document | None:
        """One of them in a form for people, with more of its value. None: no such one."""
        document = await self._collection.find_one({"_id": _object_id(letter_id)})
        return None if document is None else for_people(document, MOST_SHOWN)

    async def open_ids(self, which: Document, limit: int, *, after: str | None = None) -> Sequence[str]:
        """The ids of open ones that match `which`, the oldest first; of those behind `after`, if it is known."""
        query: Document = {**which, "status": "open"}
        if after and (last := await self._collection.find_one({"_id": ObjectId(after)}, {"at": 1})):
            younger: list[Document] = [{"at": {"$gt": last["at"]}}, {"at": last["at"], "_id": {"$gt": last["_id"]}}]
            query = {"$and": [query, {"$or": younger}]}
        cursor = self._collection.find(query, {"_id": 1}).sort([("at", 1), ("_id", 1)]).limit(limit)
        return [str(document["_id"]) async for document in cursor]

    async def count_open(self, limit: int) -> dict[str, int]:
        """How many are open, by reason; counts at most `limit` in all, so that it stays cheap."""
        stages: list[Document] = [
            {"$match": {"status": "open"}},
            {"$limit": limit},
            {"$group": {"_id": "$reason", "count": {"$sum": 1}}},
        ]
        return {row["_id"]: row["count"] async for row in await self._collection.aggregate(stages)}

    async def replay(
        self, group: str, subscription: Subscription, which: Document, *, by: str = "command"
    ) -> dict[str, int]:
        """Run the normal handler on the open dead letters of `group` that match `which`, the oldest first.

        Returns how many ended as what (see `replay_one`). One that still cannot be decoded or handled stays open.
        """
        counts: dict[str, int] = {}
        query = {**which, "group": group, "status": "open"}
        async for document in self._collection.find(query, {"_id": 1}).sort("at", 1):
            result = await self.replay_one(str(document["_id"]), {group: subscription}, by=by)
            counts[result] = counts.get(result, 0) + 1
        return counts

    async def replay_returning(self, group: str, subscription: Subscription) -> None:
        """At start: replay what an older release could not know and this one does."""
        counts = await self.replay(group, subscription, {"reason": {"$in": list(RETURNING)}}, by="start")
        if set(counts) - {"open"}:
            log.info("dead_letters_replayed", group=group, **counts)

    async def replay_one(self, letter_id: str, readers: Mapping[str, Subscription], *, by: str) -> str:
        """Run the normal handler on one open dead letter; `readers` are subscriptions by consumer group.

        Returns `replayed`, `superseded` (older than the state, so it changed nothing), `open` (it still cannot be
        handled), `busy` (somebody else is at it), `closed` (it was closed before), or `missing`. Doing it twice does no
        harm: one at a time has the letter, and handlers are idempotent. Raises what infrastructure raises; the letter
        is then as it was.
        """
        key, mark = _object_id(letter_id), secrets.token_hex(8)
        document = await self._claim(key, mark)
        if document is None:
            there = await self._collection.find_one({"_id": key}, {"status": 1})
            return "missing" if there is None else "busy" if there["status"] == "open" else "closed"
        try:
            outcome = await _handle(document, readers)
        except DataFault as fault:
            return await self._leave_open(key, mark, str(fault))
        except Exception as exc:
            if passes(exc):
                await self._release(key, mark, {})
                raise
            log.exception("dead_letter_not_replayed", group=document["group"], letter=letter_id)
            return await self._leave_open(key, mark, f"handler-bug: {type(exc).__name__}")
        status = "superseded" if outcome is Outcome.SUPERSEDED else "replayed"
        closed = {"status": status, "closed_because": str(outcome), "closed_by": by, "closed_at": self._clock.now()}
        await self._release(key, mark, {"$set": closed})
        log.info("dead_letter_replayed", group=document["group"], letter=letter_id, outcome=outcome, by=by)
        return status

    async def discard(self, letter: Document, reason: str, *, by: str = "command") -> int:
        """Close open dead letters matching `letter`, saying why and by whom. Returns how many.

        One that is being replayed at this moment stays: it may be about to end otherwise.
        """
        now = self._clock.now()
        closed = {"status": "discarded", "closed_because": reason, "closed_by": by, "closed_at": now}
        done = await self._collection.update_many({"$and": [letter, _free(now)]}, {"$set": closed})
        if done.modified_count:
            log.info("dead_letters_discarded", count=done.modified_count, by=by)
        return done.modified_count

    async def discard_ids(self, letter_ids: Sequence[str], reason: str, *, by: str) -> int:
        """As `discard`, for these."""
        return await self.discard({"_id": {"$in": [_object_id(one) for one in letter_ids]}}, reason, by=by)

    async def _claim(self, key: ObjectId, mark: str) -> Document | None:
        now = self._clock.now()
        claim = {"claim": mark, "claimed_until": now + CLAIM}
        return await self._collection.find_one_and_update({"_id": key, **_free(now)}, {"$set": claim})

    async def _leave_open(self, key: ObjectId, mark: str, because: str) -> str:
        tried = {"tried_at": self._clock.now(), "tried_because": because[:500]}
        await self._release(key, mark, {"$set": tried, "$inc": {"tries": 1}})
        return "open"

    async def _release(self, key: ObjectId, mark: str, update: Document) -> None:
        unset = {"claim": "", "claimed_until": ""}
        await self._collection.update_one({"_id": key, "claim": mark, "status": "open"}, {**update, "$unset": unset})


def _free(now: datetime) -> Document:
    return {"status": "open", "$or": [{"claimed_until": {"$exists": False}}, {"claimed_until": {"$lte": now}}]}


async def _handle(document: Document, readers: Mapping[str, Subscription]) -> Outcome:
    subscription = readers.get(document["group"])
    if subscription is None:
        raise DataFault("no-reader", "this release has no such consumer group")
    types = {message.type_name(): message for message in subscription.messages}
    envelope = from_record(restored(document), types)
    if envelope is None:
        return Outcome.IGNORED
    if envelope.position is not None:
        envelope = replace(envelope, position=replace(envelope.position, replayed=True))
    (outcome,) = await subscription.handle([envelope])
    return outcome


def _object_id(text: str) -> ObjectId:
    """The id that nothing has, for what is none."""
    return ObjectId(text) if ObjectId.is_valid(text) else ObjectId(bytes(12))
