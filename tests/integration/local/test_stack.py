"""A stack as a whole, with real processes; what needs no Kafka does without."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pymongo
import pytest

from deploy.local.broker import Broker, Engine
from deploy.local.plan import Plan
from deploy.local.process import StartError
from deploy.local.stack import Stack

NO_KAFKA = Broker(Engine.EMBEDDED, "none is started")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack.create(tmp_path / "stack", kafka=NO_KAFKA, free_ports=True)
    yield made
    made.destroy()


def test_a_second_start_leaves_what_runs_alone(stack: Stack) -> None:
    stack.start("mail")
    before = stack.running()

    stack.start("mail")

    assert stack.running() == before
    assert set(before) == {"mail"}


def test_mongodb_takes_writes_once_started_and_keeps_them_over_a_kill(stack: Stack) -> None:
    stack.start("mongo")
    with pymongo.MongoClient[dict[str, object]](stack.plan.mongo_url) as client:
        client.souk.things.insert_one({"_id": 1})

    stack.kill("mongo")
    assert stack.running() == {}
    stack.start("mongo")

    with pymongo.MongoClient[dict[str, object]](stack.plan.mongo_url) as client:
        assert client.souk.things.find_one() == {"_id": 1}


def test_a_start_that_was_interrupted_before_all_was_ready_is_completed(stack: Stack) -> None:
    """A mongod runs, but nobody has made it a replica set yet."""
    part, daemon = stack.parts["mongo"], stack.daemon("mongo")
    part.before()
    daemon.start(part.command, part.env, part.folder)
    pid = daemon.pid()

    stack.start("mongo")

    assert daemon.pid() == pid
    with pymongo.MongoClient[dict[str, object]](stack.plan.mongo_url) as client:
        assert client.is_primary


def test_data_may_move_to_another_port(stack: Stack) -> None:
    stack.start("mongo")
    stack.stop("mongo")

    moved = Stack.create(stack.plan.folder, kafka=NO_KAFKA, free_ports=True)
    moved.start("mongo")

    with pymongo.MongoClient[dict[str, object]](moved.plan.mongo_url) as client:
        assert client.is_primary


def test_taken_ports_are_told_together_and_nothing_is_started(stack: Stack) -> None:
    smtp, gateway = stack.plan.ports["smtp"], stack.plan.ports["gateway"]
    with (
        socket.create_server(("127.0.0.1", smtp)),
        socket.create_server(("127.0.0.1", gateway)),
        pytest.raises(StartError) as refused,
    ):
        stack.start("mail", "gateway")

    assert f"{smtp} (LOCAL_SMTP_PORT)" in str(refused.value)
    assert f"{gateway} (LOCAL_GATEWAY_PORT)" in str(refused.value)
    assert stack.running() == {}


def test_a_part_that_ends_at_once_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    stack = Stack.create(tmp_path, kafka=NO_KAFKA, free_ports=True, mongod_options=("--noSuchOption",))

    with pytest.raises(StartError, match=r"mongo ended before it was ready\. The end of .*mongo\.log:\n.*noSuchOption"):
        stack.start("mongo")


def test_the_plan_is_found_again_in_its_folder(stack: Stack) -> None:
    stack.start("mail")

    again = Plan.saved(stack.plan.folder)

    assert again == stack.plan
    assert Stack(stack.plan).running() == stack.running()


def test_a_paused_part_is_there_and_answers_again_once_resumed(stack: Stack) -> None:
    stack.start("mail")

    stack.pause("mail")
    assert not stack.parts["mail"].ready()
    stack.resume("mail")

    assert stack.parts["mail"].ready()


def test_a_name_that_nothing_has_is_an_error(stack: Stack) -> None:
    with pytest.raises(KeyError, match="billing"):
        stack.kill("billing")


def test_destroying_leaves_neither_processes_nor_files(tmp_path: Path) -> None:
    stack = Stack.create(tmp_path / "stack", kafka=NO_KAFKA, free_ports=True)
    stack.start("mongo", "mail")
    pids = stack.running().values()

    stack.destroy()

    assert not (tmp_path / "stack").exists()
    assert len(pids) == 2
    assert stack.running() == {}
