"""What one stack consists of: its folder, its ports, its Kafka, how many processes. Nothing here runs anything."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from deploy.local import ports as local_ports
from deploy.local.broker import Broker, Engine
from deploy.local.ports import HOST

SERVICES = ("auth", "catalog", "installer", "notifier")
SPLIT_ROLES = ("api", "worker")
# Second replicas listen ten higher; the worker of a split service five higher.
REPLICA_STEP, WORKER_STEP = 10, 5
NODE_STEP = 10  # between brokers, and between the members of a replica set


@dataclass(frozen=True)
class Process:
    """One process of a service."""

    service: str
    role: str  # api | worker | all
    number: int = 1

    @property
    def name(self) -> str:
        """As in `installer`, `installer-worker`, `installer-2`."""
        role = "" if self.role == "all" else f"-{self.role}"
        return f"{self.service}{role}{'' if self.number == 1 else f'-{self.number}'}"

    @property
    def step(self) -> int:
        return REPLICA_STEP * (self.number - 1) + (WORKER_STEP if self.role == "worker" else 0)


@dataclass(frozen=True)
class Plan:
    """The description of a stack. Two plans with different folders and ports run beside each other."""

    folder: Path
    broker: Broker
    processes: tuple[Process, ...]
    ports: dict[str, int]
    env: dict[str, str] = field(default_factory=dict)
    mongod_options: tuple[str, ...] = ()
    brokers: int = 1
    members: int = 1  # of MongoDB's replica set
    fronts: dict[str, int] = field(default_factory=dict)
    """By the name of a port: where others find it, if something stands in front, such as a proxy that cuts lines."""

    @classmethod
    def make(
        cls,
        folder: Path,
        broker: Broker,
        *,
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
        """`env` goes to every process of ours and wins over everything else.

        `processes` names those of the services one by one, in place of `split` and `replicas`. `fronted` gives each
        broker and member a second port, at which others find it; somebody has to listen there.
        Raises ValueError for a port setting that is no port, or a replica count of an unknown service.
        """
        replicas = replicas or {}
        if unknown := set(replicas) - set(SERVICES):
            raise ValueError(f"no service is named {', '.join(sorted(unknown))}")
        roles = SPLIT_ROLES if split else ("all",)
        processes = processes or tuple(
            Process(service, role, number)
            for service in SERVICES
            for number in range(1, replicas.get(service, 1) + 1)
            for role in roles
        )
        fixed = local_ports.configured()
        for process in processes:
            fixed[process.name] = fixed[process.service] + process.step
            fixed[f"{process.name}_internal"] = fixed[f"{process.service}_internal"] + process.step
        for name in (*_numbered("mongo", members), *_numbered("kafka", brokers)):
            kind, _, number = name.partition("-")
            fixed[name] = fixed[kind] + NODE_STEP * (int(number or 1) - 1)
            if kind == "kafka":
                fixed[f"{name}_controller"] = fixed["kafka_controller"] + fixed[name] - fixed["kafka"]
        chosen = local_ports.free(fixed) if free_ports else fixed
        seen = [*_numbered("mongo", members), *_numbered("kafka", brokers)] if fronted else []
        return cls(
            *(folder.resolve(), broker, processes, chosen, dict(env or {}), mongod_options, brokers, members),
            fronts=local_ports.free(seen),
        )

    @property
    def part_names(self) -> tuple[str, ...]:
        """Of everything that may run, in the order of its start."""
        services = (it.name for it in self.processes)
        return (*self.mongods, *self.kafkas, "mail", *services, "product", "addon", "gateway")

    @property
    def mongods(self) -> tuple[str, ...]:
        """As in `mongo`, `mongo-2`."""
        return _numbered("mongo", self.members)

    @property
    def kafkas(self) -> tuple[str, ...]:
        """As in `kafka`, `kafka-2`."""
        return _numbered("kafka", self.brokers)

    def found_at(self, name: str) -> str:
        """HOST:PORT at which others find a broker or a member."""
        return f"{HOST}:{self.fronts.get(name, self.ports[name])}"

    @property
    def data(self) -> Path:
        """Apart for each Kafka, because what MongoDB holds and what the topics hold belong together."""
        return self.folder / "data" / self.broker.engine

    @property
    def public_url(self) -> str:
        return f"http://localhost:{self.ports['gateway']}"

    @property
    def mongo_url(self) -> str:
        return f"mongodb://{','.join(map(self.found_at, self.mongods))}/?replicaSet=rs0"

    @property
    def kafka_name(self) -> str:
        return f"{self.broker.engine} {self.broker.address}".strip()

    @property
    def kafka(self) -> str:
        if self.broker.engine is Engine.EXTERNAL:
            return self.broker.address
        return ",".join(map(self.found_at, self.kafkas))

    @property
    def mail_url(self) -> str:
        return f"http://localhost:{self.ports['mail']}"

    def url(self, name: str) -> str:
        """The address of one part without the gateway: `product`, `addon`, `installer-2`, `auth_internal` ..."""
        return f"http://{HOST}:{self.ports[name]}"

    def upstreams(self, service: str) -> str:
        """What the gateway balances over, separated by spaces."""
        apis = [it for it in self.processes if it.service == service and it.role != "worker"]
        return " ".join(f"{HOST}:{self.ports[it.name]}" for it in apis)

    def save(self) -> None:
        """Remember the plan beside its data, so that `down` and `status` need no settings."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / "stack.part"
        part.write_text(json.dumps(asdict(self) | {"folder": str(self.folder)}, indent=2))
        part.replace(self.folder / "stack.json")

    @classmethod
    def saved(cls, folder: Path) -> Self | None:
        """The plan that was last started in the folder."""
        try:
            kept: dict[str, Any] = json.loads((folder / "stack.json").read_text())
        except FileNotFoundError:
            return None
        return cls(
            folder=Path(kept["folder"]),
            broker=Broker(**(kept["broker"] | {"engine": Engine(kept["broker"]["engine"])})),
            processes=tuple(Process(**it) for it in kept["processes"]),
            ports=kept["ports"],
            env=kept["env"],
            mongod_options=tuple(kept["mongod_options"]),
            brokers=kept.get("brokers", 1),
            members=kept.get("members", 1),
            fronts=kept.get("fronts", {}),
        )


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(name if number == 1 else f"{name}-{number}" for number in range(1, count + 1))


def replicas_from(env: Mapping[str, str] = os.environ) -> dict[str, int]:
    """Read `LOCAL_REPLICAS="notifier=2 installer=3"`. Raises ValueError for anything else."""
    given = env.get("LOCAL_REPLICAS", "")
    try:
        return {service: int(count) for service, count in (item.split("=") for item in given.split())}
    except ValueError:
        raise ValueError(f'LOCAL_REPLICAS is like "notifier=2 installer=3", not {given!r}') from None
