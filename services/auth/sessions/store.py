"""The sessions' documents: one per family of refresh tokens."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from services.auth.domain import SECOND_FACTOR, Cause, SecurityEvent
from services.auth.security.store import SecurityLog
from shared.plumbing.mongo import Database, Document, DriverSession

_TOLD: Document = {
    "_id": 0,
    "id": "$_id",
    **dict.fromkeys(("client", "amr", "network", "user_agent", "created_at", "rotated_at", "expires_at"), 1),
    **dict.fromkeys(("proved_at", "ended_at", "ended_because"), 1),
}


class SessionStore:
    """A family stands until it is ended or expires."""

    def __init__(self, database: Database, log: SecurityLog) -> None:
        self._sessions = database["sessions"]
        self._log = log

    async def insert(self, session: Document, event: SecurityEvent, cause: Cause) -> None:
        """Store a new family, and that it began."""

        async def write(transaction: DriverSession) -> None:
            await self._sessions.insert_one(session, session=transaction)

        await self._log.together(write, lambda _: (event,), cause)

    async def rotate(self, session_id: str, count: int, now: datetime) -> Document | None:
        """Raise the count of a standing family from `count`. None if there is none with this count."""
        which = {**_standing(now), "_id": session_id, "count": count}
        change = {"$inc": {"count": 1}, "$set": {"rotated_at": now}}
        rotated: Document | None = await self._sessions.find_one_and_update(which, change, return_document=True)
        return rotated

    async def find(self, session_id: str, now: datetime) -> Document | None:
        """The family, if it stands."""
        return await self._sessions.find_one({**_standing(now), "_id": session_id})

    async def prove(self, session_id: str, now: datetime, amr: Sequence[str]) -> bool:
        """Note a fresh proof, and by what, beside the ways that were used before. False if it does not stand."""
        change = {"$set": {"proved_at": now}, "$addToSet": {"amr": {"$each": list(amr)}}}
        return (await self._sessions.update_one({**_standing(now), "_id": session_id}, change)).matched_count > 0

    async def end_others(self, user_id: str, session_id: str, now: datetime, because: str) -> int:
        """End all families of the user but this one. Returns how many stood."""
        return await self._end_many({"user_id": user_id, "_id": {"$ne": session_id}}, now, because)

    async def end_one_factor(self, user_id: str, now: datetime, because: str) -> int:
        """End all families of the user in which no second factor was given. Returns how many stood."""
        return await self._end_many({"user_id": user_id, "amr": {"$ne": SECOND_FACTOR}}, now, because)

    async def _end_many(self, which: Document, now: datetime, because: str) -> int:
        change = {"$set": {"ended_at": now, "ended_because": because}}
        return (await self._sessions.update_many({**which, "ended_at": None}, change)).modified_count

    async def end(
        self,
        session_id: str,
        now: datetime,
        because: str,
        event_of: Callable[[Document], SecurityEvent],
        cause: Cause,
        *,
        user_id: str | None = None,
    ) -> bool:
        """End a family, of this user if one is given, and log it. False if there is none, or it had ended."""
        which = {"_id": session_id, "ended_at": None, **({"user_id": user_id} if user_id is not None else {})}
        change = {"$set": {"ended_at": now, "ended_because": because}}

        async def write(transaction: DriverSession) -> Document | None:
            ended: Document | None = await self._sessions.find_one_and_update(which, change, session=transaction)
            return ended

        return await self._log.together(write, lambda ended: (event_of(ended),) if ended else (), cause) is not None

    async def knows(self, user_id: str, network: str) -> bool:
        """Whether the user has given both factors in this network lately."""
        which = {"user_id": user_id, "network": network, "amr": SECOND_FACTOR}
        return await self._sessions.find_one(which, {"_id": 1}) is not None

    async def keep(self, session_id: str, user_id: str, now: datetime, spared: datetime) -> None:
        """Note that this family was spared when all sessions ended at that moment."""
        which = {**_standing(now), "_id": session_id, "user_id": user_id}
        await self._sessions.update_one(which, {"$set": {"kept_at": spared}})

    async def all_of(self, user_id: str) -> AsyncIterator[Document]:
        """What is kept of every family of the user, for the user, the newest first."""
        async for one in self._sessions.find({"user_id": user_id}, _TOLD).sort("created_at", -1):
            yield one

    async def forget(self, user_id: str) -> None:
        """Keep nothing of the user's families."""
        await self._sessions.delete_many({"user_id": user_id})

    async def of(self, user_id: str, since: datetime, now: datetime, limit: int) -> list[Document]:
        """The user's standing families that began, or were spared, since a moment; the newest first."""
        which = {
            **_standing(now),
            "user_id": user_id,
            "$or": [{at: {"$gte": since}} for at in ("created_at", "kept_at")],
        }
        return await self._sessions.find(which).sort("created_at", -1).limit(limit).to_list()


def _standing(now: datetime) -> Document:
    return {"ended_at": None, "expires_at": {"$gt": now}}
