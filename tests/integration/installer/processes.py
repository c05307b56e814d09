"""Several processes' worth of the installer's worker in one event loop, on one real database; no HTTP, no Kafka."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from services.installer.addons.listings import AddOns
from services.installer.delivery.breaker import Breaker
from services.installer.delivery.caller import Caller
from services.installer.delivery.departures import Departures
from services.installer.delivery.health import Health
from services.installer.delivery.rounds import Rounds
from services.installer.delivery.slots import Slots
from services.installer.delivery.surroundings import Lookout
from services.installer.delivery.worker import Worker
from services.installer.domain import Installation, Kind
from services.installer.known import Known
from services.installer.saga.decide import Saga
from services.installer.saga.inputs import AddOnNow, Answer, CheckSent, Decision
from services.installer.settings import InstallerSettings
from services.installer.store import Inserted, InstallationStore
from shared.contracts.reasons import WaitingFor
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Database, Document
from shared.plumbing.tasks import end
from tests.unit.installer.story import OK, addon, asked
from tests.users import new_id

# What a test wants to see within seconds.
QUICK: dict[str, Any] = {
    "retry_schedule": "0,0.2,0.4",
    "cleanup_schedule": "0,0.2,0.4",
    "lease": "3",  # two seconds to begin a call in, and one of margin
    "call_deadline": "1",
    "poll_interval": "0.05",
}


def limits(**other: Any) -> InstallerSettings:
    return InstallerSettings.model_validate({"master_key": SecretStr("unused")} | QUICK | other)


class FixedAddOns(AddOns):
    """Every add-on is the same one."""

    def __init__(self) -> None:
        self.addon = addon()

    async def now(self, addon_keys: Iterable[str]) -> dict[str, AddOnNow]:
        return dict.fromkeys(addon_keys, self.addon)


class FixedHealth(Health):
    """All is well, unless a test says otherwise."""

    def __init__(self) -> None:
        self.obstacles: dict[str, WaitingFor] = {}
        self.counted: list[tuple[str, Answer]] = []

    def unavailable(self, addon_key: str) -> WaitingFor | None:
        return self.obstacles.get(addon_key)

    def count(self, addon_key: str, answer: Answer) -> None:
        self.counted.append((addon_key, answer))

    def down(self) -> Mapping[str, Breaker]:
        return {}

    def under_notice(self) -> frozenset[str]:
        return frozenset(self.obstacles)

    async def try_probe(self, addon_key: str, *, eager: bool = False) -> bool:
        return False


@dataclass(frozen=True)
class Sent:
    """One attempt that left."""

    installation_id: str
    kind: Kind
    number: int
    attempt: int
    process: str


@dataclass
class Wire:
    """Where all processes' calls come out."""

    sent: list[Sent] = field(default_factory=list)
    behave: Callable[[Sent], Awaitable[Answer]] | None = None


class RecordingCaller(Caller):
    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._name = name

    async def call(self, one: Installation, send_by: float) -> Answer:
        assert one.call is not None
        sent = Sent(one.id, one.call.kind, one.call.number, one.call.attempt, self._name)
        self._wire.sent.append(sent)
        return OK if self._wire.behave is None else await self._wire.behave(sent)


class Process:
    """A store and a worker, as `main.build` makes them."""

    def __init__(self, database: Database, clock: Clock, wire: Wire, name: str = "p1", **other: Any) -> None:
        settings = limits(**other)
        self.name = name
        self.health = FixedHealth()
        self.addons = FixedAddOns()
        self.slots = Slots(settings)
        self.store = InstallationStore(database, Saga(settings), clock)
        caller = RecordingCaller(wire, name)
        self.lookout = Lookout(
            self.store, self.addons, self.health, clock, owner=name, slots=self.slots, lease=settings.lease
        )
        self.worker = Worker(
            self.store, self.lookout, self.health, caller, settings, clock=clock, owner=name, slots=self.slots
        )
        self.rounds = Rounds(
            self.worker,
            self.store,
            self.addons,
            self.health,
            caller,
            slots=self.slots,
            settings=settings,
            clock=clock,
        )
        self.known = Known(database)
        self.departures = Departures(self.known, self.store, self.worker)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        loops = (self.rounds.run_due, self.rounds.run_attending, self.worker.run_leases, self.departures.run)
        self._tasks = [asyncio.create_task(loop()) for loop in loops]

    async def stop(self) -> None:
        """As the service does on SIGTERM: no work any more, then an end of the calls under way."""
        due, attending, leases, departures = self._tasks
        await end(departures, attending, due)
        await end(leases, again=20)

    async def die(self) -> None:
        """Nothing of it runs any more, nothing is cleaned up."""
        await end(*self._tasks, *self.worker._under_way.values())


async def requested(store: InstallationStore, **other: Any) -> Installation:
    """A new installation in a workspace of its own."""
    values = {"user_id": new_id(), "workspace_id": new_id()} | other
    outcome = await store.insert_requested(asked(**values))
    assert isinstance(outcome, Inserted), outcome
    return outcome.installation


async def checking(store: InstallationStore, one: Installation) -> Decision:
    """Its question is sent."""
    (decision,) = await store.apply([(one.id, CheckSent(one.check.number))])
    assert decision is not None
    return decision


async def raw(store: InstallationStore, installation_id: str) -> Document:
    found = await store.collection.find_one({"_id": installation_id})
    assert found is not None
    return found
