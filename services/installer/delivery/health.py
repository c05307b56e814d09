"""Whether add-ons can be called now: their breakers, and operators' notices.

Each process gathers the results of its calls and counts them into the stored breaker by compare-and-set: failures
at once, successes of a healthy add-on every few seconds. What other processes found out is read every second.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Protocol

import structlog
from pymongo import IndexModel

from services.installer.delivery.breaker import Breaker, BreakerState, Tally, count, probing
from services.installer.saga.inputs import Answer
from services.installer.settings import InstallerSettings
from shared.contracts.reasons import WaitingFor
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Collection, Document, ensure_indexes, insert_new
from shared.plumbing.state_relay import STATE_INDEXES, StateRelay

log = structlog.get_logger()

LOOK_SECONDS = 1.0
CALM_SECONDS = 5.0
INDEXES = (IndexModel([("state", 1)], name="state"), *STATE_INDEXES)
_FIELDS = tuple(field.name for field in fields(Breaker) if field.name != "addon_key")
_TROUBLE = (BreakerState.OPEN, BreakerState.HALF_OPEN)


class Availability(Protocol):
    """What preflight and the saga ask."""

    def unavailable(self, addon_key: str) -> WaitingFor | None:
        """ADDON: its breaker is open. MAINTENANCE: an operator's notice stands. None: calls are made."""
        ...

    def next_probe_at(self, addon_key: str) -> datetime | None:
        """When an open breaker lets the next call through."""
        ...


class Health:
    """The `Availability` of a running process."""

    def __init__(self, collection: Collection, notices: Collection, settings: InstallerSettings, clock: Clock) -> None:
        self.collection = collection
        self._notices = notices
        self._settings = settings
        self._clock = clock
        self._relay: StateRelay | None = None
        self._down: dict[str, Breaker] = {}
        self._under_notice: frozenset[str] = frozenset()
        self._tallies: dict[str, Tally] = {}
        self._urgent = asyncio.Event()

    def connect(self, relay: StateRelay) -> None:
        """Set who sends changed breakers."""
        self._relay = relay

    async def prepare(self) -> None:
        """Create the indexes and look for the first time."""
        await ensure_indexes(self.collection, INDEXES)
        await self.look()

    def unavailable(self, addon_key: str) -> WaitingFor | None:
        """See Availability; an operator's word goes before the breaker's."""
        if "all" in self._under_notice or f"addon:{addon_key}" in self._under_notice:
            return WaitingFor.MAINTENANCE
        return WaitingFor.ADDON if addon_key in self._down else None

    def next_probe_at(self, addon_key: str) -> datetime | None:
        """See Availability."""
        breaker = self._down.get(addon_key)
        return None if breaker is None else breaker.probe_at

    def down(self) -> Mapping[str, Breaker]:
        """Breakers that are not closed, by add-on."""
        return self._down

    def under_notice(self) -> frozenset[str]:
        """Scopes of operators' notices: `all`, `addon:<key>`."""
        return self._under_notice

    def count(self, addon_key: str, answer: Answer) -> None:
        """Count the result of a call. Never waits."""
        tally = self._tallies.get(addon_key, Tally()).plus(answer, self._clock.now())
        self._tallies[addon_key] = tally
        if tally.failures or addon_key in self._down:
            self._urgent.set()

    async def try_probe(self, addon_key: str, *, eager: bool = False) -> bool:
        """Whether this process may make the one call that shows if the add-on is back.

        `eager`: somebody asks for it, so it may be sooner than planned.
        """
        document = await self.collection.find_one({"_id": addon_key})
        if document is None:
            return False
        breaker = _breaker(document)
        half_open = probing(breaker, self._clock.now(), self._settings, eager=eager)
        return half_open is not None and await self._swap(breaker, half_open)

    async def look(self) -> None:
        """Read what is in trouble."""
        troubled = await self.collection.find({"state": {"$in": _TROUBLE}}).to_list()
        self._down = {document["_id"]: _breaker(document) for document in troubled}
        raised = self._notices.find({"raised": True, "cause": "operator"}, {"_id": 1})
        self._under_notice = frozenset([document["_id"] async for document in raised])

    async def run_looks(self) -> None:
        """Look every second until cancelled; without the database, what was seen last stands."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception as exc:  # noqa: BLE001 - the next look is a second away
                log.warning("health_not_read", error=type(exc).__name__)

    async def run_counts(self) -> None:
        """Store what was counted, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(CALM_SECONDS):
                    await self._urgent.wait()
            except TimeoutError:
                pass
            self._urgent.clear()
            try:
                await self.store_counts()
            except Exception as exc:  # noqa: BLE001 - what could not be stored was put back
                log.warning("health_not_stored", error=type(exc).__name__)
                await asyncio.sleep(LOOK_SECONDS)

    async def store_counts(self) -> None:
        """Count all gathered results into the stored breakers. What fails stays gathered, and is raised."""
        tallies, self._tallies = self._tallies, {}
        results = await asyncio.gather(
            *(self._store(key, tally) for key, tally in tallies.items()), return_exceptions=True
        )
        failed = {key: error for key, error in zip(tallies, results, strict=True) if error is not None}
        for key in failed:
            self._tallies[key] = tallies[key].then(self._tallies.get(key, Tally()))
            self._urgent.set()
        for error in failed.values():
            raise error

    async def _store(self, addon_key: str, tally: Tally) -> None:
        while True:
            now = self._clock.now()
            document = await self.collection.find_one({"_id": addon_key})
            before = _breaker(document) if document else Breaker(addon_key=addon_key, since=now)
            after = count(before, tally, now, self._settings)
            if after is before or await self._swap(before, after):
                return

    async def _swap(self, before: Breaker, after: Breaker) -> bool:
        """Compare-and-set. Publishes what others should know."""
        changed = (before.state, before.outage) != (after.state, after.outage)
        document = {name: getattr(after, name) for name in _FIELDS}
        if changed or not before.version:
            document["state_marked_at"] = self._clock.now()
        if not before.version:
            won = not await insert_new(self.collection, [{"_id": after.addon_key, **document}])
        else:
            which = {"_id": after.addon_key, "version": before.version}
            won = (await self.collection.update_one(which, {"$set": document})).modified_count == 1
        if won and changed:
            log.info("breaker_changed", addon_key=after.addon_key, state=after.state, outage=after.outage)
            if after.state is BreakerState.CLOSED:
                self._down.pop(after.addon_key, None)
            else:
                self._down[after.addon_key] = after
            if self._relay is not None:
                self._relay.mark([after.addon_key])
        return won


def _breaker(document: Document) -> Breaker:
    values = {name: document[name] for name in _FIELDS if name in document}
    values["state"] = BreakerState(values["state"])
    values["window"] = tuple((bucket, calls, failures) for bucket, calls, failures in values["window"])
    return Breaker(addon_key=document["_id"], **values)
