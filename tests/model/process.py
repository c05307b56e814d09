"""One simulated process of the installer: its real parts, put together as in `services/installer/main.py`."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextvars import copy_context
from datetime import timedelta
from typing import Any, TypeVar, cast

from services.installer.addons.addresses import address_book
from services.installer.addons.keys import AddOnKeys, AddOnSecrets
from services.installer.addons.listings import AddOns
from services.installer.delivery.announcing import Announcer
from services.installer.delivery.caller import Caller
from services.installer.delivery.departures import Departures
from services.installer.delivery.health import Health
from services.installer.delivery.prepared import Signer
from services.installer.delivery.rounds import Rounds
from services.installer.delivery.slots import Slots
from services.installer.delivery.surroundings import Lookout
from services.installer.delivery.watchdog import Watchdog
from services.installer.delivery.worker import Worker
from services.installer.handlers import CheckHandler
from services.installer.known import Known
from services.installer.saga.decide import Saga
from services.installer.saga.events import NOT_IN_STATE, health_state, installation_state
from services.installer.settings import InstallerSettings
from services.installer.store import InstallationStore
from shared.contracts import topics
from shared.contracts.auth import WorkspaceChecked
from shared.plumbing import mongo
from shared.plumbing.consumer import _Batch
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.keys import SigningKey
from shared.plumbing.outbox import OutboxRelay
from shared.plumbing.outcomes import CHAIN, Subscription
from shared.plumbing.state_relay import StateRelay
from tests.model.addon import AddOns as Stubs
from tests.model.addon import Wire
from tests.model.adversary import Adversary, Link
from tests.model.broker import Broker, Member, ModelProducer
from tests.model.database import Database, Store
from tests.model.virtual_time import TASKS, Tasks, VirtualClock

T = TypeVar("T")


class CheapKey(SigningKey):
    """As deterministic as RS256, at a thousandth of the cost."""

    def __init__(self) -> None:
        self.kid = "k1"

    def sign(self, claims: Mapping[str, Any], typ: str = "at+jwt") -> str:
        return hashlib.sha256(json.dumps([typ, claims]).encode()).hexdigest()


class OneKey(AddOnKeys):
    def __init__(self) -> None:
        self._key = CheapKey()

    async def signing_key(self, kid: str) -> SigningKey:
        return self._key

    async def assigned(self, addon_keys: Iterable[str]) -> dict[str, AddOnSecrets]:
        return {key: AddOnSecrets("k1", ("whsec_c291aw==",)) for key in addon_keys}


class Process:
    """Lives until it is killed. Nothing of it is cleaned up then, and what it does afterwards reaches nobody."""

    def __init__(
        self,
        name: str,
        *,
        store: Store,
        broker: Broker,
        stubs: Stubs,
        adversary: Adversary,
        limits: InstallerSettings,
        clock_error: timedelta,
        commit_first: bool,
        note: Callable[[str], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.alive = True
        self._frozen_until = 0.0
        self._note = note
        self._tasks: Tasks = {}
        self._context = copy_context()
        self._context.run(TASKS.set, self._tasks)
        self.failures: list[str] = []

        clock = VirtualClock(loop, clock_error)
        database = cast("mongo.Database", Database(store, Link(self, adversary, "mongo")))
        producer = ModelProducer(
            broker, Link(self, adversary, "kafka"), lambda: adversary.reachable("kafka"), lambda: self.alive
        )
        known = Known(database)
        self.store = InstallationStore(database, Saga(limits), clock)
        outbox = OutboxRelay(self.store.collection, producer, clock, on_sent=self.store.clear_sent)
        states = StateRelay(
            self.store.collection, installation_state, producer, clock, without=NOT_IN_STATE, clearing=self.store
        )
        self.store.connect(Announcer(outbox, states))
        self.health = Health(database["addon_health"], known.notices.collection, limits, clock)
        breakers = StateRelay(self.health.collection, health_state, producer, clock)
        self.health.connect(breakers)
        keys, slots = OneKey(), Slots(limits)
        addons = AddOns(known.addons.collection, self.store, keys)
        signer = Signer("clockify", address_book("https://souk.example", None, None, {}))
        caller = Caller(Wire(stubs, self, adversary), signer, keys, clock, deadline=limits.call_deadline)
        lookout = Lookout(self.store, addons, self.health, clock, owner=name, slots=slots, lease=limits.lease)
        worker = Worker(self.store, lookout, self.health, caller, limits, clock=clock, owner=name, slots=slots)
        rounds = Rounds(worker, self.store, addons, self.health, caller, slots=slots, settings=limits, clock=clock)

        letters = DeadLetters(database["dead_letters"], clock)
        handler = CheckHandler(self.store, lookout, worker)
        self.subscriptions = (
            Subscription(topics.AUTH_WORKSPACE_CHECKS, (WorkspaceChecked,), handler, rest=CHAIN),
            *(Subscription(one.topic, one.messages, one.apply) for one in known.all),
        )
        self.members = [
            Member(
                broker,
                name,
                one,
                _Batch("installer", one, letters).consume,
                adversary.commits,
                lambda ready: adversary.rng.randint(1, ready),
                commit_first,
            )
            for one in self.subscriptions
        ]
        self._loops: list[Callable[[], Coroutine[Any, Any, None]]] = [
            *(outbox.run, outbox.sweep, states.run, states.sweep, breakers.run, breakers.sweep),
            *(rounds.run_due, rounds.run_attending, Departures(known, self.store, worker).run),
            *(worker.run_leases, Watchdog(self.store).run, self.health.run_looks, self.health.run_counts),
            *(member.run for member in self.members),
        ]

    # --- life and death ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.spawn(self._begin())

    async def _begin(self) -> None:
        while True:
            try:
                await self.health.look()
                break
            except Exception:  # noqa: BLE001 - a process without its database starts again
                await asyncio.sleep(1)
        for loop in self._loops:
            self.spawn(self._supervised(loop))

    async def _supervised(self, loop: Callable[[], Awaitable[None]]) -> None:
        try:
            await loop()
        except Exception as exc:  # noqa: BLE001 - reported at the end
            self.failures.append(f"{self.name}: a loop ended with {exc!r}")

    def spawn(self, what: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """A task of this process, dying with it."""
        return asyncio.get_running_loop().create_task(what, context=self._context)

    async def breathe(self) -> None:
        loop = asyncio.get_running_loop()
        while self.alive and loop.time() < self._frozen_until:
            await asyncio.sleep(self._frozen_until - loop.time())
        if not self.alive:
            await loop.create_future()  # nobody hears of the dead

    def freeze(self, seconds: float) -> None:
        """As SIGSTOP: the world goes on without it."""
        self._note(f"{self.name} stands still for {seconds:.1f} s")
        self._frozen_until = asyncio.get_running_loop().time() + seconds

    def kill(self) -> None:
        """As SIGKILL."""
        if self.alive:
            self._note(f"{self.name} dies")
            self.alive = False
            asyncio.get_running_loop().create_task(self._bury(), context=copy_context_outside())

    async def _bury(self) -> None:
        while self._tasks:  # whoever catches the first cancellation reaches nobody any more
            for task in list(self._tasks):
                task.cancel()
            await asyncio.sleep(0.5)


def copy_context_outside() -> Any:
    """A context in which tasks belong to no process."""
    context = copy_context()
    context.run(TASKS.set, None)
    return context
