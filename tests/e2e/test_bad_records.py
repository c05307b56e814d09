"""What anybody with access to Kafka can write: a dead letter or nothing, and never a consumer that stops."""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.demo.people import eventually
from shared.contracts.envelope import TopicKind
from shared.contracts.registry import ALL_MESSAGES
from shared.contracts.topics import ALL_TOPICS
from tests.e2e.marketplace import EVENTS, Marketplace, SampleAddOn
from tests.e2e.topics import NAMES, Record, everything_on, produce

EXAMPLES = Path(__file__).parents[1] / "contracts" / "examples"
FAULTS: dict[str, dict[str, Any]] = {
    "not-json": {"value": b'{"cut'},
    "schema": {"value": b'{"version": "many", "installation_id": 5}'},
    "bad-header": {"headers": {"ce_subject": b"\xff\xfe"}},
    "unknown-type": {"headers": {"ce_type": b"SomethingNew"}},
    "unknown-version": {"headers": {"ce_dataschema": b"%TYPE%/2"}},
    "null-value": {"value": None},
}
# In place of a field's value. JSON has numbers and dates that no calendar, no database and no other reader has.
STRANGE = (
    str(2**70),
    str(-(2**70)),
    str(2**53 - 1),
    str(-1),
    "1e999",
    "NaN",
    '"2026-03-01T12:00:00"',
    '"0001-01-01T00:00:00+14:00"',
    '"9999-12-31T23:59:59-14:00"',
    '"1970-01-01T00:00:00Z"',
    '"\\u0000$where"',
    '""',
    "null",
    "[]",
    f'{{"$a": {2**70}, "b.c": NaN, "\\u0000": {"[" * 150}{"]" * 150}}}',
)
# The service and the topic of every consumer group.
READERS = {
    "auth": ("installer.workspace-checks.v1",),
    "catalog": ("auth.workspaces.v1", "installer.installation-state.v1", "installer.addon-health.v1"),
    "installer": (
        "auth.workspace-checks.v1",
        "auth.accounts.v1",
        "auth.workspaces.v1",
        "catalog.addons.v1",
        "notifier.notices.v1",
    ),
    "notifier": (
        "auth.accounts.v1",
        "auth.workspaces.v1",
        "catalog.addons.v1",
        "installer.installation-state.v1",
        "installer.installations.v1",
        "auth.mail.v1",
        "installer.addon-health.v1",
        "notifier.notices.v1",
    ),
}
KINDS = {topic.name: topic.kind for topic in ALL_TOPICS}


def headers_of(kind: str, **more: bytes) -> tuple[tuple[str, bytes], ...]:
    """Headers as they should be."""
    good = {
        "ce_specversion": b"1.0",
        "ce_id": secrets.token_hex(8).encode(),
        "ce_source": b"/stranger",
        "ce_type": kind.encode(),
        "ce_subject": b"x",
        "ce_time": datetime.now(UTC).isoformat().encode(),
        "ce_dataschema": f"{kind}/1".encode(),
        "content-type": b"application/json",
        "correlation_id": b"stranger",
    }
    return tuple({**good, **more}.items())


def faulty(topic: str) -> Iterator[Record]:
    """One record of each fault on this topic."""
    kind = next(message.type_name() for message in ALL_MESSAGES if message.topic.name == topic)
    for fault in FAULTS.values():
        more = {name: raw.replace(b"%TYPE%", kind.encode()) for name, raw in fault.get("headers", {}).items()}
        yield Record(topic, secrets.token_hex(12).encode(), fault.get("value", b"{}"), headers_of(kind, **more))
    yield Record(topic, b"\xff", b"\x00\xff" * 1_000)  # no headers, and no text anywhere


def example(message: Any) -> Record:
    """The golden example of a type, as of now."""
    golden = json.loads((EXAMPLES / f"{message.type_name()}.v1.json").read_text())
    headers = {name: text.encode() for name, text in golden["headers"].items()}
    headers["ce_time"] = datetime.now(UTC).isoformat().encode()
    return Record(golden["topic"], golden["key"].encode(), json.dumps(golden["value"]).encode(), tuple(headers.items()))


def test_records_that_nobody_can_read_become_dead_letters(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    kafka = marketplace.stack.plan.kafka

    produce(kafka, [record for topic in NAMES for record in faulty(topic)])
    marketplace.settle()

    for service, topics in READERS.items():
        letters = marketplace.dead_letters(service)
        for topic in topics:
            reasons = {
                one["reason"] for one in letters if (one["group"], one["topic"]) == (f"{service}.{topic}", topic)
            }
            # A state without a value is a tombstone.
            expected = set(FAULTS) - ({"null-value"} if KINDS[topic] is TopicKind.STATE else set())
            assert reasons == expected, (service, topic)
    marketplace.install(addon, workspace)


def strange(message: Any) -> Iterator[Record]:
    """The golden example with one thing strange in it, for each of its places and each strange thing."""
    golden = json.loads((EXAMPLES / f"{message.type_name()}.v1.json").read_text())
    for name in golden["value"]:
        for thing in STRANGE:
            text = json.dumps({**golden["value"], name: "%THING%"}).replace('"%THING%"', thing)
            for known in ("65f0a1b2c3d4e5f6071829", "time-cards"):  # of its own, so that no other version goes before
                text = text.replace(known, secrets.token_hex(len(known) // 2))
            yield Record(
                golden["topic"], secrets.token_hex(12).encode(), text.encode(), headers_of(message.type_name())
            )
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-01T12:00:00"):
        headers = headers_of(message.type_name(), ce_time=moment.encode())
        yield Record(golden["topic"], golden["key"].encode(), json.dumps(golden["value"]).encode(), headers)


@pytest.mark.slow
def test_no_handler_meets_what_it_cannot_take(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    produce(marketplace.stack.plan.kafka, [record for message in ALL_MESSAGES for record in strange(message)])
    marketplace.settle()

    bugs = [
        (service, one["topic"], one["detail"], one["value"])
        for service in READERS
        for reason in ("handler-bug", "decoder-bug")
        for one in marketplace.dead_letters(service, reason)
    ]
    assert bugs == []
    marketplace.install(addon, workspace)


def test_messages_about_nobody_do_no_harm(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    produce(marketplace.stack.plan.kafka, [example(message) for message in ALL_MESSAGES])
    marketplace.settle()

    installation = marketplace.install(addon, workspace)
    marketplace.await_one_mail_about(installation)
    listed = httpx.get(f"{marketplace.url}/api/catalog/v1/addons", params={"limit": 100})
    assert listed.status_code == 200


def test_the_same_event_a_hundred_times_is_one_event(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    installation = marketplace.install(addon, workspace)
    marketplace.await_one_mail_about(installation)
    told = marketplace.told(installation)
    about = [one for one in marketplace.topics.every(installation_id=installation) if one.value]

    produce(marketplace.stack.plan.kafka, [one for one in about for _ in range(100)])
    marketplace.settle()

    later = marketplace.install(addon, marketplace.workspace())
    marketplace.await_one_mail_about(later)  # digests of one person come in order
    assert len(marketplace.mails_about(installation)) == 1
    assert marketplace.told(installation) == told
    assert [call["type"] for call in addon.calls(addon_id=installation)] == ["INSTALLED"]
    assert marketplace.show(installation)["state"] == "INSTALLED"


def test_events_out_of_order_change_nothing(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    installation = marketplace.install(addon, workspace)
    marketplace.topics.wait("InstallationChanged", installation_id=installation, state="INSTALLED")
    about = marketplace.topics.every(installation_id=installation)

    produce(marketplace.stack.plan.kafka, reversed(about))
    marketplace.settle()

    snapshot = marketplace.admin.call("GET", "/api/notifier/v1/snapshot", params={"workspace": workspace})
    assert [(one["installation_id"], one["state"]) for one in snapshot["installations"]] == [
        (installation, "INSTALLED")
    ]
    assert marketplace.show(installation)["state"] == "INSTALLED"


def test_an_older_state_does_not_win(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    marketplace.preflight(addon.key, workspace)
    first = marketplace.topics.wait("WorkspaceChanged", workspace_id=workspace, version=1)
    marketplace.admin.call("PATCH", f"/api/auth/v1/workspaces/{workspace}", json={"name": "Renamed"})
    eventually(lambda: marketplace.preflight(addon.key, workspace)["name"] == "Renamed", "the new name")
    published = marketplace.topics.wait("AddOnPublished", addon_key=addon.key)
    marketplace.publisher.call("DELETE", f"/api/catalog/v1/addons/{addon.key}")
    eventually(lambda: marketplace.preflight(addon.key, workspace)["blockers"], "the withdrawal")

    produce(marketplace.stack.plan.kafka, [first, published])
    marketplace.settle()

    assert marketplace.preflight(addon.key, workspace)["name"] == "Renamed"
    refused = marketplace.ask(addon.key, workspace)
    assert (refused.status_code, refused.json()["slug"]) == (422, "addon-withdrawn")


def test_a_whole_topic_replayed_mails_nobody_and_tells_nothing_new(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    kafka = marketplace.stack.plan.kafka
    installation = marketplace.install(addon, workspace)
    marketplace.await_one_mail_about(installation)
    marketplace.settle()
    mails, calls = len(_mails(marketplace)), len(addon.calls())
    before = {(one.topic, one.id) for one in everything_on(kafka, *NAMES)}

    produce(kafka, everything_on(kafka, *NAMES))
    marketplace.settle()

    later = marketplace.install(addon, marketplace.workspace())
    marketplace.await_one_mail_about(later)
    marketplace.settle()
    events = {one for one in everything_on(kafka, EVENTS, "auth.users.v1", "auth.mail.v1") if one.value}
    new = {(one.type, one.data.get("installation_id")) for one in events if (one.topic, one.id) not in before}
    assert new == {("InstallRequested", later), ("AddOnInstalled", later)}
    assert len(_mails(marketplace)) == mails + 1
    assert len(addon.calls()) == calls + 1


def _mails(marketplace: Marketplace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{marketplace.mailbox._url}/api/messages").json()
    return found


@pytest.mark.parametrize(
    "service", [pytest.param(one, marks=() if one == "auth" else pytest.mark.slow) for one in READERS]
)
def test_dead_letters_are_listed_without_secrets(marketplace: Marketplace, service: str) -> None:
    topic, key = READERS[service][0], secrets.token_hex(12)
    kind = next(message.type_name() for message in ALL_MESSAGES if message.topic.name == topic)
    letter = Record(topic, key.encode(), b'{"sealed_address": "sealed:v1:c2VjcmV0"', headers_of(kind))
    produce(marketplace.stack.plan.kafka, [letter])
    marketplace.settle()

    (found,) = [one for one in marketplace.dead_letters(service) if one["key"] == key]
    assert found["reason"] == "not-json"
    assert found["value"] == '{"sealed_address": "[sealed]"'
    assert found["status"] == "open"
