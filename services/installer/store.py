"""Installations in MongoDB: inserting requests, and the batch step that all other writes go through.

The only file here that imports the driver.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from pymongo import IndexModel, UpdateOne

from services.installer.domain import SCHEMA, Installation
from services.installer.saga.decide import Saga
from services.installer.saga.inputs import CheckSent, Decision, Due, Input, InstallAsked
from services.installer.storage import updates
from services.installer.storage.attempt_store import AttemptStore, unreported
from services.installer.storage.documents import read_each
from services.installer.storage.folding import Folded, fold_each, note_sent
from services.installer.storage.indexes_store import INDEXES
from services.installer.storage.parking import park
from services.installer.storage.queries import InstallationQueries
from services.installer.storage.requests import (
    ROUNDS,
    AlreadyLive,
    ContentionError,
    Inserted,
    Insertion,
    Present,
    Requests,
)
from shared.plumbing import failpoints
from shared.plumbing.batching import GroupCommit
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Unavailable
from shared.plumbing.metrics import CONFLICTS, UNDECIDED
from shared.plumbing.mongo import Database, ensure_indexes, insert_new
from shared.plumbing.outbox import Clearing, clear_pipeline

log = structlog.get_logger()

__all__ = ["AlreadyLive", "ContentionError", "Inserted", "InstallationStore", "NewerSchemaError", "Present"]

RECENT = 10_000
PUT_OFF = timedelta(minutes=1)


class NewerSchemaError(Unavailable):
    """A newer release has written this document; this process must not decide about it."""

    def __init__(self) -> None:
        super().__init__("newer-release", "A newer release looks after this", "Repeat it.", retry_after=5)


class Announce(Clearing, Protocol):
    """Hears of every write, to send what it put into the outbox and the new state; knows what was sent."""

    def __call__(self, before: Installation | None, after: Installation) -> None: ...


class InstallationStore(InstallationQueries):
    """Writes come from the API (one by one, gathered by group commit) and from the worker (in batches).

    Both run the same batch step. Raises the driver's errors, ContentionError and NewerSchemaError.
    """

    def __init__(
        self,
        database: Database,
        saga: Saga,
        clock: Clock,
        *,
        history_retention: timedelta = timedelta(days=90),
        delivery_retention: timedelta = timedelta(days=30),
    ) -> None:
        super().__init__(database, clock)
        self.attempts = AttemptStore(database, delivery_retention)
        self._saga = saga
        self._history_retention = history_retention
        self._requests = Requests(self.collection, saga, clock, self._written)
        self._asks: GroupCommit[tuple[str, Input], Decision | None] = GroupCommit(self.apply)
        # What this process wrote last. Deciding on it saves reading it back; compare-and-set finds out if others
        # have changed it since, and a decision that would change nothing is not believed without reading.
        self._recent: OrderedDict[str, Installation] = OrderedDict()
        self._announce: Announce | None = None

    def connect(self, announce: Announce) -> None:
        """Set who hears of writes; they need the store themselves, so they come later."""
        self._announce = announce

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self.collection, INDEXES)
        await self.attempts.prepare()
        seconds = int(self._history_retention.total_seconds())
        await ensure_indexes(
            self._log,
            [
                IndexModel([("installation_id", 1), ("n", 1)], name="timeline"),
                IndexModel([("at", 1)], name="expiry", expireAfterSeconds=seconds),
            ],
        )

    async def insert_requested(self, asked: InstallAsked) -> Insertion:
        """Store a new request with its first messages, as the next generation of this add-on in this workspace.

        Gathers concurrent callers into one round trip and hands the outbox to the relay.
        """
        return await self._requests.insert(asked)

    async def ask(self, installation_id: str, message: Input) -> Decision | None:
        """Apply one input (cancel, retry, uninstall, redelivery); gathers concurrent callers. None: no such one."""
        decision = await self._asks.submit((installation_id, message))
        if decision is None and await self.collection.find_one({"_id": installation_id}, {"_id": 1}) is not None:
            raise NewerSchemaError
        return decision

    async def apply(self, inputs: Sequence[tuple[str, Input]], *, isolated: bool = False) -> list[Decision | None]:
        """The batch step: decide each input on its installation, in order, and write by compare-and-set.

        Returns each input's decision as it was written; None where there is no such installation, or where the
        input was parked for a newer release. What a bug makes of one installation is raised; if `isolated`, that one
        is put off, its decisions are None, and the others go on.
        """
        results: list[Decision | None] = [None] * len(inputs)
        todo: dict[str, list[int]] = {}
        for position, (installation_id, _) in enumerate(inputs):
            todo.setdefault(installation_id, []).append(position)
        noted = self._notes(todo)
        messages = {
            one: [*noted.get(one, ()), *(inputs[position][1] for position in positions)]
            for one, positions in todo.items()
        }
        believe = not any(isinstance(message, Due) for _, message in inputs)  # prolonged leases are not in memory
        for _ in range(ROUNDS):
            known, remembered, unreadable = await self._load(
                {one: messages[one] for one in todo}, believe=believe, isolated=isolated
            )
            believe = False
            now = self._clock.now()
            folds, failed = fold_each(known, messages, self._saga.decide, now, isolated=isolated)
            failed += unreadable
            if failed:
                UNDECIDED.labels("installations").inc(len(failed))
                await self.put_off(failed, now + PUT_OFF)
            doubtful = {each.before.id for each in folds if not each.changed and each.before.id in remembered}
            lost = await self._write([each for each in folds if each.before.id not in doubtful], now)
            lost |= doubtful
            for each in folds:
                if each.before.id not in lost:
                    asked = each.decisions[len(noted.get(each.before.id, ())) :]
                    for position, decision in zip(todo[each.before.id], asked, strict=True):
                        results[position] = decision
            todo = {one: positions for one, positions in todo.items() if one in lost}
            if not todo:
                return results
        log.warning("installations_contended", installations=list(todo)[:3])
        raise ContentionError

    async def peek(self, ids: Sequence[str]) -> dict[str, Installation]:
        """Installations as this process last knew them: for looking around, not for truth. `apply` finds out."""
        found = {one: self._recent[one] for one in ids if one in self._recent}
        missing = [one for one in ids if one not in found]
        if missing:
            which = {"_id": {"$in": missing}, "schema": {"$lte": SCHEMA}}
            readable, _ = read_each(await self.collection.find(which).to_list(), isolated=True)
            for one in readable:
                found[one.id] = one
                if one.pending:
                    self._recent[one.id] = one
        return found

    async def clear_sent(self, sent: Mapping[str, Sequence[str]]) -> None:
        """Take sent entries out of outboxes. The write that clears a question to auth also notes it as sent."""
        asked: list[tuple[str, Input]] = []
        plain: list[UpdateOne] = []
        for installation_id, ids in sent.items():
            note = note_sent(ids)
            if note.number:
                asked.append((installation_id, note))
            else:
                plain.append(UpdateOne({"_id": installation_id}, clear_pipeline(ids)))
                self._forget_sent(installation_id, ids)
        if plain:
            await self.collection.bulk_write(plain, ordered=False)
        if asked:
            await self.apply(asked)

    def take(self, installation_id: str) -> Sequence[str]:
        """See `Clearing`. Events only: clearing a question to auth is a decision."""
        sent = self._announce.take(installation_id) if self._announce is not None else ()
        if sent and note_sent(sent).number:
            self.give_back(installation_id, sent)
            return ()
        self._forget_sent(installation_id, sent)
        return sent

    def give_back(self, installation_id: str, ids: Sequence[str]) -> None:
        """See `Clearing`."""
        if self._announce is not None:
            self._announce.give_back(installation_id, ids)

    # --- the batch step's parts --------------------------------------------------------------------------------

    def _notes(self, installation_ids: Iterable[str]) -> dict[str, list[CheckSent]]:
        """What Kafka has of these installations' outboxes: the next write takes it out and notes a question."""
        if self._announce is None:
            return {}
        taken = ((one, self._announce.take(one)) for one in installation_ids)
        return {one: [note_sent(sent)] for one, sent in taken if sent}

    async def _load(
        self, messages: Mapping[str, Sequence[Input]], *, believe: bool, isolated: bool
    ) -> tuple[list[Installation], set[str], list[str]]:
        """The installations, the ids of those that come from memory, and the ids of those that cannot be read.

        Parks what a newer release must decide.
        """
        remembered = {one: self._recent[one] for one in messages if one in self._recent} if believe else {}
        missing = [one for one in messages if one not in remembered]
        if not missing:
            return list(remembered.values()), set(remembered), []
        documents = await self.collection.find({"_id": {"$in": missing}}).to_list()
        for document in documents:
            if document["schema"] > SCHEMA:
                await self._park(document["_id"], messages[document["_id"]])
        readable, unreadable = read_each([one for one in documents if one["schema"] <= SCHEMA], isolated=isolated)
        return [*remembered.values(), *readable], set(remembered), unreadable

    async def _park(self, installation_id: str, messages: Sequence[Input]) -> None:
        parked = [found for message in messages if (found := park(message)) is not None]
        cleared = [name for message in messages if isinstance(message, CheckSent) for name in message.cleared]
        if parked:
            # A call under way keeps its lease: whoever is due before its end would begin it once more.
            due_at = {"$ifNull": ["$flight.until", self._clock.now()]}
            every = {"$concatArrays": [{"$ifNull": ["$parked", []]}, {"$literal": parked}]}
            stages = [{"$set": {"parked": every, "due_at": due_at, "version": {"$add": ["$version", 1]}}}]
            await self.collection.update_one({"_id": installation_id}, stages)
        if cleared:
            await self.collection.update_one({"_id": installation_id}, clear_pipeline(cleared))

    async def _write(self, folds: Sequence[Folded], now: datetime) -> set[str]:
        """Send all writes at once. Returns the ids of those that lost against somebody else's."""
        folds = [each for each in folds if each.changed or each.cleared]
        if not folds:
            return set()
        overflow = [entry for each in folds for entry in updates.overflow(each.before, each.after)]
        if overflow:
            await insert_new(self._log, overflow)  # those there already were kept before a race was lost
        lost_sight = [entry for each in folds for entry in unreported(each.before, each.after)]
        if lost_sight:
            await self.attempts.record(lost_sight)
        mark = secrets.token_hex(8)
        failpoints.reached(failpoints.BEFORE_WRITE)
        outcome = await self.collection.bulk_write([_operation(each, now, mark) for each in folds], ordered=False)
        failpoints.reached(failpoints.AFTER_WRITE)
        lost: set[str] = set()
        if outcome.matched_count < len(folds):
            ids = [each.before.id for each in folds if each.changed]
            won = {doc["_id"] async for doc in self.collection.find({"_id": {"$in": ids}, "tok": mark}, {"_id": 1})}
            lost = set(ids) - won
            CONFLICTS.labels("installations").inc(len(lost))
        for each in folds:
            if each.before.id in lost:
                self._recent.pop(each.before.id, None)
            else:
                self._written(each.before, each.written())
        return lost

    def _written(self, before: Installation | None, after: Installation) -> None:
        self._recent.pop(after.id, None)
        if after.pending:
            self._recent[after.id] = after
            if len(self._recent) > RECENT:
                self._recent.popitem(last=False)
        if self._announce is not None:
            self._announce(before, after)

    def _forget_sent(self, installation_id: str, ids: Sequence[str]) -> None:
        one = self._recent.get(installation_id)
        if one is not None:
            one.outbox = tuple(entry for entry in one.outbox if entry["id"] not in ids)


def _operation(each: Folded, now: datetime, mark: str) -> UpdateOne:
    update = each.update(now)
    if not each.changed:
        return UpdateOne({"_id": each.before.id}, update)
    if isinstance(update, dict):
        update["$set"]["tok"] = mark
    else:
        update[0]["$set"]["tok"] = mark
    return UpdateOne({"_id": each.before.id, "version": each.before.version}, update)
