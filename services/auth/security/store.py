"""The security log: one document per event, kept for a year."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from pymongo import IndexModel

from services.auth.domain import Cause, SecurityEvent
from services.auth.tokens import new_id
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Database, Document, DriverSession

KEPT = timedelta(days=365)
_MAX_USER_AGENT = 200

INDEXES = (
    IndexModel([("user_id", 1), ("at", -1), ("_id", -1)], name="user"),
    IndexModel([("at", 1)], name="expired", expireAfterSeconds=int(KEPT.total_seconds())),
)


class SecurityLog:
    """What happened to accounts, for their owners."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._events = database["security_events"]
        self._clock = clock

    async def add(self, events: Sequence[SecurityEvent], cause: Cause, session: DriverSession | None = None) -> None:
        """Keep these. With a session they belong to its transaction."""
        now = self._clock.now()
        documents: list[Document] = [
            {
                "_id": new_id(),
                "user_id": one.user_id,
                "at": now,
                "kind": one.kind,
                "details": dict(one.details),
                "network": cause.network,
                "user_agent": cause.user_agent[:_MAX_USER_AGENT],
                "correlation_id": cause.correlation_id,
            }
            for one in events
        ]
        if documents:
            await self._events.insert_many(documents, session=session)

    async def all_of(self, user_id: str) -> AsyncIterator[Document]:
        """Everything that is kept of the user, for the user, the newest first."""
        told = {"_id": 0, **dict.fromkeys(("at", "kind", "details", "network", "user_agent"), 1)}
        async for one in self._events.find({"user_id": user_id}, told).sort([("at", -1), ("_id", -1)]):
            yield one

    async def forget(self, user_id: str) -> None:
        """Keep nothing of the user."""
        await self._events.delete_many({"user_id": user_id})
