"""Rules about what others are told: the state topic, the feed and the snapshot. See `checker`."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from shared.contracts.topics import INSTALLER_INSTALLATIONS
from tests.chaos.evidence import Evidence, Shown

Finding = tuple[str, str, str]


def _of(document: Mapping[str, Any]) -> Shown:
    """A document as others should see it."""
    return Shown(document["seq"], str(document["state"]), str(document["outcome"]))


def state_is_told(evidence: Evidence) -> Iterator[Finding]:
    """The newest version of each installation is on the state topic, as in its document; a version says one thing."""
    for one in evidence.documents:
        versions = evidence.states.get(one["_id"], {})
        for version, contents in versions.items():
            if len(contents) > 1:
                yield "doubled", one["_id"], f"version {version} says {sorted(map(str, contents))}"
        newest = max(versions, default=0)
        if newest != one["version"]:
            yield "lost", one["_id"], f"the document has version {one['version']}, the topic {newest}"
        elif _of(one) not in versions[newest]:
            yield "broken", one["_id"], f"the topic says {sorted(map(str, versions[newest]))}, the document {_of(one)}"


def feed_tells_all(evidence: Evidence) -> Iterator[Finding]:
    """Every event is in the operators' feed, an installation's in order, and the feed has no others."""
    told = {one.id: one.installation for one in evidence.told if one.topic == INSTALLER_INSTALLATIONS.name}
    seen: set[str] = set()
    newest: dict[str, int] = defaultdict(int)
    for name, installation, seq in evidence.feed:
        if name not in seen:
            if seq != newest[installation] + 1:
                yield "broken", installation, f"the feed tells event {seq} after event {newest[installation]}"
            newest[installation] = seq
            seen.add(name)
    for name in told.keys() - seen:
        yield "lost", told[name], f"the feed lacks {name}"
    for name in seen - told.keys():
        yield "doubled", name, "only the feed knows it"


def snapshot_is_the_state(evidence: Evidence) -> Iterator[Finding]:
    """The operators' snapshot, made of a projection, has every installation as its document has it."""
    for one in evidence.documents:
        shown = evidence.snapshot.get(one["_id"])
        if shown != _of(one):
            yield "lost", one["_id"], f"the snapshot says {shown}, the document {_of(one)}"
    for name in evidence.snapshot.keys() - {one["_id"] for one in evidence.documents}:
        yield "doubled", name, "only the snapshot knows it"
