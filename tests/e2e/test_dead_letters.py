"""What was set aside, through the gateway and on the command line, for every service alike."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from shared.contracts.auth import WorkspaceChanged
from shared.contracts.envelope import Message
from shared.contracts.installer import CheckWorkspace
from shared.contracts.registry import ALL_MESSAGES
from tests.e2e.marketplace import Marketplace
from tests.e2e.test_bad_records import READERS, headers_of
from tests.e2e.topics import Record, produce

SERVICES = tuple(READERS)


def path(service: str, *more: str) -> str:
    return "/".join((f"/api/{service}/v1/operator/dead-letters", *more))


@pytest.mark.parametrize("service", SERVICES)
def test_an_operator_finds_a_record_that_nobody_could_read_and_closes_it(
    marketplace: Marketplace, service: str
) -> None:
    operator, topic, key = marketplace.operator, READERS[service][0], secrets.token_hex(12)
    kind = next(message.type_name() for message in ALL_MESSAGES if message.topic.name == topic)
    produce(marketplace.stack.plan.kafka, [Record(topic, key.encode(), b'{"cut', headers_of(kind))])
    marketplace.settle()

    (letter,) = operator.call("GET", path(service), params={"key": key, "topic": topic, "type": kind})["items"]
    tried = operator.call("POST", path(service, letter["id"], "replay"))
    assert (tried["status"], tried["tries"], tried["reason"]) == ("open", 1, "not-json")
    order = {"which": {"key": key}, "because": "a stranger's"}
    assert operator.call("POST", path(service, "discard"), json=order) == {"discarded": 1, "more": False}

    closed = operator.call("GET", path(service, letter["id"]))
    told = (closed["status"], closed["closed_because"], closed["closed_by"])
    assert told == ("discarded", "a stranger's", operator.user_id)
    assert marketplace.admin.send("GET", path(service)).json()["slug"] == "role-required"


def test_a_record_that_met_a_bug_is_replayed_once_by_whoever_comes_first(marketplace: Marketplace) -> None:
    """The repaired handler takes it; a second time it is closed; what is older than the state says so."""
    known, unknown = marketplace.workspace(), secrets.token_hex(12)
    marketplace.snapshot(known)
    marketplace.settle()
    letters = [_letter(marketplace, unknown, version=1), _letter(marketplace, known, version=0)]
    operator = marketplace.operator

    first = operator.call("POST", path("notifier", letters[0], "replay"))
    ran = marketplace.stack.run("notifier", "dead-letters", "replay", *letters)
    again = operator.call("POST", path("notifier", letters[0], "replay"))

    assert (first["status"], first["closed_by"]) == ("replayed", operator.user_id)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["letters"] == {letters[0]: "closed", letters[1]: "superseded"}
    assert again == first
    assert operator.call("GET", path("notifier", letters[1]))["closed_by"] == "command"
    nothing_said = marketplace.stack.run("notifier", "dead-letters", "replay")
    assert nothing_said.returncode != 0
    assert "name ids" in nothing_said.stderr


@pytest.mark.slow
def test_the_command_line_shows_replays_by_filter_and_discards_with_a_reason(marketplace: Marketplace) -> None:
    def run(*words: str, fails: bool = False, service: str = "notifier") -> Any:
        ran = marketplace.stack.run(service, "dead-letters", *words)
        assert (ran.returncode != 0) is fails, ran.stderr
        return ran.stderr if fails else json.loads(ran.stdout)

    one, other, third = (secrets.token_hex(12) for _ in range(3))
    letters = [_letter(marketplace, key, version=1) for key in (one, other, third)]

    (shown,) = run("show", letters[0])
    assert (shown["id"], shown["status"], shown["key"]) == (letters[0], "open", one)
    assert run("replay", "--key", one, "--type", "WorkspaceChanged") == {
        "replayed": 1,
        "letters": {letters[0]: "replayed"},
    }
    assert "--because" in run("discard", "--key", other, fails=True)
    assert "name ids" in run("discard", "--because", "nothing said", fails=True)
    assert "--since" in run("list", "--since", "nonsense", fails=True)
    assert "--because" in run("discard", "--key", other, "--because", "  ", fails=True)
    assert "either" in run("discard", letters[1], "--key", other, "--because", "which one?", fails=True)
    assert "--limit" in run("list", "--limit", "0", fails=True)
    assert "no such" in run("show", "nope", fails=True)
    assert run("discard", "--key", other, "--because", "a stranger's") == {"discarded": 1}
    assert run("discard", letters[2], "--because", "another's") == {"discarded": 1}
    assert run("discard", *letters, "--because", "twice") == {"discarded": 0}
    assert [(found["status"], found["closed_because"]) for found in run("show", *letters[1:])] == [
        ("discarded", "a stranger's"),
        ("discarded", "another's"),
    ]


@pytest.mark.slow
def test_a_question_that_was_set_aside_is_answered_by_the_command_that_replays_it(marketplace: Marketplace) -> None:
    """Its handler sends a record, from a process that has only just begun to look for Kafka."""
    installation, now = secrets.token_hex(12), datetime.now(UTC)
    question = {"installation_id": installation, "check": 1, "workspace_id": "a" * 24, "user_id": "b" * 24}
    value = {**question, "asked_at": now.isoformat()}
    letter = _set_aside(marketplace, "auth", CheckWorkspace, installation, value)

    ran = marketplace.stack.run("auth", "dead-letters", "replay", letter)

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["letters"] == {letter: "replayed"}
    marketplace.topics.wait("WorkspaceChecked", installation_id=installation)


def _letter(marketplace: Marketplace, workspace: str, version: int) -> str:
    value: dict[str, Any] = {"version": version, "workspace_id": workspace, "name": "Old", "deleted": True}
    return _set_aside(marketplace, "notifier", WorkspaceChanged, workspace, value)


def _set_aside(marketplace: Marketplace, service: str, message: type[Message], key: str, value: dict[str, Any]) -> str:
    """As a release with a bug would have left it."""
    topic = message.topic.name
    document = {
        "_id": ObjectId(),
        "group": f"{service}.{topic}",
        "topic": topic,
        "partition": 0,
        "offset": secrets.randbelow(2**40),
        "reason": "handler-bug",
        "detail": "ValueError",
        "status": "open",
        "at": datetime.now(UTC),
        "record": {
            "key": key.encode(),
            "value": json.dumps(value).encode(),
            "headers": [[name.encode(), raw] for name, raw in headers_of(message.type_name())],
            "timestamp": 0,
        },
    }
    with MongoClient[dict[str, Any]](marketplace.stack.plan.mongo_url) as client:
        client[f"souk_{service}"]["dead_letters"].insert_one(document)
    return str(document["_id"])
