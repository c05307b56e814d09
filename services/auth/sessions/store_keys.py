"""The signing keys' documents, numbered in the order in which they were made."""

from shared.plumbing.mongo import Database, Document, insert_new


class KeyStore:
    """Any number of processes make keys; each number is made once."""

    def __init__(self, database: Database) -> None:
        self._keys = database["signing_keys"]

    async def add(self, key: Document) -> bool:
        """Store a key. False if its number is taken."""
        return not await insert_new(self._keys, [key])

    async def all(self) -> list[Document]:
        """Every key, the oldest first."""
        return await self._keys.find().sort("_id", 1).to_list()
