"""How the database found what it was asked for: the plans of real operations, as its profiler notes them."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from shared.plumbing.mongo import Database, Document


@dataclass
class Plans:
    """The operations of one database while it was watched; filled when the watch ends."""

    operations: list[Document] = field(default_factory=list)

    def of(self, collection: str) -> list[str]:
        """Summaries such as `IXSCAN { _id: 1 }`, one for each operation that looked for something."""
        return [one["planSummary"] for one in self._in(collection)]

    def faults(self, *collections: str, most: int) -> list[str]:
        """What scanned a collection, or looked at more than `most` documents or keys."""
        return [
            f"{name}: {one['planSummary']} looked at {looked_at}: {one['command']}"
            for name in collections
            for one in self._in(name)
            if (looked_at := max(one.get("docsExamined", 0), one.get("keysExamined", 0))) > most
            or "COLLSCAN" in one["planSummary"]
        ]

    def _in(self, collection: str) -> list[Document]:
        return [one for one in self.operations if one["ns"].partition(".")[2] == collection and "planSummary" in one]


@contextlib.asynccontextmanager
async def watched(database: Database) -> AsyncIterator[Plans]:
    """Note the plan of every operation on `database` inside the block."""
    plans = Plans()
    for name in await database.list_collection_names(filter={"name": {"$regex": "^(?!system)"}}):
        await database.command("planCacheClear", name)  # of plans that were good for other documents
    await database.command("profile", 2)
    try:
        yield plans
    finally:
        await database.command("profile", 0)
        plans.operations += await database["system.profile"].find().sort("ts", 1).to_list()
