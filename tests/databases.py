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
        return await self.empty(client, next(turns))

    def standing(self, owner: str) -> str:
        """The name of the one database of an owner whose service stands, and knows no other."""
        return f"test_{self._run}_{owner}"

    async def empty(self, client: Client, name: str) -> Database:
        """The database of this name with nothing in it but indexes."""
        database = client[name]
        self._used.add(name)
        for one in await database.list_collection_names():
            collection = database[one]
            await (collection.drop() if one.startswith("system.") else collection.delete_many({}))
        return database

    async def drop(self) -> None:
        """Leave nothing behind on a server that goes on."""
        client = connect(self._mongo_url, app_name="tests")
        try:
            await asyncio.gather(*(client.drop_database(name) for name in self._used))
        finally:
            await client.close()
