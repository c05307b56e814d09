"""The security log: one document per event, kept for a year."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from pymongo import IndexModel, UpdateOne

from services.auth.domain import Cause, SecurityEvent, SecurityKind
from services.auth.tokens import new_id
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Database, Document, DriverSession

Done = TypeVar("Done")
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

    async def together(
        self,
        write: Callable[[DriverSession], Awaitable[Done]],
        events_of: Callable[[Done], Sequence[SecurityEvent]],
        cause: Cause,
    ) -> Done:
        """Write, and log what came of it: both, or neither."""

        async def both(session: DriverSession) -> Done:
            done = await write(session)
            await self.add(events_of(done), cause, session)
            return done

        async with self._events.database.client.start_session() as session:
            return await session.with_transaction(both)

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
                **_where_from(cause, one.user_id),
            }
            for one in events
        ]
        if documents:
            await self._events.insert_many(documents, session=session)

    async def count(self, found: Mapping[tuple[str, SecurityKind], tuple[int, Cause]]) -> None:
        """Add to how often something happened to a user in this hour (user id and kind; how often, the newest cause).

        One document an hour, however often: whoever knocks at a door a million times fills one line.
        """
        now = self._clock.now()
        writes = [
            UpdateOne(
                {"_id": f"{user_id}:{kind}:{now:%Y%m%d%H}"},
                {
                    "$inc": {"count": times},
                    "$set": {"last_at": now, **_where_from(cause, user_id)},
                    "$setOnInsert": {"user_id": user_id, "kind": kind, "at": now, "details": {}},
                },
                upsert=True,
            )
            for (user_id, kind), (times, cause) in found.items()
        ]
        if writes:
            await self._events.bulk_write(writes, ordered=False)

    async def of(self, user_id: str, before: tuple[datetime, str] | None, limit: int) -> list[Document]:
        """What happened to somebody, the newest first, from before a position."""
        which: Document = {"user_id": user_id}
        if before is not None:
            at, event_id = before
            which["$or"] = [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": event_id}}]
        return await self._events.find(which).sort([("at", -1), ("_id", -1)]).limit(limit).to_list()

    async def all_of(self, user_id: str) -> AsyncIterator[Document]:
        """Everything that is kept of the user, for the user, the newest first."""
        told = {"_id": 0, **dict.fromkeys(("at", "kind", "details", "network", "user_agent"), 1)}
        async for one in self._events.find({"user_id": user_id}, told).sort([("at", -1), ("_id", -1)]):
            yield one

    async def forget(self, user_id: str) -> None:
        """Keep nothing of the user."""
        await self._events.delete_many({"user_id": user_id})


def _where_from(cause: Cause, user_id: str) -> Document:
    own = cause.actor_id in (None, user_id)  # nobody reads in their log where somebody else sits
    return {
        "network": cause.network if own else "",
        "user_agent": cause.user_agent[:_MAX_USER_AGENT] if own else "",
        "correlation_id": cause.correlation_id,
    }
