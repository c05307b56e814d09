"""What stands: brokers, members and services, each of which can be hurt by itself.

Nothing here waits for a part to be well again; that is for whoever looks from outside.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local import ports
from deploy.local.broker import Broker
from deploy.local.paths import PROJECT
from deploy.local.plan import Process
from deploy.local.stack import Stack
from tests.chaos.proxy import Lines

STOP_SECONDS = 30.0
# The deadlines of an install within the minutes of a run.
ENV = {
    "AUTH_LOG_INS_PER_MINUTE": "100000",
    "AUTH_NETWORK_REQUESTS_PER_MINUTE": "1000000",
    "CATALOG_PUBLISHES_PER_MINUTE": "100000",
    "INSTALLER_CHANGES_PER_MINUTE": "1000000",
    "INSTALLER_CALL_DEADLINE": "5",
    "INSTALLER_INSTALL_DEADLINE": "90",
    "INSTALLER_WAITING_DEADLINE": "120",
    "INSTALLER_WAITING_LOOK": "10",
    "INSTALLER_REASK_AFTER": "10",
    "INSTALLER_RECHECK_AFTER": "30",
    "INSTALLER_RETRY_SCHEDULE": "0,1,2,5,10",
    "INSTALLER_CLEANUP_SCHEDULE": "0,1,2,5,10",
    "INSTALLER_CLEANUP_DEADLINE": "240",
    "INSTALLER_SUPERSEDED_DEADLINE": "60",
    "INSTALLER_BREAKER_FIRST_PROBE": "3",
    "INSTALLER_BREAKER_PROBE_INTERVAL": "10",
    "NOTIFIER_NOTICE_AFTER_SECONDS": "5",
    "NOTIFIER_CLEAR_AFTER_SECONDS": "5",
    "NOTIFIER_DIGEST_EVERY_SECONDS": "10",
    "SOUK_LOG_LEVEL": "INFO",
    "SOUK_TOPIC_PARTITIONS": "6",
}
SMALL = tuple(
    Process(service, "all", number)
    for service, count in {"auth": 1, "catalog": 1, "installer": 2, "notifier": 1}.items()
    for number in range(1, count + 1)
)
# Every role of every service that has work in both, installers three times, and whoever is killed has a colleague.
LARGE = (
    *(Process("auth", "api"), Process("auth", "worker"), Process("auth", "all", 2), Process("catalog", "all")),
    *(Process("installer", "api"), Process("installer", "worker"), Process("installer", "all", 2)),
    *(Process("installer", "all", 3), Process("notifier", "api"), Process("notifier", "worker")),
    Process("notifier", "all", 2),
)


class Cluster:
    """One stack. Everything that blocks runs in threads, so that the load goes on meanwhile."""

    def __init__(self, folder: Path, kafka: Broker, addon_ports: Sequence[int], *, large: bool) -> None:
        nodes = 3 if large else 1
        self.stack = Stack.create(
            folder,
            kafka=kafka,
            free_ports=True,
            env=ENV | {"SOUK_TOPIC_REPLICATION": str(nodes)},
            processes=LARGE if large else SMALL,
            brokers=nodes,
            members=nodes,
            fronted=True,
        )
        plan = self.stack.plan
        allowed = [f"{host}:{plan.ports[name]}" for name in ("product", "addon") for host in ("localhost", ports.HOST)]
        plan.env["SOUK_OUTGOING_ALLOW"] = ",".join([*allowed, *(f"{ports.HOST}:{port}" for port in addon_ports)])
        self._commands: dict[str, tuple[str, ...]] = {}
        self._lines: Lines | None = None

    def start(self) -> None:
        """Everything but the sample add-on. Raises StartError; `close` is due in any case."""
        plan = self.stack.plan
        self._lines = Lines({front: plan.ports[name] for name, front in plan.fronts.items()})
        self.stack.start(*(name for name in plan.part_names if name != "addon"))

    def close(self) -> None:
        """Stop everything and delete the folder."""
        self.stack.destroy()
        if self._lines is not None:
            self._lines.close()

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the processes of services."""
        return tuple(one.name for one in self.stack.plan.processes)

    @property
    def brokers(self) -> tuple[str, ...]:
        return self.stack.plan.kafkas

    @property
    def members(self) -> tuple[str, ...]:
        return self.stack.plan.mongods

    def runs(self, name: str) -> bool:
        return self.stack.daemon(name).pid() is not None

    async def signal(self, name: str, number: signal.Signals) -> None:
        await asyncio.to_thread(self.stack.daemon(name).signal, number)

    async def kill(self, *names: str) -> None:
        """SIGKILL, until they are gone. Exactly these: the name of a service stands for one process here."""
        for name in names:
            await self.signal(name, signal.SIGKILL)
        for name in names:
            await self.gone(name, STOP_SECONDS)

    async def stop(self, name: str) -> bool:
        """SIGTERM, until it is gone; False if it had to be killed."""
        return await asyncio.to_thread(self.stack.daemon(name).stop, STOP_SECONDS)

    async def gone(self, name: str, seconds: float) -> bool:
        """Whether it ends by itself."""
        return await asyncio.to_thread(self.stack.daemon(name).wait, seconds)

    async def stopped(self, name: str, seconds: float) -> bool:
        """Whether it comes to be stopped, as by SIGSTOP, or ends."""

        def looks() -> bool:
            pid = self.stack.daemon(name).pid()
            return pid is None or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if await asyncio.to_thread(looks):
                    return True
            await asyncio.sleep(0.2)
        return False

    async def begin(
        self, name: str, env: Mapping[str, str] | None = None, folder: Path = PROJECT, *, before: Sequence[str] = ()
    ) -> None:
        """Start what does not run, at once, with more environment, from another folder, or as an argument of others.

        What was once started `before` something stays so.
        """
        part, daemon = self.stack.parts[name], self.stack.daemon(name)
        if before:
            self._commands[name] = (part.command[0], *before, *part.command[2:])

        def start() -> None:
            if daemon.pid() is None:
                part.before()
                daemon.start(self._commands.get(name, part.command), {**part.env, **(env or {})}, folder)

        await asyncio.to_thread(start)

    async def heal(self) -> None:
        """Everything runs again, no line is cut."""
        for name in self.stack.plan.fronts:
            await self.line(name)
        for name in (*self.members, *self.brokers, *self.services, "mail", "gateway"):
            await self.signal(name, signal.SIGCONT)
            await self.begin(name)

    async def line(self, name: str, mode: str = "open", delay: float = 0.0) -> None:
        """How others reach a broker or a member."""
        assert self._lines is not None
        await asyncio.to_thread(self._lines.set, self.stack.plan.fronts[name], mode, delay)

    async def ready(self, names: Sequence[str], seconds: float = 120) -> list[str]:
        """Wait until all are ready; returns those that are not, when time is up."""

        async def one(name: str) -> None:
            while not await asyncio.to_thread(self.stack.parts[name].ready):
                await asyncio.sleep(0.2)

        tasks = {asyncio.create_task(one(name), name=name) for name in names}
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        return [task.get_name() for task in late]
