"""The world around the installer: people, auth, the catalog, operators, and whoever starts dead processes again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, TypeVar

from pydantic import SecretStr

from services.installer.saga.inputs import CancelAsked, Input, InstallAsked, RetryAsked, UninstallAsked
from services.installer.settings import InstallerSettings
from services.installer.store import INDEXES, AlreadyLive, InstallationStore
from shared.contracts import topics
from shared.contracts.auth import Plan, Role, WorkspaceAdmin, WorkspaceChanged, WorkspaceChecked
from shared.contracts.catalog import AddOnPublished
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import CheckWorkspace
from shared.contracts.notifier import MaintenanceNoticeCleared, MaintenanceNoticeRaised
from shared.plumbing.records import from_record, to_record
from tests.model import promises
from tests.model.addon import BASE, AddOns, Heard, random_dead
from tests.model.adversary import QUIET_AFTER, Adversary
from tests.model.broker import Broker
from tests.model.database import Store
from tests.model.process import Process, copy_context_outside
from tests.model.virtual_time import START, VirtualLoop
from tests.unit.installer.story import asked

T = TypeVar("T")
USER, STRANGER = "a" * 24, "e" * 24
WORKSPACES = ("b" * 24, "c" * 24)
# In the proportions of the defaults, but for hours and days, which would pass with nothing in them.
LIMITS = InstallerSettings.model_validate(
    {
        "master_key": SecretStr("unused"),
        "retry_schedule": "0,0.5,1,2,4",
        "cleanup_schedule": "0,0.5,1,2,4,8",
        "cleanup_deadline": "40",
        "superseded_deadline": "12",
        "lease": "3",
        "call_deadline": "2",
        "request_deadline": "40",
        "install_deadline": "20",
        "waiting_deadline": "40",
        "waiting_look": "10",
        "reask_after": "4",
        "recheck_after": "10",
        "breaker_span": "1",
        "breaker_first_probe": "2",
        "breaker_probe_interval": "8",
    }
)


@dataclass
class World:
    """One run. `commit_first` is a mistake for the checks to find."""

    loop: VirtualLoop
    rng: Random
    commit_first: bool = False
    trace: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    """Installations that somebody was told of, by id: their idempotency key."""
    deleted: set[str] = field(default_factory=set)
    processes: list[Process] = field(default_factory=list)
    buried: list[Process] = field(default_factory=list)
    visits: list["asyncio.Task[None]"] = field(default_factory=list)
    """What people do."""
    broken: list[str] = field(default_factory=list)
    """Promises; see `promises.py`."""

    def __post_init__(self) -> None:
        rng = self.rng
        self.adversary = Adversary(rng, self.loop.time)
        self.addon_keys = ["timer", "notes"]
        self.stubs = AddOns(
            self.adversary,
            self.loop.time,
            random_dead(rng, self.addon_keys),
            on_heard=self.heard,
            begin=self.begin,
        )
        self.broker = Broker()
        self.store = Store(self._now, lambda *write: promises.at_every_write(self, *write))
        self.store.index("installations", INDEXES)
        self.width = rng.choice([1, 2, 2, 3])

    def _now(self) -> Any:
        moment = START + timedelta(seconds=self.loop.time())
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def note(self, what: str) -> None:
        self.trace.append(f"{self.loop.time():9.3f}  {what}")

    def expect(self, fine: bool, otherwise: str) -> None:
        """Kept for the end: who is told of it now may take it for a fault like another."""
        if not fine:
            self.broken.append(otherwise)
            self.note(f"BROKEN: {otherwise}")

    def heard(self, heard: Heard) -> None:
        self.note(f"{heard.webhook_id} is heard")
        promises.when_heard(self, heard)

    def begin(self, what: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """A task of the world, which no death of a process ends."""
        return self.loop.create_task(what, context=copy_context_outside())

    def start(self) -> Process:
        number = len(self.processes) + len(self.buried) + 1
        made = Process(
            f"p{number}",
            store=self.store,
            broker=self.broker,
            stubs=self.stubs,
            adversary=self.adversary,
            limits=LIMITS,
            clock_error=timedelta(milliseconds=self.rng.randint(-40, 40)),
            commit_first=self.commit_first,
            note=self.note,
        )
        self.processes.append(made)
        made.start()
        return made

    # --- what goes on ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the trouble is over; what began goes on afterwards."""
        for key in self.addon_keys:
            self.say(_listing(key))
        for one in WORKSPACES:
            self.say(WorkspaceChanged(workspace_id=one, version=1, plan=Plan.PRO, admins=(_OWNER,)))
        for _ in range(self.width):
            self.start()
        self.begin(self._supervise())
        self.begin(self._auth())
        self.visits.append(self.begin(self._publish()))
        for number in range(self.rng.randint(3, 8)):
            self.visits.append(self.begin(self._visit(number)))
        if self.rng.random() < 0.4:
            self.visits.append(self.begin(self._maintenance()))
        if self.rng.random() < 0.25:
            self.visits.append(self.begin(self._delete(self.rng.choice(WORKSPACES))))
        await asyncio.sleep(QUIET_AFTER)

    def say(self, message: Message) -> None:
        name = f"{message.key()}:{getattr(message, 'version', 0)}"
        self.broker.append(to_record(_enveloped(message, name)))

    async def _supervise(self) -> None:
        """Replace the dead, move the topics between the living, stop one now and then."""
        rng = self.rng
        while True:
            dead = [one for one in self.processes if not one.alive]
            self.buried += dead
            self.processes = [one for one in self.processes if one.alive]
            for _ in range(self.width - len(self.processes)):
                self.start()
            living = [one.name for one in self.processes]
            for one in self.processes[0].subscriptions:
                owner = self.broker.owner.get(one.topic.name)
                if owner not in living or (not self.adversary.calm and rng.random() < 0.05):
                    self.broker.owner[one.topic.name] = rng.choice(living)
            if not self.adversary.calm and rng.random() < 0.03:
                rng.choice(self.processes).freeze(rng.uniform(1, 10))
            await asyncio.sleep(rng.uniform(0.5, 2))

    async def _auth(self) -> None:
        """Answers every question at least once, however late."""
        position, topic = 0, topics.INSTALLER_WORKSPACE_CHECKS.name
        while True:
            for record in self.broker.log(topic)[position:]:
                position += 1
                envelope = from_record(record, {"CheckWorkspace": CheckWorkspace})
                if envelope is not None and isinstance(envelope.data, CheckWorkspace):
                    for _ in range(1 if self.rng.random() < 0.9 else 2):
                        self.begin(self._answer(envelope.id, envelope.data))
            await asyncio.sleep(0.1)

    async def _answer(self, question_id: str, question: CheckWorkspace) -> None:
        quick = self.adversary.calm or self.rng.random() < 0.7
        await asyncio.sleep(self.rng.uniform(0.005, 0.05) if quick else self.rng.uniform(0.1, 12))
        while not self.adversary.reachable("kafka"):
            await asyncio.sleep(0.5)
        answer = WorkspaceChecked(
            installation_id=question.installation_id,
            check=question.check,
            workspace_id=question.workspace_id,
            user_id=question.user_id,
            found=question.workspace_id not in self.deleted,
            active=True,
            role=Role.OWNER,
            verified=question.user_id == USER,
            plan=Plan.PRO,
        )
        self.broker.append(to_record(_enveloped(answer, f"reply-{question_id}")))

    async def _publish(self) -> None:
        """Other add-ons, of which each is told once: who loses one does not know it."""
        number = 0
        while not self.adversary.calm:
            number += 1
            self.say(_listing(f"other-{number}"))
            await asyncio.sleep(self.rng.uniform(0.2, 1.5))

    async def _maintenance(self) -> None:
        rng = self.rng
        scope = rng.choice(["all", "addon:timer"])
        await asyncio.sleep(rng.uniform(0, 20))
        notice = {"scope": scope, "notice_id": "n1", "cause": "operator", "raised_at": START}
        self.note(f"notice for {scope}")
        self.say(MaintenanceNoticeRaised.model_validate(notice | {"version": 1}))
        await asyncio.sleep(rng.uniform(1, 20))
        self.note("notice cleared")
        self.say(MaintenanceNoticeCleared.model_validate(notice | {"version": 2, "cleared_at": START}))

    async def _delete(self, workspace_id: str) -> None:
        await asyncio.sleep(self.rng.uniform(5, QUIET_AFTER))
        self.note(f"workspace {workspace_id[:2]} is deleted")
        self.deleted.add(workspace_id)
        self.say(WorkspaceChanged(workspace_id=workspace_id, version=2, deleted=True))

    # --- people ------------------------------------------------------------------------------------------------------

    async def _visit(self, number: int) -> None:
        """Ask for an install, with the same key until there is an answer; then press buttons."""
        rng = self.rng
        await asyncio.sleep(rng.uniform(0, QUIET_AFTER * 0.8))
        request = asked(
            user_id=USER if rng.random() < 0.9 else STRANGER,
            idempotency_key=f"key-{number}",
            workspace_id=rng.choice(WORKSPACES),
            addon_key=rng.choice(self.addon_keys),
            if_unavailable=rng.choice(["wait", "wait", "fail"]),
        )
        found = await self._insist(lambda store: self._ask(store, request))
        if isinstance(found, AlreadyLive):
            await self._press(found.installation_id, UninstallAsked(USER))
            found = await self._insist(lambda store: self._ask(store, request))
        if found is None or isinstance(found, AlreadyLive):
            return
        one = found.installation.id
        self.accepted[one] = request.idempotency_key
        for _ in range(rng.choice([0, 1, 2, 4])):
            await asyncio.sleep(rng.uniform(0, 8))
            often: list[Input] = [UninstallAsked(USER), RetryAsked(USER)]
            await self._press(one, rng.choice([CancelAsked(USER), *often, *often]))

    async def _ask(self, store: InstallationStore, request: InstallAsked) -> Any:
        if request.workspace_id in self.deleted:
            return None
        self.note(f"asks for {request.addon_key} in {request.workspace_id[:2]} as {request.idempotency_key}")
        return await store.insert_requested(request)

    async def _press(self, installation_id: str, button: Input) -> None:
        self.note(f"{installation_id[:6]} {type(button).__name__}")
        await self._insist(lambda store: store.ask(installation_id, button), tries=3)

    async def _insist(self, what: Callable[[InstallationStore], Awaitable[T]], tries: int = 12) -> T | None:
        """Until a process answers."""
        for _ in range(tries):
            process = self.rng.choice(self.processes)
            task = process.spawn(_run(what(process.store)))
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # who left hears no answer
            done, _ = await asyncio.wait([task], timeout=8)
            if done and not task.cancelled() and task.exception() is None:
                return task.result()
            await asyncio.sleep(self.rng.uniform(0.2, 3))
        return None


_OWNER = WorkspaceAdmin(user_id=USER, role=Role.OWNER)


async def _run(what: Awaitable[T]) -> T:
    return await what


def _listing(key: str) -> AddOnPublished:
    hooks = [{"type": "INSTALLED", "path": "/installed"}, {"type": "DELETED", "path": "/deleted"}]
    return AddOnPublished(
        addon_key=key,
        publisher_id="d" * 24,
        name=key.title(),
        manifest={"key": key, "name": key.title(), "baseUrl": BASE.format(key), "lifecycle": hooks},
        manifest_version=1,
        version=1,
        changed_at=START,
    )


def _enveloped(message: Message, name: str) -> Envelope[Message]:
    return Envelope(
        id=name,
        source="/world",
        subject=message.key(),
        time=START,
        data=message,
        correlation_id=name,
        causation_id=None,
    )
