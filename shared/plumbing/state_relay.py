"""State records, sent from the document itself: the outbox holds only a mark that something changed.

A document has `version` (grows with each change), `state_marked_at` (a date while the newest version is not
known to be sent) and `state_sent_at`. The relay reads the document, sends that state, and clears the mark by
compare-and-set on the version; when that fails it reads and sends again. Sending from memory instead would
let a stopped process win the compaction with an old state.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from pymongo import IndexModel, UpdateOne

from shared.contracts.envelope import Envelope, StateMessage
from shared.plumbing.clock import Clock
from shared.plumbing.metrics import CONFLICTS, UNDECIDED
from shared.plumbing.mongo import Collection, Document, as_a_majority_has_it
from shared.plumbing.outbox import LEFT_BEHIND_AFTER, SWEEP_SECONDS, Clearing, clear_pipeline
from shared.plumbing.producer import Producer, ProducerUnavailableError
from shared.plumbing.records import Record, to_record, tombstone

log = structlog.get_logger()

BATCH = 500
CAPACITY = 50_000
# The changes of one document follow each other closely; one record tells them all. Every record spared saves an
# update here and one in each projection; a quick install would otherwise send four.
COALESCE_SECONDS = 0.15
UNTOLD_SECONDS = 60.0
_AGAIN = 5
RESEND_AFTER = timedelta(days=1)  # heals a projection or a topic that lost records, without anybody asking
TOMBSTONE_AFTER = timedelta(days=7)  # by then every projection has seen `deleted`

STATE_INDEXES = (
    IndexModel(
        [("state_marked_at", 1)], name="state_marked", partialFilterExpression={"state_marked_at": {"$type": "date"}}
    ),
    IndexModel(
        [("state_sent_at", 1)], name="state_sent_dated", partialFilterExpression={"state_sent_at": {"$type": "date"}}
    ),
)

Render = Callable[[Document], Envelope[StateMessage]]


class StateRelay:
    """Sends the state of the documents of one collection. `render` makes the record of a document.

    `without` names fields that `render` does not need, and that are not worth reading. `clearing` knows which of
    the documents' events were sent: they are cleared by the same update as the mark.
    """

    def __init__(
        self,
        collection: Collection,
        render: Render,
        producer: Producer,
        clock: Clock,
        *,
        without: Sequence[str] = (),
        clearing: Clearing | None = None,
    ) -> None:
        self._collection = collection
        self._settled = as_a_majority_has_it(collection)
        self._fields = dict.fromkeys(without, 0) or None
        self._clearing = clearing
        self._render = render
        self._producer = producer
        self._clock = clock
        self._queued: dict[str, None] = {}
        self._news = asyncio.Event()
        # What could not be rendered is left out by the sweeper for a while, else it would find nothing else.
        self._untold: set[str] = set()
        self._untold_until = 0.0

    @property
    def name(self) -> str:
        """The collection's."""
        return self._collection.name

    async def oldest_unsent(self) -> datetime | None:
        """Since when the oldest change is not known to be sent."""
        which = {"state_marked_at": {"$type": "date"}}
        oldest = await self._collection.find_one(which, {"state_marked_at": 1}, sort=[("state_marked_at", 1)])
        return None if oldest is None else oldest["state_marked_at"]

    def mark(self, document_ids: Iterable[str]) -> None:
        """Send these documents' state soon; their mark is already in the database. Never waits."""
        for document_id in document_ids:
            if len(self._queued) < CAPACITY:
                self._queued[document_id] = None
        if self._queued:
            self._news.set()

    async def run(self) -> None:
        """Send what was marked in this process, until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(COALESCE_SECONDS)
            if not self._producer.connected:
                await asyncio.sleep(0.2)
                continue
            batch = list(self._queued)[:BATCH]
            for document_id in batch:
                del self._queued[document_id]
            if not self._queued:
                self._news.clear()
            try:
                documents = await self._settled.find({"_id": {"$in": batch}}, self._fields).to_list()
                await self._send(documents)
            except Exception as exc:  # noqa: BLE001 - the next round tries again
                log.warning("state_dispatch_failed", collection=self._collection.name, error=type(exc).__name__)
                # Not all of them have a mark for the sweeper: what is sent again because it came late has none.
                self.mark(batch)
                await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Send what others left marked and what is due for its daily repetition, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if not self._producer.connected:
                continue
            try:
                now = self._clock.now()
                await self._sweep_all({"state_marked_at": {"$type": "date", "$lt": now - LEFT_BEHIND_AFTER}})
                await self._sweep_once({"state_sent_at": {"$type": "date", "$lt": now - RESEND_AFTER}})
            except Exception as exc:  # noqa: BLE001 - the next round tries again
                log.warning("state_sweep_failed", collection=self._collection.name, error=type(exc).__name__)

    async def resend_all(self) -> int:
        """Send the state of every document now. Returns how many."""
        count = 0
        batch: list[Document] = []
        async for document in self._settled.find({}, self._fields):
            batch.append(document)
            if len(batch) == BATCH:
                count += len(batch) - len(await self._send(batch))
                batch = []
        count += len(batch) - len(await self._send(batch))
        await self._send_queued()
        return count

    async def sweep_now(self) -> None:
        """Send what others left marked, once: for a command. Raises the driver's errors."""
        await self._sweep_all({"state_marked_at": {"$type": "date"}})
        await self._send_queued()

    async def _send_queued(self) -> None:
        """What changed while it was sent, once more: a command has no `run` that outlives it."""
        for _ in range(_AGAIN):
            if batch := list(self._queued):
                self._queued.clear()
                await self._send(await self._settled.find({"_id": {"$in": batch}}, self._fields).to_list())

    async def _sweep_all(self, which: Document) -> None:
        if time.monotonic() > self._untold_until:
            self._untold.clear()
            self._untold_until = time.monotonic() + UNTOLD_SECONDS
        while await self._sweep_once(which):
            pass

    async def _sweep_once(self, which: Document) -> bool:
        which = {**which, "_id": {"$nin": list(self._untold)}}
        documents = await self._settled.find(which, self._fields).limit(BATCH).to_list()
        again = await self._send(documents)
        return len(documents) == BATCH and not again

    async def _send(self, documents: list[Document]) -> list[str]:
        """Send and clear. Returns the ids whose newest version is to be sent again, which are in the queue then."""
        again = [str(document["_id"]) for document in documents]  # where this breaks off, nobody knows what came last
        try:
            again = await self._sent_in_vain(documents)
        finally:
            self.mark(again)
        return again

    async def _sent_in_vain(self, documents: list[Document]) -> list[str]:
        now = self._clock.now()
        rendered = {document["_id"]: self._rendered(document, now) for document in documents}
        records = {name: record for name, record in rendered.items() if record is not None}
        documents = [document for document in documents if document["_id"] in records]
        results = await asyncio.gather(*(self._send_one(records[document["_id"]]) for document in documents))
        sent = [document for document, done in zip(documents, results, strict=True) if done]
        unsent = [str(document["_id"]) for document, done in zip(documents, results, strict=True) if not done]
        if not sent:
            return unsent
        events = {one["_id"]: self._clearing.take(one["_id"]) if self._clearing else () for one in sent}
        clears = [_clear(document, events[document["_id"]], now) for document in sent]
        outcome = await self._collection.bulk_write(clears, ordered=False)
        if outcome.matched_count == len(sent):
            return unsent
        CONFLICTS.labels(self._collection.name).inc(len(sent) - outcome.matched_count)
        if self._clearing is not None:
            for document_id, taken in events.items():
                self._clearing.give_back(document_id, taken)  # some changed meanwhile, and nobody says which
        # Also where somebody else has told the newer version already: ours may have reached the topic after theirs,
        # and would win compaction.
        told = {document["_id"]: document["version"] for document in sent}
        fields = {"version": 1, "state_marked_at": 1}
        newest = await self._collection.find({"_id": {"$in": list(told)}}, fields).to_list()
        newer = [one for one in newest if "state_marked_at" in one or one["version"] != told[one["_id"]]]
        return [*unsent, *(str(one["_id"]) for one in newer)]

    def _rendered(self, document: Document, now: datetime) -> Record | None:
        """None where that fails: what a bug makes of one document must not keep the others back."""
        try:
            return self._record(document, self._render(document), now)
        except Exception:
            log.exception("state_not_rendered", collection=self._collection.name, document_id=document["_id"])
            UNDECIDED.labels(f"{self._collection.name} state").inc()
            self._untold.add(document["_id"])
            return None

    async def _send_one(self, record: Record) -> bool:
        try:
            await self._producer.send(record)
        except ProducerUnavailableError:
            return False
        return True

    @staticmethod
    def _record(document: Document, envelope: Envelope[StateMessage], now: datetime) -> Record:
        deleted_at = document.get("deleted_at")
        if envelope.data.deleted and deleted_at is not None and now - deleted_at > TOMBSTONE_AFTER:
            return tombstone(envelope.data.topic.name, envelope.data.key())
        return to_record(envelope)


def _clear(document: Document, events: Sequence[str], now: datetime) -> UpdateOne:
    which = {"_id": document["_id"], "version": document["version"]}
    if not events:
        return UpdateOne(which, {"$unset": {"state_marked_at": ""}, "$set": {"state_sent_at": now}})
    mark: Document = {"$set": {"state_marked_at": "$$REMOVE", "state_sent_at": now}}
    return UpdateOne(which, [*clear_pipeline(events), mark])
