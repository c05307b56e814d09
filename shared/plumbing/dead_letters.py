"""Records set aside because trying again cannot help, kept in MongoDB before their offset is committed.

One document per (group, topic, partition, offset), so a batch that comes again sets nothing aside twice.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from pymongo import IndexModel, UpdateOne

from shared.plumbing.clock import Clock, ClockNotSetError
from shared.plumbing.errors import Unavailable
from shared.plumbing.metrics import DEAD_LETTERS
from shared.plumbing.mongo import Collection, Document, ensure_indexes, is_infrastructure_fault
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.producer import ProducerUnavailableError
from shared.plumbing.records import DataFault, RawRecord, from_record

log = structlog.get_logger()

RETURNING = ("unknown-type", "unknown-version")  # a newer release of ours will know them
_MAX_KEPT = 8_000_000  # bytes; a document holds 16 MB
_SHOWN = 2_000
_SEALED = re.compile(r"sealed:v\d+:[A-Za-z0-9_=-]+")


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
        place = [("group", 1), ("topic", 1), ("partition", 1), ("offset", 1)]
        await ensure_indexes(
            self._collection,
            [IndexModel(place, name="place", unique=True), IndexModel([("status", 1), ("at", 1)], name="status")],
        )

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
                            "record": _stored(fault.record),
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

    async def list(self, which: Document, *, status: str = "open", limit: int = 100) -> list[Document]:
        """Those that match `which`, newest first, in a form for people: sealed fields are not shown."""
        cursor = self._collection.find({**which, "status": status}).sort("at", -1).limit(limit)
        return [_for_people(document) async for document in cursor]

    async def replay(self, group: str, subscription: Subscription, which: Document) -> dict[str, int]:
        """Run the normal handler on the open dead letters of `group` that match `which`.

        Returns how many ended as what. One that still cannot be decoded or handled stays open. Doing it twice does
        no harm: handlers are idempotent, and what is older than the state is reported as superseded.
        """
        types = {message.type_name(): message for message in subscription.messages}
        counts: dict[str, int] = {}
        async for document in self._collection.find({**which, "group": group, "status": "open"}).sort("at", 1):
            try:
                envelope = from_record(_restored(document), types)
                outcomes = await subscription.handle([envelope]) if envelope else [Outcome.IGNORED]
            except DataFault:
                result = "open"
            except Exception as exc:
                if passes(exc):
                    raise
                log.exception("dead_letter_not_replayed", group=group, letter=str(document["_id"]))
                result = "open"
            else:
                result = "superseded" if outcomes[0] is Outcome.SUPERSEDED else "replayed"
                await self._close(document, result, str(outcomes[0]))
            counts[result] = counts.get(result, 0) + 1
        return counts

    async def replay_returning(self, group: str, subscription: Subscription) -> None:
        """At start: replay what an older release could not know and this one does."""
        counts = await self.replay(group, subscription, {"reason": {"$in": list(RETURNING)}})
        if set(counts) - {"open"}:
            log.info("dead_letters_replayed", group=group, **counts)

    async def discard(self, letter: Document, reason: str) -> int:
        """Close open dead letters matching `letter`, saying why. Returns how many."""
        done = await self._collection.update_many(
            {**letter, "status": "open"},
            {"$set": {"status": "discarded", "closed_because": reason, "closed_at": self._clock.now()}},
        )
        return done.modified_count

    async def _close(self, document: Document, status: str, because: str) -> None:
        await self._collection.update_one(
            {"_id": document["_id"]},
            {"$set": {"status": status, "closed_because": because, "closed_at": self._clock.now()}},
        )


def _stored(record: RawRecord) -> Document:
    size = len(record.key or b"") + len(record.value or b"") + sum(len(raw or b"") for _, raw in record.headers)
    if size > _MAX_KEPT:  # compressed, it may be far larger than any document
        return {"key": None, "value": (record.value or b"")[:_SHOWN], "headers": [], "timestamp": 0, "cut": True}
    return {
        "key": record.key,
        "value": record.value,
        # As bytes, because a name that is no text has no place in a document.
        "headers": [[name.encode(errors="surrogatepass"), raw] for name, raw in record.headers],
        "timestamp": record.timestamp,
    }


def _restored(document: Document) -> RawRecord:
    kept = document["record"]
    if "cut" in kept:
        raise DataFault("unreadable-record", "too large to be kept")
    return ConsumerRecord(
        topic=document["topic"],
        partition=document["partition"],
        offset=document["offset"],
        timestamp=kept["timestamp"],
        timestamp_type=0,
        key=kept["key"],
        value=kept["value"],
        checksum=None,
        serialized_key_size=len(kept["key"] or b""),
        serialized_value_size=len(kept["value"] or b""),
        headers=tuple((_name(name), raw) for name, raw in kept["headers"]),
    )


def _name(stored: bytes | str) -> str:
    return stored if isinstance(stored, str) else stored.decode(errors="surrogatepass")


def _text(raw: bytes | None, limit: int) -> str | None:
    return None if raw is None else _SEALED.sub("[sealed]", raw[:limit].decode(errors="replace"))


def _for_people(document: Document) -> Document:
    kept = document["record"]
    shown = {name: document[name] for name in ("group", "topic", "partition", "offset", "reason", "detail", "status")}
    return shown | {
        "id": str(document["_id"]),
        "at": document["at"].isoformat(),
        "key": _text(kept["key"], 200),
        "headers": {
            _name(name).encode(errors="backslashreplace").decode(): _text(raw, 200) for name, raw in kept["headers"]
        },
        "value": _text(kept["value"], _SHOWN),
    }
