"""New installations: stored by group commit, one live per workspace and add-on, generations without gaps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.installer.domain import Installation, installation_id
from services.installer.saga.decide import Saga
from services.installer.saga.inputs import InstallAsked
from services.installer.storage import updates
from services.installer.storage.documents import from_document
from shared.plumbing import failpoints
from shared.plumbing.batching import GroupCommit
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Unavailable
from shared.plumbing.mongo import Collection, Document, insert_new
from shared.plumbing.outbox import stored

ROUNDS = 12
"""Lost races in a row before giving up; each is lost to a write that won."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """The request was new."""

    installation: Installation


@dataclass(frozen=True, slots=True)
class Present:
    """The same caller used the same idempotency key before: this is what came of it. Compare `request`."""

    installation: Installation


@dataclass(frozen=True, slots=True)
class AlreadyLive:
    """Another installation of this add-on lives in this workspace."""

    installation_id: str
    state: str


Insertion = Inserted | Present | AlreadyLive


class ContentionError(Unavailable):
    """Others kept changing the document; trying again later can help."""

    def __init__(self) -> None:
        super().__init__("contended", "Others keep changing this at the same time", "Repeat it.", retry_after=1)


class Requests:
    """The unique indexes decide; this asks them, optimistically, and finds out why they said no."""

    def __init__(
        self,
        collection: Collection,
        saga: Saga,
        clock: Clock,
        written: Callable[[Installation | None, Installation], None],
    ) -> None:
        self._collection = collection
        self._saga = saga
        self._clock = clock
        self._written = written
        self._batch: GroupCommit[InstallAsked, Insertion] = GroupCommit(self._insert)

    async def insert(self, asked: InstallAsked) -> Insertion:
        """Store a new request, together with those of concurrent callers."""
        return await self._batch.submit(asked)

    async def _insert(self, batch: Sequence[InstallAsked]) -> Sequence[Insertion | Exception]:
        results: list[Insertion | Exception] = [ContentionError()] * len(batch)
        todo = dict.fromkeys(range(len(batch)), 1)
        for _ in range(ROUNDS):
            refused = await self._try(
                [(position, batch[position], generation) for position, generation in todo.items()], results
            )
            todo = {}
            for position in refused:
                why = await self._why(batch[position])
                if isinstance(why, int):
                    todo[position] = why
                else:
                    results[position] = why
            if not todo:
                break
        return results

    async def _try(
        self, attempts: Sequence[tuple[int, InstallAsked, int]], results: list[Insertion | Exception]
    ) -> list[int]:
        """Insert; returns the positions of those that met an index."""
        now = self._clock.now()
        made = [self._made(asked, generation, now) for _, asked, generation in attempts]
        failpoints.reached(failpoints.BEFORE_WRITE)
        refused = await insert_new(self._collection, [document for _, document in made])
        failpoints.reached(failpoints.AFTER_WRITE)
        for number, (position, _, _) in enumerate(attempts):
            if number not in refused:
                one = made[number][0]
                results[position] = Inserted(one)
                self._written(None, one)
        return [attempts[number][0] for number in refused]

    def _made(self, asked: InstallAsked, generation: int, now: datetime) -> tuple[Installation, Document]:
        one, outgoing = self._saga.begin(asked, generation, now)
        entries = [stored(envelope) for envelope in outgoing]
        one.outbox = tuple(entries)
        return one, updates.first(one, entries, now)

    async def _why(self, asked: InstallAsked) -> Present | AlreadyLive | int:
        """What was in the way; a number is the generation to try next."""
        present = await self._collection.find_one({"_id": installation_id(asked.user_id, asked.idempotency_key)})
        if present is not None:
            return Present(from_document(present))
        pair = {"workspace_id": asked.workspace_id, "addon_key": asked.addon_key}
        fields = {"generation": 1, "live": 1, "state": 1}
        newest = await self._collection.find(pair, fields).sort("generation", -1).limit(1).to_list()
        if not newest:
            return 1
        if newest[0].get("live"):
            return AlreadyLive(newest[0]["_id"], newest[0]["state"])
        return int(newest[0]["generation"]) + 1
