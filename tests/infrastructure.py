"""Kafka and MongoDB for a test run.

- By default local processes: the local stack's, on free ports in a folder of their own. `LOCAL_KAFKA` chooses the
  broker, as it does for `make up`.
- Servers that run already: `TEST_KAFKA` (host:port) and `TEST_MONGO` (a URL), both together.
- Containers, where a Docker engine runs: `TEST_INFRA=containers`. Without an engine the tests that need servers are
  skipped.

Whatever it is, all topics are there afterwards.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
def start_infrastructure() -> Iterator[Infrastructure]:
    """Servers for one run, with all topics; what was started here is stopped at the end.

    Raises ValueError for a TEST_INFRA that there is not, StartError when local processes do not start.
    """
    with _chosen() as started:
        asyncio.run(create_topics(started.kafka, ALL_TOPICS, partitions=PARTITIONS, replication=1))
        yield started


@contextmanager
def _chosen() -> Iterator[Infrastructure]:
    kafka, mongo_url = os.environ.get("TEST_KAFKA"), os.environ.get("TEST_MONGO")
    wanted = os.environ.get("TEST_INFRA") or "local"  # an empty variable counts as missing
    if kafka and mongo_url:
        yield Infrastructure(kafka, mongo_url, Engine.EXTERNAL)
    elif wanted == "containers":
        with _containers() as started:
            yield started
    elif wanted == "local":
        with _local_processes() as started:
            yield started
    else:
        raise ValueError(f"TEST_INFRA is local or containers, not {wanted}")


@contextmanager
def _local_processes() -> Iterator[Infrastructure]:
    with tempfile.TemporaryDirectory(prefix="souk-tests-") as folder:
        stack = Stack.create(Path(folder) / "stack", kafka=os.environ.get("LOCAL_KAFKA", "auto"), free_ports=True)
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
