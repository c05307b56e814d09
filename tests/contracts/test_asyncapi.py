"""The AsyncAPI documents keep the rules of AsyncAPI 3.0 that its JSON schema cannot say, and tell every topic once."""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from docs.alerts import SERVICES
from docs.generate import build
from shared.contracts.envelope import TopicKind
from shared.contracts.topics import ALL_TOPICS
from shared.plumbing.asyncapi import asyncapi_document

Document = dict[str, Any]
KEY = re.compile(r"[A-Za-z0-9._-]+")
STATE_TOPICS = {topic.name for topic in ALL_TOPICS if topic.kind is TopicKind.STATE}


def faults(document: Document) -> list[str]:
    """What a reader of the document would stumble over."""
    return [*_keys(document), *_references(document, document), *_channels(document), *_operations(document)]


def _keys(document: Document) -> Iterator[str]:
    maps = {"channels": document["channels"], "operations": document["operations"]}
    maps |= {f"components.{kind}": entries for kind, entries in document["components"].items()}
    maps |= {f"messages of {name}": channel["messages"] for name, channel in document["channels"].items()}
    yield from (f"{place} has the key {key}" for place, keys in maps.items() for key in keys if not KEY.fullmatch(key))


def _references(document: Document, node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for entry in node:
            yield from _references(document, entry)
    elif isinstance(node, dict):
        if "$ref" in node and _resolved(document, node["$ref"]) is None:
            yield f"{node['$ref']} leads nowhere"
        for entry in node.values():
            yield from _references(document, entry)


def _resolved(document: Document, reference: str) -> Any:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _channels(document: Document) -> Iterator[str]:
    seen: set[str] = set()
    for channel in document["channels"].values():
        address = channel["address"]
        if address in seen:
            yield f"{address} has several channels"
        seen.add(address)
        if ("Tombstone" in channel["messages"]) != (address in STATE_TOPICS):
            yield f"{address} is wrong about tombstones"


def _operations(document: Document) -> Iterator[str]:
    for name, operation in document["operations"].items():
        for message in operation["messages"]:
            if not message["$ref"].startswith(f"{operation['channel']['$ref']}/messages/"):
                yield f"{name} has {message['$ref']}, which is not of its channel"


@pytest.mark.parametrize("name", SERVICES)
def test_the_document_keeps_the_rules(name: str) -> None:
    assert faults(asyncapi_document(build(name))) == []


@pytest.mark.parametrize("name", SERVICES)
def test_everything_that_the_service_sends_and_receives_is_told(name: str) -> None:
    service = build(name)
    sent = {("send", message.topic.name, message.type_name()) for message in service.produces}
    received = {
        ("receive", row.topic.name, message.type_name()) for row in service.subscriptions for message in row.messages
    }

    told = {
        (operation["action"], *reference["$ref"].removeprefix("#/channels/").split("/messages/"))
        for operation in asyncapi_document(service)["operations"].values()
        for reference in operation["messages"]
    }

    assert {one for one in told if one[2] != "Tombstone"} == sent | received


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda it: it["components"]["messages"].update({"catalog:AddOn": {}}),
            "components.messages has the key catalog:AddOn",
        ),
        (lambda it: it["components"]["schemas"].pop("Envelope"), "#/components/schemas/Envelope leads nowhere"),
        (
            lambda it: it["channels"].update(again=it["channels"]["catalog.addons.v1"]),
            "catalog.addons.v1 has several channels",
        ),
        (
            lambda it: it["channels"]["catalog.addons.v1"]["messages"].pop("Tombstone"),
            "catalog.addons.v1 is wrong about tombstones",
        ),
        (
            lambda it: it["operations"]["send.catalog.addons.v1"]["messages"].append({"$ref": "#/info"}),
            "send.catalog.addons.v1 has #/info, which is not of its channel",
        ),
    ],
)
def test_a_fault_is_seen(change: Callable[[Document], object], told: str) -> None:
    document = copy.deepcopy(asyncapi_document(build("catalog")))
    change(document)

    assert told in faults(document)
