"""The stored feed, from which every replica serves every client (messaging §8).

One consumer group fills it; `_id` is topic:partition:offset. Within a partition entries become visible in the
order of their offsets, so a reader who has seen one has seen all before it. What is replayed has a part of its own.
"""

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from pymongo import IndexModel
from pymongo.asynchronous.change_stream import AsyncChangeStream

from services.notifier.cursor import REPLAYED, REPLAYED_PARTS, Cursor, part_name
from services.notifier.domain import FEED_KEPT
from shared.contracts.envelope import Envelope, Message
from shared.plumbing.mongo import (
    Database,
    Document,
    DriverSession,
    ensure_indexes,
    insert_in_order,
    insert_new,
    is_duplicate_key,
)

# Entries outlive the cursors that may need them, also when a write was held up.
_MARGIN = timedelta(hours=1)
# An event comes by another topic than the state that it leads to, and mostly sooner. Behind by more than a minute the
# state's consumer raises an alert (`ConsumerBehind`).
STATE_MAY_LAG = timedelta(minutes=10)
_WATCHED = ["feed", "installations", "workspaces"]
_INSTALLATION = "event.data.installation_id"
POLL_MS = 1_000


def entry(envelope: Envelope[Message], audience: str, now: datetime) -> Document:
    """How an event is kept. `audience` is who may see it: `workspace:<id>`, or the scope of a notice."""
    position = envelope.position
    if position is None:
        raise ValueError("only a received message has a position")
    return {
        "_id": f"{position.topic}:{position.partition}:{position.offset}",
        "part": part_name(position.topic, REPLAYED if position.replayed else position.partition),
        "offset": position.offset,
        "audience": audience,
        "event": {
            "id": envelope.id,
            "type": envelope.type,
            "time": envelope.time,
            "seq": envelope.seq,
            "correlation_id": envelope.correlation_id,
            "data": envelope.data.model_dump(mode="json"),
        },
        "forget_at": now + FEED_KEPT + _MARGIN,
    }


class FeedStore:
    """Entries, their ends, and what is new."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._feed = database["feed"]
        self._ends = database["feed_ends"]

    async def prepare(self) -> None:
        """Create the indexes, and where the ends of what is replayed are kept."""
        await ensure_indexes(
            self._feed,
            [
                IndexModel([("audience", 1), ("part", 1), ("offset", 1)], name="reader"),
                IndexModel([("part", 1), ("offset", -1)], name="ends"),
                IndexModel(
                    [(_INSTALLATION, 1), ("event.seq", 1)],
                    name="installation",
                    partialFilterExpression={_INSTALLATION: {"$exists": True}},
                ),
                IndexModel([("forget_at", 1)], name="forget", expireAfterSeconds=0),
            ],
        )
        await insert_new(self._ends, [{"_id": part} for part in REPLAYED_PARTS])

    async def append(self, entries: Sequence[Document]) -> list[bool]:
        """Store entries, one partition's in offset order. Tells for each whether it is new."""
        if not entries:
            return []
        if any(one["part"] in REPLAYED_PARTS for one in entries):  # by whoever replays, one letter after the other
            return [await self._append_replayed(one) for one in entries]
        # Ordered, else a reader could see an offset before a smaller one, and go past that.
        known = await insert_in_order(self._feed, entries)
        return [index not in known for index in range(len(entries))]

    async def _append_replayed(self, entry: Document) -> bool:
        """Behind all of its part that anybody can have read, however many replay at this moment."""
        least = int(
            (entry["forget_at"] - FEED_KEPT - _MARGIN).timestamp() * 1_000_000
        )  # beyond those that are forgotten
        following = {"$max": [{"$add": [{"$ifNull": ["$offset", 0]}, 1]}, least]}

        async def place(transaction: DriverSession) -> None:
            # Whoever changes this before the commit is sent back, so entries become visible in the order of offsets.
            end = await self._ends.find_one_and_update(
                {"_id": entry["part"]}, [{"$set": {"offset": following}}], return_document=True, session=transaction
            )
            offset = least if end is None else end["offset"]
            await self._feed.insert_one({**entry, "offset": offset}, session=transaction)

        try:
            async with self._database.client.start_session() as session:
                await session.with_transaction(place)
        except Exception as exc:
            if is_duplicate_key(exc):
                return False
            raise
        return True

    async def ends(self) -> dict[str, int]:
        """The newest offset of each partition that has entries."""
        cursor = await self._feed.aggregate(
            [
                {"$sort": {"part": 1, "offset": -1}},
                {"$group": {"_id": "$part", "offset": {"$first": "$offset"}}},
            ]
        )
        return {document["_id"]: document["offset"] async for document in cursor}

    async def before_the_state(self, now: datetime) -> Cursor:
        """Before every event whose effect the projection may lack: for a snapshot, whose readers compare `seq`."""
        settled = now - STATE_MAY_LAG
        older = {"forget_at": {"$lt": settled + FEED_KEPT + _MARGIN}}
        newest = {
            part: await self._feed.find_one({"part": part, **older}, {"offset": 1}, sort=[("offset", -1)])
            for part in await self.ends()
        }
        return Cursor(settled, {part: found["offset"] for part, found in newest.items() if found is not None})

    async def page(self, audiences: Collection[str], cursor: Cursor, limit: int) -> list[Document]:
        """Entries after `cursor`: each partition in its order, one partition after the other."""
        which = {"audience": {"$in": sorted(audiences)}, "$or": _beyond(cursor.offsets)}
        return await self._feed.find(which).sort([("part", 1), ("offset", 1)]).limit(limit).to_list()

    async def whole_page(self, cursor: Cursor, limit: int) -> tuple[list[Document], bool]:
        """As `page` for whoever may see everything, and whether there is more.

        A busy partition takes its share of a page and no more, so none is kept from its turn.
        """
        unread = [part for part, end in sorted((await self.ends()).items()) if end > cursor.offsets.get(part, -1)]
        share = max(1, limit // max(1, len(unread)))
        found: list[Document] = []
        more = False
        for part in unread:
            room = min(share, limit - len(found))
            if not room:
                return found, True
            which = {"part": part, "offset": {"$gt": cursor.offsets.get(part, -1)}}
            entries = await self._feed.find(which).sort("offset", 1).limit(room + 1).to_list()
            more = more or len(entries) > room
            found += entries[:room]
        return found, more

    async def of_installation(self, installation_id: str, seq: int, limit: int = 100) -> list[Document]:
        """Its events after `seq` by their `seq`, which has no gaps but for what is forgotten; doubles are in it."""
        which = {_INSTALLATION: installation_id, "event.seq": {"$gt": seq}}
        found = self._feed.find(which, {"event": 1}).sort("event.seq", 1).limit(limit)
        return [entry["event"] async for entry in found]

    async def news(self, ends: Mapping[str, int], limit: int = 5_000) -> list[Document]:
        """What came after `ends`, whoever it is for: part, offset and audience only."""
        found = self._feed.find({"$or": _beyond(ends)}, {"_id": 0, "part": 1, "offset": 1, "audience": 1})
        return await found.sort([("part", 1), ("offset", 1)]).limit(limit).to_list()

    @contextlib.asynccontextmanager
    async def changes(self) -> AsyncIterator["Changes"]:
        """One change stream over everything that clients follow; begins now. Raises the driver's errors."""
        pipeline: list[Document] = [{"$match": {"ns.coll": {"$in": _WATCHED}}}, {"$project": {"_id": 1}}]
        async with await self._database.watch(pipeline, max_await_time_ms=POLL_MS, batch_size=1) as stream:
            yield Changes(stream)


class Changes:
    """Says that something changed, not what."""

    def __init__(self, stream: AsyncChangeStream[Document]) -> None:
        self._stream = stream

    async def wait(self) -> bool:
        """True at the first change, False after a second without any."""
        return await self._stream.try_next() is not None


def _beyond(offsets: Mapping[str, int]) -> list[Document]:
    known: list[Document] = [{"part": part, "offset": {"$gt": offset}} for part, offset in offsets.items()]
    return [*known, {"part": {"$nin": list(offsets)}}]
