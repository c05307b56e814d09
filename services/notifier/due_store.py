"""Documents with a due time, worked off by any number of processes.

`due_at` says when, a lease says who is at it. A lease saves work and guards nothing: what must happen once is
guarded by ids and compare-and-set. It lasts 6 s and is renewed every 2 s by one update for all that is held.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from shared.plumbing.mongo import Collection, Document, is_infrastructure_fault
from shared.plumbing.tasks import end

log = structlog.get_logger()

LEASE_SECONDS = 6
RENEW_SECONDS = 2.0
LOOK_SECONDS = 5.0
"""How often a worker looks for what other processes have left; its own process rings for what is new."""
BUSY_SECONDS = 1.0
ASIDE_SECONDS = 60

_LEASE: Document = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE_SECONDS}}
# The type comes first: it is what the partial index is on, and a missing date would compare as the smallest.
_FREE: Document = {
    "due_at": {"$type": "date"},
    "$expr": {"$and": [{"$lte": ["$due_at", "$$NOW"]}, {"$lte": ["$lease_until", "$$NOW"]}]},
}


@dataclass
class Claim:
    """What one process works at. Documents are as they were when claimed."""

    documents: list[Document]
    renewed_at: float = field(default_factory=time.monotonic)

    @property
    def stands(self) -> bool:
        """Whether nobody else can have claimed these documents meanwhile."""
        return time.monotonic() - self.renewed_at < LEASE_SECONDS


class Due:
    """The due documents of one collection."""

    def __init__(self, collection: Collection, order: Sequence[str] = ("due_at",)) -> None:
        self._collection = collection
        self._order = [(name, 1) for name in order]

    @contextlib.asynccontextmanager
    async def claim(self, limit: int) -> AsyncIterator[Claim]:
        """Claim up to `limit` due documents, hold them, and let go of them at the end."""
        token = uuid.uuid4().hex
        started = time.monotonic()
        found = self._collection.find(_FREE, {"_id": 1}).sort(self._order).limit(limit)
        ids = [document["_id"] async for document in found]
        if not ids:
            yield Claim([])
            return
        mine = {"_id": {"$in": ids}, "lease": token}
        await self._collection.update_many(
            {"_id": {"$in": ids}, **_FREE}, [{"$set": {"lease": token, "lease_until": _LEASE}}]
        )
        claim = Claim(await self._collection.find(mine).sort(self._order).to_list(), started)
        holding = asyncio.create_task(self._hold(claim, mine))
        try:
            yield claim
        finally:
            await end(holding)
            with contextlib.suppress(Exception):  # otherwise the lease ends by itself
                await self._collection.update_many(mine, {"$unset": {"lease": "", "lease_until": ""}})

    async def work_off(self, limit: int, handle: Callable[[Document], Awaitable[None]]) -> bool:
        """Claim and handle due documents one by one; whether there were any.

        A document that its handler cannot deal with steps aside for a while: it must not stop the others.
        """
        async with self.claim(limit) as claim:
            for document in claim.documents:
                try:
                    await handle(document)
                except Exception as exc:
                    if is_infrastructure_fault(exc):
                        raise
                    await self.step_aside(document, exc)
        return bool(claim.documents)

    async def step_aside(self, document: Document, exc: Exception) -> None:
        """Log what went wrong, and make the document due later."""
        place = {"collection": self._collection.name, "document_id": document["_id"]}
        log.error("due_document_failed", exc_info=exc, **place)
        later: Document = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": ASIDE_SECONDS}}
        await self._collection.update_one({"_id": document["_id"]}, [{"$set": {"due_at": later}}])

    async def oldest(self) -> datetime | None:
        """When the first of all is, or was, due."""
        due = {"due_at": {"$type": "date"}}
        first = await self._collection.find_one(due, {"due_at": 1}, sort=[("due_at", 1)])
        return None if first is None else first["due_at"]

    async def pause(self, now: datetime) -> float:
        """Seconds until the next document is due, within bounds. What is due already is in other hands."""
        first = await self.oldest()
        if first is None:
            return LOOK_SECONDS
        seconds = (first - now).total_seconds()
        return min(seconds + 0.01, LOOK_SECONDS) if seconds > 0 else BUSY_SECONDS

    async def _hold(self, claim: Claim, mine: Document) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            now = time.monotonic()
            try:
                await self._collection.update_many(mine, [{"$set": {"lease_until": _LEASE}}])
            except Exception as exc:  # noqa: BLE001 - the holder sees by `stands` that the lease has run out
                log.warning("lease_not_renewed", collection=self._collection.name, error=type(exc).__name__)
            else:
                claim.renewed_at = now
