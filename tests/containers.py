"""Kafka and MongoDB in containers: the compose file's images and settings, on free ports of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import ExecWaitStrategy, LogMessageWaitStrategy

from deploy.local import ports
from deploy.local.ports import HOST

COMPOSE = Path(__file__).parents[1] / "deploy" / "docker-compose.yml"
START_SECONDS = 180
MONGO_PORT = 27017


@contextmanager
def kafka_and_mongo() -> Iterator[tuple[str, str]]:
    """Start both; gives Kafka's bootstrap address and MongoDB's. They end with the block."""
    described: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    port = ports.free(["kafka", "mongo"])
    with kafka(described["kafka"], port["kafka"]), mongo(described["mongo"], port["mongo"]):
        # The replica set names its member as the container knows it, so the driver must not look for others.
        yield f"{HOST}:{port['kafka']}", f"mongodb://{HOST}:{port['mongo']}/?directConnection=true"


def kafka(described: dict[str, Any], port: int) -> DockerContainer:
    """A broker tells its clients where it is: the same port inside and outside, chosen before it starts."""
    listeners = {
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{HOST}:{port}",
    }
    environment = {name: str(value) for name, value in (described["environment"] | listeners).items()}
    return (
        DockerContainer(described["image"])
        .with_envs(**environment)
        .with_bind_ports(port, port)
        .with_kwargs(hostname="kafka")  # as the quorum's voter is called
        .waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(START_SECONDS))
    )


def mongo(described: dict[str, Any], port: int) -> DockerContainer:
    """The health check makes it a replica set, and succeeds when it takes writes."""
    _, *check = described["healthcheck"]["test"]  # without the word CMD
    return (
        DockerContainer(described["image"])
        .with_command(described["command"])
        .with_bind_ports(MONGO_PORT, port)
        .with_kwargs(hostname="mongo")  # as the check names the member
        .waiting_for(ExecWaitStrategy(check).with_startup_timeout(START_SECONDS))
    )
