"""Databases that tests take in turn."""

import asyncio
import itertools
import secrets
from collections.abc import Iterator

from shared.plumbing.mongo import Client, Database, connect


class Databases:
    """Databases that stay for the whole run: making collections and indexes takes longer than most tests."""

    def __init__(self, mongo_url: str) -> None:
        self._mongo_url = mongo_url
        self._run = secrets.token_hex(4)
        self._turns: dict[str, Iterator[str]] = {}
        self._used: set[str] = set()

    async def take(self, client: Client, owner: str) -> Database:
        """An empty one of this owner's; its indexes are those that earlier tests of the same owner made."""
        # Not the one of the test before, whose killed processes may still write for a moment.
        turns = self._turns.setdefault(owner, itertools.cycle(f"test_{self._run}_{owner}_{n}" for n in range(2)))
        return await self._emptied(client[next(turns)])

    async def standing(self, client: Client, owner: str) -> Database:
        """The same each time, empty, for an owner whose service knows no other."""
        return await self._emptied(client[f"test_{self._run}_{owner}"])

    async def _emptied(self, database: Database) -> Database:
        self._used.add(database.name)
        for name in await database.list_collection_names():
            collection = database[name]
            await (collection.drop() if name.startswith("system.") else collection.delete_many({}))
        return database

    async def drop(self) -> None:
        """Leave nothing behind on a server that goes on."""
        client = connect(self._mongo_url, app_name="tests")
        try:
            await asyncio.gather(*(client.drop_database(name) for name in self._used))
        finally:
            await client.close()
