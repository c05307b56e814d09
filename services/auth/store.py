"""The collections of auth: their indexes, and the one way in which a document changes.

A change is read, decided by a pure function, and written where the version is still the one that was read. The
same write stores what it tells: events and mails in the outbox, the mark for the state record.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from services.auth.domain import SCHEMA, Cause, Change, SecurityEvent
from services.auth.factors import store as factors
from services.auth.security import store as security
from services.auth.security.store import SecurityLog
from shared.contracts.envelope import Envelope, Message, TopicKind
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Conflict, Unavailable
from shared.plumbing.mongo import Collection, Database, Document, DriverSession, ensure_indexes
from shared.plumbing.outbox import OUTBOX_INDEX, OutboxRelay, stored
from shared.plumbing.state_relay import STATE_INDEXES, StateRelay

SOURCE = "/souk/auth"
_TRIES = 20

Also = Callable[[DriverSession], Awaitable[None]]
"""Writes that belong to a change, in its transaction."""

INDEXES = {
    "users": (
        IndexModel([("email_key", 1)], name="email", unique=True),
        IndexModel(
            [("identities.provider", 1), ("identities.sub", 1)],
            name="identity",
            unique=True,
            # Without it, every account that has no identity would count as one with the identity (null, null). A
            # partial index would do too, but the planner does not see that `$elemMatch` stays within its filter.
            sparse=True,
        ),
        IndexModel(
            [("identities_changed_at", 1)],
            name="identities_changed",
            partialFilterExpression={"identities_changed_at": {"$type": "date"}},
        ),
        IndexModel([("personal_tokens.hash", 1)], name="personal_token", unique=True, sparse=True),
        IndexModel([("erase_at", 1)], name="erase_due", partialFilterExpression={"erase_at": {"$type": "date"}}),
        OUTBOX_INDEX,
        *STATE_INDEXES,
    ),
    "workspaces": (
        IndexModel([("members.user_id", 1), ("_id", 1)], name="member"),
        IndexModel([("provider", 1), ("members.subject", 1)], name="subject"),
        IndexModel(
            [("unresolved_at", 1)],
            name="unresolved",
            partialFilterExpression={"unresolved_at": {"$type": "date"}},
        ),
        IndexModel(
            [("invites.expires_at", 1)],
            name="invites_expire",
            partialFilterExpression={"invites.expires_at": {"$type": "date"}},
        ),
        OUTBOX_INDEX,
        *STATE_INDEXES,
    ),
    "sessions": (
        IndexModel([("user_id", 1), ("created_at", -1)], name="user"),
        # Ended and expired families are of no use but to tell a thief from a latecomer.
        IndexModel([("expires_at", 1)], name="expired", expireAfterSeconds=86_400),
    ),
    "security_events": security.INDEXES,
    "challenges": factors.INDEXES,
}


async def prepare(database: Database) -> None:
    """Create the indexes."""
    for name, indexes in INDEXES.items():
        await ensure_indexes(database[name], indexes)


class _Model(Protocol):
    @classmethod
    def model_validate(cls, obj: Any) -> Any: ...


Model = TypeVar("Model", bound=_Model)


class Documents(Generic[Model]):
    """Documents of one collection, each changed by compare-and-set on its version."""

    def __init__(
        self,
        collection: Collection,
        model: type[Model],
        clock: Clock,
        states: StateRelay,
        outbox: OutboxRelay | None = None,
        *,
        log: SecurityLog,
        missing: Callable[[], Exception],
    ) -> None:
        self._collection = collection
        self._model = model
        self._clock = clock
        self._states = states
        self._outbox = outbox
        self._log = log
        self._missing = missing

    def read(self, document: Document) -> Model:
        """The document as this release knows it."""
        found: Model = self._model.model_validate(document)
        return found

    async def _find(self, which: Document, projection: Document | None = None) -> Model | None:
        """The one that matches."""
        document = await self._collection.find_one(which, projection)
        return None if document is None else self.read(document)

    async def get(self, document_id: str) -> Model:
        """The one of this id. Raises the collection's *missing*."""
        found = await self._find({"_id": document_id})
        if found is None:
            raise self._missing()
        return found

    async def _ids(self, which: Document) -> list[str]:
        """Ids of those that match."""
        return [document["_id"] async for document in self._collection.find(which, {"_id": 1})]

    async def _caused(self, which: Document, limit: int) -> list[tuple[str, Cause]]:
        """Ids of those that match, each with the request behind its newest change."""
        found = self._collection.find(which, {"cause": 1}).limit(limit)
        # Documents of before it was kept have no cause.
        return [(one["_id"], Cause(**one.get("cause", {"correlation_id": one["_id"]}))) async for one in found]

    async def insert(
        self,
        document: Document,
        messages: Sequence[Message],
        cause: Cause,
        events: Sequence[SecurityEvent] = (),
    ) -> bool:
        """Store a new document and what it tells. False if it meets a unique index; nothing is stored then."""
        now = self._clock.now()
        entries, seq = self._entries(document["_id"], 0, document["version"], messages, cause)
        fresh = {**document, "state_marked_at": now, "cause": cause.document()}
        if entries:
            fresh |= {"seq": seq, "outbox": entries, "outbox_since": now}

        async def write(session: DriverSession | None) -> bool:
            await self._collection.insert_one(fresh, session=session)
            return True

        try:
            await self._logged(write, events, cause)
        except DuplicateKeyError:
            return False
        self._tell(document["_id"], entries)
        return True

    async def change(
        self, document_id: str, decide: Callable[[Model], Change | None], cause: Cause, *, also: Also | None = None
    ) -> Model:
        """Apply what `decide` makes of the newest state, and return the result; None changes nothing.

        `also` writes more in the same transaction, perhaps several times until one is committed; what it raises is
        raised, and nothing is written then. Raises what `decide` raises, the collection's *missing*, 409 `taken` when
        the change meets a unique index, 409 `changed-meanwhile` if others are always faster.
        """
        for _ in range(_TRIES):
            document = await self._collection.find_one({"_id": document_id})
            if document is None:
                raise self._missing()
            if document["schema"] > SCHEMA:
                raise Unavailable("newer-release", "A newer release looks after this", retry_after=5)
            change = decide(self.read(document))
            if change is None:
                return self.read(document)
            if (changed := await self._write(document, change, cause, also)) is not None:
                return self.read(changed)
        raise Conflict("changed-meanwhile", "Others are changing this at the same time", "Try again.")

    async def _write(self, document: Document, change: Change, cause: Cause, also: Also | None) -> Document | None:
        now = self._clock.now()
        version = document["version"] + 1
        entries, seq = self._entries(document["_id"], document.get("seq", 0), version, change.messages, cause)
        fields = {**change.fields, "version": version}
        update: Document = {"$set": fields}
        if change.public:
            fields |= {"state_marked_at": now, "cause": cause.document()}
        if entries:
            fields["seq"] = seq
            update["$push"] = {"outbox": {"$each": entries}}
            update["$min"] = {"outbox_since": now}  # the oldest of what is pending, for the sweeper

        async def write(session: DriverSession | None) -> bool:
            which = {"_id": document["_id"], "version": document["version"]}
            return (await self._collection.update_one(which, update, session=session)).matched_count > 0

        try:
            if not await self._logged(write, change.events, cause, also):
                return None
        except DuplicateKeyError:
            raise Conflict("taken", "This belongs to another account already") from None
        pending = [*document.get("outbox", ()), *entries]
        # What the transaction took out of the outbox is not sent from memory.
        self._tell(document["_id"], pending if entries and also is None else entries, state=change.public)
        return {**document, **fields, "outbox": pending}

    async def _logged(
        self,
        write: Callable[[DriverSession | None], Awaitable[bool]],
        events: Sequence[SecurityEvent],
        cause: Cause,
        also: Also | None = None,
    ) -> bool:
        """Write, and if that wrote anything, log the events and write what belongs to it: all, or nothing."""
        if not events and also is None:
            return await write(None)

        async def all_of_it(session: DriverSession) -> bool:
            done = await write(session)
            if done and also is not None:
                await also(session)
            return done

        return await self._log.together(all_of_it, lambda done: events if done else (), cause)

    def _tell(self, document_id: str, entries: Sequence[Document], *, state: bool = True) -> None:
        if state:
            self._states.mark([document_id])
        if self._outbox is not None:
            self._outbox.dispatch(document_id, entries)

    def _entries(
        self, document_id: str, seq: int, version: int, messages: Sequence[Message], cause: Cause
    ) -> tuple[list[Document], int]:
        """The outbox entries, and the sequence number after them: events count, commands do not."""
        entries = []
        for number, message in enumerate(messages):
            event = message.topic.kind is TopicKind.EVENT
            seq += event
            envelope: Envelope[Message] = Envelope(
                id=f"{document_id}:{seq}" if event else f"{document_id}:v{version}:{number}",
                source=SOURCE,
                subject=document_id,
                time=self._clock.now(),
                data=message,
                correlation_id=cause.correlation_id,
                causation_id=cause.correlation_id,
                traceparent=cause.traceparent,
                seq=seq if event else None,
            )
            entries.append(stored(envelope))
        return entries, seq
