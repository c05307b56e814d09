"""Events, stored in the document whose change they tell, and sent from there.

A document with an outbox has two fields: `outbox`, the entries in `seq` order, and `outbox_since`, a date as
long as any entry is pending (a partial index on it finds them). The writer hands its entries to the relay
right after its write, without waiting; a sweeper sends what a crash or a full buffer left behind. Ids are
deterministic, so a second sending is a duplicate with the same `ce_id`, never a second event.

Sent entries wait a moment to be cleared: whoever writes the document next takes them along (`take`), which spares
an update for nearly every event. What nobody took is cleared by itself.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

import structlog
from pymongo import IndexModel, UpdateOne

from shared.contracts.envelope import Envelope, Message
from shared.plumbing import failpoints
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Collection, Document, as_a_majority_has_it
from shared.plumbing.producer import Producer, ProducerUnavailableError
from shared.plumbing.records import Record, to_record

log = structlog.get_logger()

SWEEP_SECONDS = 1.0
LEFT_BEHIND_AFTER = timedelta(seconds=2)  # the writer's own relay needs milliseconds
CAPACITY = 20_000
BATCH = 500
# Longer than the next step of a quick document and than a state record's wait, shorter than the sweeper's patience.
CLEAR_SECONDS = 0.5

OUTBOX_INDEX = IndexModel(
    [("outbox_since", 1)], name="outbox_pending", partialFilterExpression={"outbox_since": {"$type": "date"}}
)

Clear = Callable[[Mapping[str, Sequence[str]]], Awaitable[None]]


def stored(envelope: Envelope[Message]) -> Document:
    """The outbox entry for `envelope`, ready to be pushed into its document."""
    record = to_record(envelope)
    return {
        "id": envelope.id,
        "topic": record.topic,
        "key": record.key.decode(),
        "value": (record.value or b"").decode(),
        "headers": {name: raw.decode() for name, raw in record.headers},
    }


def _record(entry: Document) -> Record:
    return Record(
        topic=entry["topic"],
        key=entry["key"].encode(),
        value=entry["value"].encode(),
        headers=tuple((name, text.encode()) for name, text in entry["headers"].items()),
    )


def without_sent(ids: Sequence[str]) -> Document:
    """An aggregation `$set` stage pair's content: the outbox less the sent entries, as the server has it now."""
    return {"$filter": {"input": "$outbox", "cond": {"$not": {"$in": ["$$this.id", list(ids)]}}}}


def clear_pipeline(ids: Sequence[str]) -> list[Document]:
    """Remove the sent entries and recompute, in the same update, whether anything is pending."""
    return [
        {"$set": {"outbox": without_sent(ids)}},
        {"$set": {"outbox_since": {"$cond": [{"$gt": [{"$size": "$outbox"}, 0]}, "$outbox_since", "$$REMOVE"]}}},
    ]


class Clearing(Protocol):
    """Lets others clear what was sent, together with a write of their own."""

    def take(self, document_id: str) -> Sequence[str]:
        """The ids of entries that were sent and are still in the document: the caller's write clears them."""
        ...

    def give_back(self, document_id: str, ids: Sequence[str]) -> None:
        """Taken, but not written. Clearing twice does no harm, so whoever does not know may say this."""
        ...


class OutboxRelay:
    """Sends the outboxes of one collection.

    `on_sent` may replace the clearing, where the same write must change more than the outbox; it gets the
    ids of the sent entries by document id.
    """

    def __init__(
        self, collection: Collection, producer: Producer, clock: Clock, *, on_sent: Clear | None = None
    ) -> None:
        self._collection = collection
        self._settled = as_a_majority_has_it(collection)
        self._producer = producer
        self._clock = clock
        self._on_sent = on_sent or self._clear
        self._queued: dict[str, dict[str, Document]] = {}
        self._sending: set[str] = set()
        self._news = asyncio.Event()
        # Sent and not yet cleared, the oldest first: when it was sent, and the ids.
        self._sent: dict[str, tuple[float, list[str]]] = {}
        self._clearing: asyncio.TimerHandle | None = None
        self._clears: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """The collection's."""
        return self._collection.name

    async def pending(self, limit: int) -> tuple[int, datetime | None]:
        """How many documents have unsent events (counted up to `limit`), and since when the oldest."""
        which: Document = {"outbox_since": {"$type": "date"}}
        oldest = await self._collection.find_one(which, {"outbox_since": 1}, sort=[("outbox_since", 1)])
        if oldest is None:
            return 0, None
        return await self._collection.count_documents(which, limit=limit), oldest["outbox_since"]

    def dispatch(self, document_id: str, entries: Sequence[Document]) -> None:
        """Send `entries` soon. Never waits; beyond its capacity it leaves them to the sweeper."""
        if not entries or (len(self._queued) >= CAPACITY and document_id not in self._queued):
            return
        waiting = self._queued.setdefault(document_id, {})
        waiting.update((entry["id"], entry) for entry in entries)
        self._news.set()

    def take(self, document_id: str) -> Sequence[str]:
        """See `Clearing`."""
        return self._sent.pop(document_id, (0.0, ()))[1]

    def give_back(self, document_id: str, ids: Sequence[str]) -> None:
        """See `Clearing`."""
        if ids:  # ripe at once: given back again and again, it would never be
            self._note_sent({document_id: ids}, since=float("-inf"))

    async def run(self) -> None:
        """Send what was dispatched, batch by batch, until cancelled; then clear what was sent."""
        try:
            await self._dispatch_all()
        finally:
            # Else every restart would send the last half second again.
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._clear_sent(everything=True), timeout=2.0)

    async def _dispatch_all(self) -> None:
        while True:
            await self._news.wait()
            if not self._producer.connected:
                await asyncio.sleep(0.2)
                continue
            # What the sweeper is sending waits for its end: newer events must not overtake.
            batch = dict(islice((item for item in self._queued.items() if item[0] not in self._sending), BATCH))
            if not batch:
                await asyncio.sleep(0.05)
                continue
            for document_id in batch:
                del self._queued[document_id]
            if not self._queued:
                self._news.clear()
            try:
                await self._deliver(batch)
            except Exception as exc:  # noqa: BLE001 - the entries are still in their documents for the sweeper
                log.warning("outbox_dispatch_failed", collection=self._collection.name, error=type(exc).__name__)

    async def sweep(self) -> None:
        """Send what others left behind, until cancelled. Any number of sweepers may run."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if not self._producer.connected:
                continue
            try:
                while await self._sweep_once(self._clock.now()):
                    pass
            except Exception as exc:  # noqa: BLE001 - the next round tries again
                log.warning("outbox_sweep_failed", collection=self._collection.name, error=type(exc).__name__)

    async def sweep_now(self) -> None:
        """Send what others left behind and clear it, once: for a command. Raises the driver's errors."""
        while await self._sweep_once(self._clock.now()):
            pass
        await self._clear_sent(everything=True)

    async def _sweep_once(self, now: datetime) -> bool:
        left = {"outbox_since": {"$type": "date", "$lt": now - LEFT_BEHIND_AFTER}}
        cursor = self._settled.find(left, {"outbox": 1}).sort("outbox_since", 1).limit(BATCH)
        found = {
            str(doc["_id"]): {entry["id"]: entry for entry in doc["outbox"]}
            async for doc in cursor
            if str(doc["_id"]) not in self._sent
        }
        sent = await self._deliver(found)
        if found:
            log.info("outbox_swept", collection=self._collection.name, found=len(found), sent=sent)
        more = len(found) == BATCH and sent == BATCH
        if more:  # else the next round would find the same again, and end
            await self._clear_sent(everything=True)
        return more

    async def _deliver(self, batch: Mapping[str, Mapping[str, Document]]) -> int:
        """Send every document's entries, and see that they are cleared. Returns how many documents are done."""
        mine = [document_id for document_id in batch if document_id not in self._sending]
        self._sending.update(mine)
        try:
            results = await asyncio.gather(*(self._send_in_order(list(batch[one].values())) for one in mine))
            sent = {one: ids for one, ids in zip(mine, results, strict=True) if ids}
            self._note_sent(sent, since=time.monotonic())
            return len(sent)
        finally:
            self._sending.difference_update(mine)

    def _note_sent(self, sent: Mapping[str, Sequence[str]], *, since: float) -> None:
        for document_id, ids in sent.items():
            self._sent.setdefault(document_id, (since, []))[1].extend(ids)
        if sent and self._clearing is None:
            self._clearing = asyncio.get_running_loop().call_later(CLEAR_SECONDS, self._begin_clearing)

    def _begin_clearing(self) -> None:
        self._clearing = None
        task = asyncio.create_task(self._clear_sent())
        self._clears.add(task)
        task.add_done_callback(self._clears.discard)

    async def _clear_sent(self, *, everything: bool = False) -> None:
        ripe = time.monotonic() - (0.0 if everything else CLEAR_SECONDS / 2)
        sent = {document_id: ids for document_id, (since, ids) in self._sent.items() if since <= ripe}
        for document_id in sent:
            del self._sent[document_id]
        try:
            if sent:
                failpoints.reached(failpoints.BEFORE_CLEARING)
                await self._on_sent(sent)
                failpoints.reached(failpoints.AFTER_CLEARING)
        except Exception as exc:  # noqa: BLE001 - the sweeper sends them again, as duplicates
            log.warning("outbox_not_cleared", collection=self._collection.name, error=type(exc).__name__)
        if self._sent and self._clearing is None and not everything:
            self._clearing = asyncio.get_running_loop().call_later(CLEAR_SECONDS / 2, self._begin_clearing)

    async def _send_in_order(self, entries: Sequence[Document]) -> list[str]:
        """Topic by topic in order; a failure stops that topic, so no later entry overtakes it."""
        by_topic: dict[str, list[Document]] = {}
        for entry in entries:
            by_topic.setdefault(entry["topic"], []).append(entry)
        sent = await asyncio.gather(*(self._send_topic(one) for one in by_topic.values()))
        return [entry_id for ids in sent for entry_id in ids]

    async def _send_topic(self, entries: Sequence[Document]) -> list[str]:
        sent: list[str] = []
        for entry in entries:
            try:
                await self._producer.send(_record(entry))
            except ProducerUnavailableError:
                break
            failpoints.reached(failpoints.AFTER_SENDING)
            sent.append(entry["id"])
        return sent

    async def _clear(self, sent: Mapping[str, Sequence[str]]) -> None:
        await self._collection.bulk_write(
            [UpdateOne({"_id": document_id}, clear_pipeline(ids)) for document_id, ids in sent.items()],
            ordered=False,
        )
