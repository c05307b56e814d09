"""What holds in every world: at every write, and when all is quiet again. Outside evidence first."""

from collections import defaultdict
from typing import TYPE_CHECKING

from services.installer.domain import ENDED, Kind
from services.installer.storage.documents import from_document
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import (
    AddOnInstalled,
    AddOnUninstalled,
    Cleanup,
    InstallationChanged,
    InstallFailed,
    InstallRequested,
    Outcome,
    State,
)
from shared.contracts.topics import CATALOG_ADDONS, INSTALLER_INSTALLATION_STATE, INSTALLER_INSTALLATIONS
from shared.plumbing.mongo import Document
from shared.plumbing.records import from_record

if TYPE_CHECKING:
    from tests.model.addon import Heard
    from tests.model.world import World

EVENTS = {one.type_name(): one for one in (InstallRequested, AddOnInstalled, InstallFailed, AddOnUninstalled)}
OUTCOMES = {Outcome.INSTALLED: "AddOnInstalled", Outcome.FAILED: "InstallFailed"}


class BrokenPromiseError(AssertionError):
    """With the seed of the world that broke it."""


def at_every_write(world: "World", name: str, before: Document | None, after: Document) -> None:
    """Sees both documents; raising here would only be a fault like another to who writes, so it is kept."""
    if name != "installations":
        return
    one = after["_id"][:6]
    if before is None:
        world.note(f"{one} requested, generation {after['generation']}")
        return
    if before["state"] != after["state"] or before["cleanup"] != after["cleanup"]:
        world.note(f"{one} {before['state']} -> {after['state']}, clean-up {after['cleanup']}")
    if after["outcome"] == Outcome.PENDING or after["cleanup"] == Cleanup.OWED or "call" in after:
        world.expect("due_at" in after, f"{one} is stranded in {after['state']}")
    if after["outcome"] == Outcome.PENDING and after["state"] not in (State.REQUESTED, State.CHECKING):
        world.expect("deadline" in after, f"{one} has no deadline in {after['state']}")
    world.expect(before["outcome"] in (Outcome.PENDING, after["outcome"]), f"{one} changed its outcome")
    world.expect(before["cleanup"] != Cleanup.CLOSED or after["cleanup"] == Cleanup.CLOSED, f"{one} reopened")
    world.expect("live" in before or "live" not in after, f"{one} lives again")
    changed = any(before[name] != after[name] for name in ("state", "seq", "steps"))
    world.expect(after["version"] >= before["version"] + changed, f"{one} changed under version {after['version']}")
    lost = [entry["id"] for entry in before["outbox"] if entry not in after["outbox"]]
    sent = {_name(record) for log in world.broker.topics.values() for record in log} if lost else set()
    world.expect(sent.issuperset(lost), f"{one} lost {lost} from its outbox")


def _name(record: object) -> str:
    headers: dict[str, bytes] = dict(record.headers)  # type: ignore[attr-defined] # a record as it was read
    return headers["ce_id"].decode()


def what_is_left(world: "World") -> list[str]:
    """What is planned, under way, unsent or unread; nothing of it, and everybody gone home: it is quiet."""
    busy = ("due_at", "call", "flight", "outbox_since", "state_marked_at")
    left = [
        f"{name[:6]} {one['state']} {[each for each in busy if each in one]}"
        for name, one in world.store.all("installations").items()
        if one["outcome"] == Outcome.PENDING or any(each in one for each in busy)
    ]
    gone = [one for one in world.store.all("workspaces").values() if one.get("deleted") and not one.get("settled")]
    left += [f"workspace {one['_id'][:6]}" for one in gone]
    left += [f"visit {number}" for number, each in enumerate(world.visits) if not each.done()]
    read, logs = world.broker.committed, world.broker.log
    left += [
        f"{topic} from {read.get(topic, 0)}" for topic in world.broker.owner if read.get(topic, 0) < len(logs(topic))
    ]
    return left


def when_quiet(world: "World") -> None:
    documents = world.store.all("installations")
    world.expect(world.accepted.keys() <= documents.keys(), "an accepted request is lost")
    world.expect(not world.store.all("dead_letters"), f"dead letters: {list(world.store.all('dead_letters').values())}")
    for process in (*world.processes, *world.buried):
        world.expect(not process.failures, str(process.failures))
    events = _events(world)
    for name, document in documents.items():
        _told(world, document, events[name])
        _state_told(world, document)
        _cleaned_up(world, document)
        if document["workspace_id"] in world.deleted:
            world.expect("live" not in document, f"{name[:6]} lives in a deleted workspace")
    _heard_well(world)
    published = {record.key.decode() for record in world.broker.log(CATALOG_ADDONS.name)}
    world.expect(published == world.store.all("addons").keys(), "a published add-on is not known")


def _events(world: "World") -> dict[str, list[Envelope[Message]]]:
    """First occurrences, in the order in which they came."""
    seen: dict[str, dict[str, Envelope[Message]]] = defaultdict(dict)
    for record in world.broker.log(INSTALLER_INSTALLATIONS.name):
        envelope = from_record(record, EVENTS)
        assert envelope is not None
        seen[envelope.subject].setdefault(envelope.id, envelope)
    return defaultdict(list, {name: list(each.values()) for name, each in seen.items()})


def _told(world: "World", document: Document, events: list[Envelope[Message]]) -> None:
    one = document["_id"][:6]
    numbers = [each.seq for each in events]
    world.expect(numbers == list(range(1, document["seq"] + 1)), f"{one} told {numbers}, not 1 to {document['seq']}")
    outcome = OUTCOMES[Outcome(document["outcome"])]
    expected = ["InstallRequested", outcome] + ["AddOnUninstalled"] * (document["state"] == State.UNINSTALLED)
    world.expect([each.type for each in events] == expected, f"{one} told {[each.type for each in events]}")


def _state_told(world: "World", document: Document) -> None:
    """What compaction keeps is the newest, but where whoever sent an older one late has died before its correction.

    Then the daily repetition corrects it; whoever reads goes by versions anyway.
    """
    versions = [
        envelope.data.version
        for record in world.broker.log(INSTALLER_INSTALLATION_STATE.name)
        if record.key.decode() == document["_id"]
        and (envelope := from_record(record, {"InstallationChanged": InstallationChanged})) is not None
        and isinstance(envelope.data, InstallationChanged)
    ]
    last = versions[-1] if versions else 0
    lives = world.broker.sender_lives.get((INSTALLER_INSTALLATION_STATE.name, document["_id"].encode()), lambda: True)
    corrected = last == document["version"] or not lives()
    world.expect(corrected, f"{document['_id'][:6]}: state {last}, not {document['version']}, wins")


def _cleaned_up(world: "World", document: Document) -> None:
    one = from_document(document)
    heard = one.id in world.stubs.on
    if one.state is State.INSTALLED:
        world.expect(heard, f"{one.id[:6]} is installed, and its add-on does not know")
    elif one.state in ENDED and not one.gave_up:
        world.expect(not heard, f"{one.id[:6]} has ended, and its add-on does not know")
    world.expect(not one.gave_up or one.cleanup is Cleanup.CLOSED, f"{one.id[:6]} gave up and is {one.cleanup}")


def _heard_well(world: "World") -> None:
    """A `webhook-id` stands for the same bytes each time."""
    said: dict[str, tuple[bytes, str]] = {}
    for heard in world.stubs.heard:
        same = said.setdefault(heard.webhook_id, (heard.body, heard.token))
        world.expect(same == (heard.body, heard.token), f"{heard.webhook_id} came with other bytes")


def when_heard(world: "World", heard: "Heard") -> None:
    """No INSTALLED while the add-on believes in an earlier generation, unless that one was given up."""
    if heard.kind is not Kind.INSTALLED:
        return
    documents = world.store.all("installations")
    this = documents[heard.installation_id]
    for other in world.stubs.on:
        that = documents[other]
        pair = ("workspace_id", "addon_key")
        earlier = that["generation"] < this["generation"] and all(that[name] == this[name] for name in pair)
        world.expect(not earlier or that["gave_up"], f"{heard.webhook_id} is heard before the clean-up of {other[:6]}")
