"""Starts Kafka and MongoDB for a test run: by the local stack, or by containers when asked."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.broker import Engine
from deploy.local.stack import Stack


@dataclass(frozen=True)
class Infrastructure:
    """Where the tests find their servers."""

    kafka: str
    mongo_url: str
    engine: Engine


@contextmanager
def start_infrastructure() -> Iterator[Infrastructure]:
    """Servers for one run, stopped at its end. Chosen by TEST_KAFKA and TEST_MONGO, TEST_INFRA, LOCAL_KAFKA."""
    kafka, mongo_url = os.environ.get("TEST_KAFKA"), os.environ.get("TEST_MONGO")
    if kafka and mongo_url:
        yield Infrastructure(kafka, mongo_url, Engine.EXTERNAL)
    elif os.environ.get("TEST_INFRA") == "containers":
        with _containers() as started:
            yield started
    else:
        with _local_processes() as started:
            yield started


@contextmanager
def _local_processes() -> Iterator[Infrastructure]:
    with tempfile.TemporaryDirectory(prefix="souk-tests-") as folder:
        stack = Stack.create(Path(folder) / "stack", kafka=os.environ.get("LOCAL_KAFKA", "auto"), free_ports=True)
        try:
            stack.start("mongo", "kafka")
            stack.create_topics()
            yield Infrastructure(stack.plan.kafka, stack.plan.mongo_url, stack.plan.broker.engine)
        finally:
            stack.destroy()


@contextmanager
def _containers() -> Iterator[Infrastructure]:
    containers = pytest.importorskip("testcontainers.kafka", reason="testcontainers is not installed")
    mongodb = pytest.importorskip("testcontainers.mongodb", reason="testcontainers is not installed")
    with (
        containers.KafkaContainer("apache/kafka:4.1.0").with_kraft() as kafka,
        mongodb.MongoDbContainer("mongo:8").with_command("--replSet rs0") as mongo,
    ):
        mongo.exec(["mongosh", "--quiet", "--eval", "rs.initiate({_id:'rs0',members:[{_id:0,host:'localhost'}]})"])
        url = f"mongodb://{mongo.get_container_host_ip()}:{mongo.get_exposed_port(27017)}/?directConnection=true"
        yield Infrastructure(kafka.get_bootstrap_server(), url, Engine.APACHE)
