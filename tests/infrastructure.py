"""Kafka and MongoDB for a test run.

- By default local processes: the local stack's, on free ports in a folder of their own. `LOCAL_KAFKA` chooses the
  broker, as it does for `make up`.
- Servers that run already: `TEST_KAFKA` (host:port) and `TEST_MONGO` (a URL), both together.
- Containers, where a Docker engine runs: `TEST_INFRA=containers`. Without an engine the tests that need servers are
  skipped.

Whatever it is, all topics are there afterwards.
"""

import asyncio
import faulthandler
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from deploy.local.broker import Engine
from deploy.local.stack import Stack
from shared.contracts.topics import ALL_TOPICS
from shared.plumbing.topics import create_topics

PARTITIONS = 6


@dataclass(frozen=True)
class Infrastructure:
    """Where the tests find their servers."""

    kafka: str
    mongo_url: str
    engine: Engine


@contextmanager
def shared_infrastructure(folder: Path) -> Iterator[Infrastructure]:
    """The same servers for all workers of a run, who know each other by the folder.

    The first worker that needs servers starts them, and stops them when no other uses them any more.
    Raises as `start_infrastructure` does.
    """
    notes = folder / "servers.json"
    with (folder / "start").open("w") as start, (folder / "use").open("w") as use, ExitStack() as mine:
        fcntl.flock(start, fcntl.LOCK_EX)
        fcntl.flock(use, fcntl.LOCK_SH)
        if notes.exists():
            noted = json.loads(notes.read_text())
            servers = Infrastructure(noted["kafka"], noted["mongo_url"], Engine(noted["engine"]))
        else:
            servers = mine.enter_context(start_infrastructure(folder))
            notes.write_text(json.dumps(asdict(servers)))
            mine.callback(notes.unlink)
            mine.callback(fcntl.flock, use, fcntl.LOCK_EX)  # waits for the others,
            mine.callback(faulthandler.cancel_dump_traceback_later)  # which is not hanging
        fcntl.flock(start, fcntl.LOCK_UN)
        yield servers


@contextmanager
def start_infrastructure(folder: Path) -> Iterator[Infrastructure]:
    """Servers with all topics; what was started here, in that folder, is stopped at the end.

    Raises ValueError for a TEST_INFRA that there is not, StartError when local processes do not start.
    """
    with _chosen(folder) as started:
        asyncio.run(create_topics(started.kafka, ALL_TOPICS, partitions=PARTITIONS, replication=1))
        yield started


@contextmanager
def _chosen(folder: Path) -> Iterator[Infrastructure]:
    kafka, mongo_url = os.environ.get("TEST_KAFKA"), os.environ.get("TEST_MONGO")
    wanted = os.environ.get("TEST_INFRA") or "local"  # an empty variable counts as missing
    if kafka and mongo_url:
        yield Infrastructure(kafka, mongo_url, Engine.EXTERNAL)
    elif wanted == "containers":
        with _containers() as started:
            yield started
    elif wanted == "local":
        with _local_processes(folder) as started:
            yield started
    else:
        raise ValueError(f"TEST_INFRA is local or containers, not {wanted}")


@contextmanager
def _local_processes(folder: Path) -> Iterator[Infrastructure]:
    stack = Stack.create(folder / "servers", kafka=os.environ.get("LOCAL_KAFKA", "auto"), free_ports=True)
    try:
        stack.start("mongo", "kafka")
        yield Infrastructure(stack.plan.kafka, stack.plan.mongo_url, stack.plan.broker.engine)
    finally:
        stack.destroy()


@contextmanager
def _containers() -> Iterator[Infrastructure]:
    if not docker_answers():
        pytest.skip("TEST_INFRA=containers needs a Docker engine, and `docker info` has no answer from one")
    # Imported here, because the Docker client is for those who ask for containers.
    from tests.containers import kafka_and_mongo  # noqa: PLC0415

    with kafka_and_mongo() as (kafka, mongo_url):
        yield Infrastructure(kafka, mongo_url, Engine.APACHE)


def docker_answers() -> bool:
    """Docker counts as present only when an engine answers, not when the command exists."""
    if not shutil.which("docker"):
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False).returncode == 0  # noqa: S607 -- from the PATH
    except subprocess.TimeoutExpired:
        return False
