"""MongoDB as far as the installer's stores know it: collections in memory, reached over a network that may fail.

Only what they use; anything else is an error. `tests/integration/model` holds it against real MongoDB.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol, Self, TypeVar, cast

from pymongo import IndexModel, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from shared.plumbing.mongo import DUPLICATE_KEY, Document
from tests.model.operators import ABSENT, bson, look, matches, updated

T = TypeVar("T")
Watch = Callable[[str, Document | None, Document], None]


class Network(Protocol):
    """The way of one process to a server."""

    async def reach(self, steps: Sequence[Callable[[], T]]) -> list[T]:
        """Take these steps at the server, in order, and bring back what they answer; or raise the driver's errors.

        What is raised says nothing about how many of them were taken.
        """
        ...


class PerfectNetwork:
    async def reach(self, steps: Sequence[Callable[[], T]]) -> list[T]:
        await asyncio.sleep(0)
        return [step() for step in steps]


class Store:
    """The server: documents by collection and `_id`. `watch` sees every write."""

    def __init__(self, now: Callable[[], datetime], watch: Watch | None = None) -> None:
        self.now = now
        self.watch = watch
        self.collections: dict[str, dict[Any, Document]] = {}
        self._unique: dict[str, dict[str, tuple[list[str], Document]]] = {}

    def all(self, name: str) -> dict[Any, Document]:
        return self.collections.setdefault(name, {})

    def index(self, name: str, indexes: Sequence[IndexModel]) -> None:
        for one in indexes:
            document = one.document
            if document.get("unique"):
                fields = list(document["key"])
                self._unique.setdefault(name, {})[document["name"]] = (
                    fields,
                    document.get("partialFilterExpression", {}),
                )

    def write(self, name: str, document: Document) -> None:
        """Put the whole document there. Raises DuplicateKeyError."""
        documents = self.all(name)
        for fields, only in self._unique.get(name, {}).values():
            if matches(document, only, self.now()):
                values = [look(document, field) for field in fields]
                for other in documents.values():
                    same = other["_id"] != document["_id"] and matches(other, only, self.now())
                    if same and [look(other, field) for field in fields] == values:
                        raise DuplicateKeyError(f"E11000 {name} {fields}", DUPLICATE_KEY)
        before = documents.get(document["_id"])
        if self.watch is not None:
            self.watch(name, before, document)
        documents[document["_id"]] = document

    def find(self, name: str, which: Mapping[str, Any]) -> list[Document]:
        now = self.now()
        return [document for document in self.all(name).values() if matches(document, which, now)]

    def insert(self, name: str, document: Document) -> tuple[int, int]:
        """Nothing matched, nothing is other than before. Raises DuplicateKeyError."""
        if document["_id"] in self.all(name):
            raise DuplicateKeyError(f"E11000 {name} _id", DUPLICATE_KEY)
        self.write(name, bson(document))
        return 0, 0

    def change(self, name: str, operation: UpdateOne | ReplaceOne[Any], *, many: bool = False) -> tuple[int, int]:
        """How many matched, and how many are other than before."""
        which: Document = dict(operation._filter)  # the driver has no public look at them
        change = cast("Any", operation._doc)
        replaces = isinstance(operation, ReplaceOne)
        found = self.find(name, which)[: None if many else 1]
        modified = 0
        for before in found:
            after = {"_id": before["_id"], **bson(change)} if replaces else updated(before, change, self.now())
            if after != before:
                self.write(name, after)
                modified += 1
        if not found and operation._upsert:
            made = {field: value for field, value in which.items() if not isinstance(value, dict)}
            after = {**made, **bson(change)} if replaces else updated(made, change, self.now(), new=True)
            after.setdefault("_id", len(self.all(name)) + 1)
            self.insert(name, after)
        return len(found), modified


class Database:
    """A process's view of the store."""

    def __init__(self, store: Store, network: Network) -> None:
        self._store = store
        self._network = network
        self.name = "model"

    def __getitem__(self, name: str) -> "Collection":
        return Collection(self._store, self._network, name)


class Cursor:
    """As the driver's: asks when it is read."""

    def __init__(self, read: Callable[[], Awaitable[list[Document]]]) -> None:
        self._read = read
        self._order: list[tuple[str, int]] = []
        self._limit: int | None = None

    def sort(self, key: str | list[tuple[str, int]], direction: int = 1) -> Self:
        self._order = [(key, direction)] if isinstance(key, str) else key
        return self

    def limit(self, limit: int) -> Self:
        self._limit = limit or None
        return self

    async def to_list(self) -> list[Document]:
        found = await self._read()
        for field, direction in reversed(self._order):
            found.sort(key=lambda one: _sortable(look(one, field)), reverse=direction < 0)
        return found[: self._limit]

    async def __aiter__(self) -> AsyncIterator[Document]:
        for document in await self.to_list():
            yield document


class Collection:
    def __init__(self, store: Store, network: Network, name: str) -> None:
        self._store = store
        self._network = network
        self.name = name

    def __getattr__(self, name: str) -> Callable[..., Awaitable[list[None]]]:
        """What this lacks is told through the network: as an AttributeError, services would take it for an outage."""

        def lacking() -> None:
            raise NotImplementedError(name)

        return lambda *_, **__: self._network.reach([lacking])

    async def create_indexes(self, indexes: Sequence[IndexModel]) -> None:
        await self._network.reach([lambda: self._store.index(self.name, indexes)])

    def with_options(self, **_: Any) -> Self:
        """There is one member, so a majority has everything at once."""
        return self

    # --- reading -----------------------------------------------------------------------------------------------------

    def find(self, which: Mapping[str, Any] | None = None, fields: Document | None = None, **_: Any) -> Cursor:
        return Cursor(lambda: self._found(which or {}, fields))

    async def find_one(self, which: Mapping[str, Any], fields: Document | None = None) -> Document | None:
        found = await self._found(which, fields)
        return found[0] if found else None

    async def count_documents(self, which: Mapping[str, Any]) -> int:
        return len(await self._found(which, None))

    async def distinct(self, field: str, which: Mapping[str, Any]) -> list[Any]:
        found = (look(one, field) for one in await self._found(which, None))
        return [value for value in dict.fromkeys(found) if value is not ABSENT]

    async def _found(self, which: Mapping[str, Any], fields: Document | None) -> list[Document]:
        (found,) = await self._network.reach(
            [lambda: [_projected(one, fields) for one in self._store.find(self.name, which)]]
        )
        return found

    # --- writing -----------------------------------------------------------------------------------------------------

    async def insert_one(self, document: Document) -> None:
        await self._network.reach([lambda: self._store.insert(self.name, document)])

    async def insert_many(self, documents: Sequence[Document], *, ordered: bool = True) -> None:
        if ordered:
            raise NotImplementedError
        await self._bulk([partial(self._store.insert, self.name, one) for one in documents])

    async def update_one(self, which: Document, update: Any, *, upsert: bool = False) -> SimpleNamespace:
        operation = UpdateOne(which, update, upsert=upsert)
        ((matched, modified),) = await self._network.reach([lambda: self._store.change(self.name, operation)])
        return SimpleNamespace(matched_count=matched, modified_count=modified)

    async def update_many(self, which: Document, update: Any) -> SimpleNamespace:
        operation = UpdateOne(which, update)
        ((matched, modified),) = await self._network.reach(
            [lambda: self._store.change(self.name, operation, many=True)]
        )
        return SimpleNamespace(matched_count=matched, modified_count=modified)

    async def replace_one(self, which: Document, document: Document) -> SimpleNamespace:
        operation: ReplaceOne[Any] = ReplaceOne(which, document)
        ((matched, modified),) = await self._network.reach([lambda: self._store.change(self.name, operation)])
        return SimpleNamespace(matched_count=matched, modified_count=modified)

    async def bulk_write(self, operations: Sequence[Any], *, ordered: bool = True) -> SimpleNamespace:
        if ordered:
            raise NotImplementedError
        return await self._bulk([partial(self._store.change, self.name, one) for one in operations])

    async def _bulk(self, steps: Sequence[Callable[[], tuple[int, int]]]) -> SimpleNamespace:
        errors: list[Document] = []

        def tried(index: int, step: Callable[[], tuple[int, int]]) -> tuple[int, int]:
            try:
                return step()
            except DuplicateKeyError as exc:
                errors.append({"index": index, "code": DUPLICATE_KEY, "errmsg": str(exc)})
                return 0, 0

        done = await self._network.reach([partial(tried, index, step) for index, step in enumerate(steps)])
        if errors:
            raise BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})
        return SimpleNamespace(
            matched_count=sum(matched for matched, _ in done), modified_count=sum(changed for _, changed in done)
        )


def _projected(document: Document, fields: Document | None) -> Document:
    if fields and any(fields.values()):
        names = {name for name, wanted in fields.items() if wanted} | ({"_id"} if fields.get("_id", 1) else set())
        return {name: bson(value) for name, value in document.items() if name in names}
    return {name: bson(value) for name, value in document.items() if name not in (fields or {})}


def _sortable(value: Any) -> tuple[bool, Any]:
    return (False, 0) if value is ABSENT or value is None else (True, value)
