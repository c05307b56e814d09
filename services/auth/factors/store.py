"""The challenges' documents: one per log-in that waits for a second factor."""

from datetime import datetime

from pymongo import IndexModel

from shared.plumbing.mongo import Database, Document

INDEXES = (IndexModel([("expires_at", 1)], name="expired", expireAfterSeconds=0),)


class ChallengeStore:
    """A challenge is there until it is used or expires."""

    def __init__(self, database: Database) -> None:
        self._challenges = database["challenges"]

    async def insert(self, challenge: Document) -> None:
        """Store a new one."""
        await self._challenges.insert_one(challenge)

    async def attempt(self, challenge_id: str, now: datetime, most: int) -> Document | None:
        """Count one try. None if it is not there, has expired, or was tried that often."""
        which = {"_id": challenge_id, "expires_at": {"$gt": now}, "tries": {"$lt": most}}
        found: Document | None = await self._challenges.find_one_and_update(which, {"$inc": {"tries": 1}})
        return found

    async def remove(self, challenge_id: str) -> bool:
        """Use it up. False if somebody else has."""
        return (await self._challenges.delete_one({"_id": challenge_id})).deleted_count > 0
