"""A stack that can be started, looked at, hurt and stopped.

Tests use it as it is:

    stack = Stack.create(folder, free_ports=True)
    stack.start()                      # everything; or stack.start("mongo", "kafka")
    stack.kill("installer")            # SIGKILL, and wait until it is gone
    stack.start("installer")
    stack.destroy()                    # stop, and delete the folder

A name is a part's (`mongo`, `installer-2`) or a service's, which stands for all of its processes.
"""

import fcntl
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Self

from deploy.local import applications, infrastructure, ports
from deploy.local.broker import Broker, Engine, choose
from deploy.local.part import Part
from deploy.local.paths import PROJECT
from deploy.local.plan import SERVICES, Plan, Process
from deploy.local.process import Daemon, StartError
from deploy.local.starting import start_all
from deploy.local.waiting import say

STOP_SECONDS = 30.0
TOPICS = PROJECT / "shared" / "contracts" / "topics.py"


class Stack:
    """The processes of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        kafka: str | Broker = "auto",
        free_ports: bool = False,
        split: bool = False,
        replicas: Mapping[str, int] | None = None,
        env: Mapping[str, str] | None = None,
        mongod_options: tuple[str, ...] = (),
        processes: tuple[Process, ...] = (),
        brokers: int = 1,
        members: int = 1,
        fronted: bool = False,
    ) -> Self:
        """Describe a stack; nothing starts yet. `kafka` is as LOCAL_KAFKA, or a decision made before.

        The rest is as in `Plan.make`.
        Raises StartError when that Kafka cannot be had.
        """
        broker = choose(kafka) if isinstance(kafka, str) else kafka
        plan = Plan.make(
            folder,
            broker,
            free_ports=free_ports,
            split=split,
            replicas=replicas,
            env=env,
            mongod_options=mongod_options,
            processes=processes,
            brokers=brokers,
            members=members,
            fronted=fronted,
        )
        return cls(plan)

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Every part by name, in the order in which they start."""
        mongods = [infrastructure.mongo(self.plan, name) for name in self.plan.mongods]
        every = [*mongods, *infrastructure.kafka(self.plan), *applications.all_of(self.plan)]
        return {part.name: part for part in every}

    @property
    def infrastructure(self) -> tuple[str, ...]:
        """What everything else stands on."""
        return (*self.plan.mongods, *self.plan.kafkas)

    def daemon(self, name: str) -> Daemon:
        return Daemon(name, self.plan.folder / "run" / f"{name}.pid", self.plan.folder / "log" / f"{name}.log")

    def expand(self, *names: str) -> list[str]:
        """The names of the parts that are meant; of all without a name. Raises KeyError for an unknown one."""
        if not names:
            return list(self.plan.part_names)
        chosen: list[str] = []
        for name in names:
            processes = [it.name for it in self.plan.processes if it.service == name]
            if not processes and name not in self.plan.part_names:
                raise KeyError(name)
            chosen += processes or [name]
        return list(dict.fromkeys(chosen))

    def start(self, *names: str) -> None:
        """Start what does not run yet, and wait until all of it was ready once.

        Raises StartError, naming all taken ports at once, or with the end of the log of a part that failed.
        """
        # An external Kafka is no part of ours.
        wanted = [self.parts[name] for name in self.expand(*names) if name in self.parts]
        with self._alone():
            unready = [(part, daemon) for part in wanted if not (daemon := self.daemon(part.name)).was_ready()]
            asleep = [part for part, daemon in unready if not daemon.pid()]
            ports.refuse_taken({port: self.plan.ports[port] for part in asleep for port in part.ports})
            self.plan.save()
            start_all([it for it in unready if it[0].name in self.infrastructure], self.plan.ports)
            others = [it for it in unready if it[0].name not in self.infrastructure]
            if any(part.name.startswith(SERVICES) for part, _ in others):
                self.create_topics()
            start_all(others, self.plan.ports)

    def stop(self, *names: str) -> None:
        """Stop in the opposite order; a part that does not end in time is killed, and said so."""
        with self._alone():
            for group in _last_first(self.expand(*names)):
                for name in group:
                    self.daemon(name).signal(signal.SIGTERM)
                for name in group:
                    if not self.daemon(name).stop(STOP_SECONDS):
                        say(f"  {name} did not stop within {STOP_SECONDS:.0f} s and was killed")

    def restart(self, *names: str) -> None:
        self.stop(*names)
        self.start(*names)

    def kill(self, *names: str) -> None:
        """SIGKILL, and wait until the processes are gone."""
        for name in self.expand(*names):
            self.daemon(name).signal(signal.SIGKILL)
            self.daemon(name).wait(STOP_SECONDS)

    def pause(self, *names: str) -> None:
        """SIGSTOP: the processes are there and answer nothing."""
        for name in self.expand(*names):
            self.daemon(name).signal(signal.SIGSTOP)

    def resume(self, *names: str) -> None:
        for name in self.expand(*names):
            self.daemon(name).signal(signal.SIGCONT)

    def destroy(self) -> None:
        """Stop everything at once and delete the folder: data, logs, secrets."""
        self.resume()
        self.kill(*(name for name in self.expand() if name not in self.infrastructure))
        self.stop(*self.infrastructure)
        shutil.rmtree(self.plan.folder, ignore_errors=True)

    def running(self) -> dict[str, int]:
        """The pids of the parts that run, by name."""
        return {name: pid for name in self.expand() if (pid := self.daemon(name).pid())}

    def service_env(self, service: str) -> dict[str, str]:
        """The environment that a service's own commands need (`topics`, `operator` ...)."""
        return applications.service_env(self.plan, next(it for it in self.plan.processes if it.service == service))

    def run(self, service: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one command of a service, as in `run("auth", "operator", "ada@example.org")`."""
        return subprocess.run(
            [applications.python(), "-m", f"services.{service}", *arguments],
            env=self.service_env(service),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def create_topics(self) -> None:
        """Create the topics that are missing. Raises StartError."""
        # Once for our own Kafka, whose data lies beside the stamp, and again when the list of topics changes.
        stamp, wanted = self.plan.data / "topics", TOPICS.read_text()
        if self.plan.broker.engine is not Engine.EXTERNAL and stamp.exists() and stamp.read_text() == wanted:
            return
        ran = self.run("catalog", "topics")  # any service makes all of them
        if ran.returncode:
            raise StartError(f"the topics could not be made: {(ran.stderr or ran.stdout).strip()[-1500:]}")
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(wanted)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One command at a time changes a stack."""
        self.plan.folder.mkdir(parents=True, exist_ok=True)
        with (self.plan.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("  another command works on this stack; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _last_first(names: list[str]) -> list[list[str]]:
    """What nobody needs stops first: the gateway, then services and samples, then Kafka, then MongoDB."""
    rank = {"gateway": 0, "kafka": 2, "mongo": 3}
    groups: dict[int, list[str]] = {}
    for name in names:
        groups.setdefault(rank.get(name.partition("-")[0], 1), []).append(name)
    return [groups[number] for number in sorted(groups)]
