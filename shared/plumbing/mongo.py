"""The one door to the MongoDB driver, beside the `store.py` files.

Writes are acknowledged by a majority with journal: what was answered survives the loss of a minority.
"""

from collections.abc import Sequence
from typing import Any

from pymongo import AsyncMongoClient, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern

Document = dict[str, Any]
DriverSession = AsyncClientSession
"""Of the driver, for a transaction; no session of a user."""
Client = AsyncMongoClient[Document]
Database = AsyncDatabase[Document]
Collection = AsyncCollection[Document]

DUPLICATE_KEY = 11000

# Server errors that pass by themselves: step-down, shutdown, not primary, interrupted, write concern.
_PASSING_CODES = frozenset({6, 7, 64, 89, 91, 112, 189, 262, 9001, 10058, 10107, 11600, 11602, 13435, 13436, 50})


def connect(url: str, *, app_name: str, server_selection_timeout: float = 5.0) -> Client:
    """A client of the replica set at `url`. Connects in the background; never raises for a server that is down."""
    return AsyncMongoClient(
        url,
        appname=app_name,
        tz_aware=True,
        w="majority",
        journal=True,
        retryWrites=True,
        retryReads=True,
        serverSelectionTimeoutMS=int(server_selection_timeout * 1000),
        connectTimeoutMS=3000,
        # The whole operation, choosing a server included: also how long a client waits for its 503.
        timeoutMS=6000,
        maxPoolSize=50,
    )


def as_a_majority_has_it(collection: Collection) -> Collection:
    """For reading what is told to others then: newer writes may be rolled back, with the primary that has them."""
    return collection.with_options(read_concern=ReadConcern("majority"))


def is_infrastructure_fault(exc: BaseException) -> bool:
    """Whether the database is at fault, so that trying again later can help; data faults say False."""
    if isinstance(exc, BulkWriteError):
        details = exc.details or {}
        return bool(details.get("writeConcernErrors")) or any(
            error.get("code") in _PASSING_CODES for error in details.get("writeErrors", ())
        )
    if isinstance(exc, ConnectionFailure | ServerSelectionTimeoutError | ExecutionTimeout | WTimeoutError):
        return True
    if isinstance(exc, OperationFailure):
        return exc.code in _PASSING_CODES or exc.has_error_label("RetryableWriteError")
    return isinstance(exc, PyMongoError) and exc.timeout


def is_duplicate_key(exc: BaseException) -> bool:
    """Whether a single write met a unique index."""
    return isinstance(exc, DuplicateKeyError)


def duplicate_indexes(exc: BulkWriteError) -> frozenset[int]:
    """Positions in an unordered bulk that met a unique index. Raises `exc` again if it holds any other error."""
    errors = (exc.details or {}).get("writeErrors", ())
    if any(error.get("code") != DUPLICATE_KEY for error in errors) or (exc.details or {}).get("writeConcernErrors"):
        raise exc
    return frozenset(int(error["index"]) for error in errors)


async def insert_new(collection: Collection, documents: Sequence[Document]) -> frozenset[int]:
    """Insert in one round trip. Returns the positions of those that met a unique index and are not stored."""
    try:
        await collection.insert_many(documents, ordered=False)
    except BulkWriteError as exc:
        return duplicate_indexes(exc)
    return frozenset()


async def insert_in_order(collection: Collection, documents: Sequence[Document]) -> frozenset[int]:
    """As `insert_new`, but none becomes visible before one that stands before it."""
    known: set[int] = set()
    todo = list(range(len(documents)))
    while todo:
        try:
            await collection.insert_many([documents[index] for index in todo], ordered=True)
        except BulkWriteError as exc:
            (stopped_at,) = duplicate_indexes(exc)
            rest = todo[stopped_at:]
            # Whatever comes again comes in numbers: find all of them at once.
            ids = {"_id": {"$in": [documents[index]["_id"] for index in rest]}}
            there = {document["_id"] async for document in collection.find(ids, {"_id": 1})}
            known.update(index for index in rest if documents[index]["_id"] in there)
            todo = [index for index in rest if index not in known]
        else:
            break
    return frozenset(known)


async def ensure_indexes(collection: Collection, indexes: Sequence[IndexModel]) -> None:
    """Create what is missing. Building runs in the server's background; existing ones cost one round trip."""
    if indexes:
        await collection.create_indexes(list(indexes))
