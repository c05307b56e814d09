"""Judges a run by its evidence. Pure: the same evidence has the same verdicts.

lost: what was accepted has left no trace, or a promised consequence is missing. doubled: something that happens once
happened twice, or differently. stranded: nobody would ever finish it. broken: any other promise of the contract.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.chaos import downstream, effects, pairs, results
from tests.chaos.evidence import UNKNOWN, Evidence, Told

EVENTS = "installer.installations.v1"
OUTCOMES = {"AddOnInstalled": "installed", "InstallFailed": "failed"}
STORIES = (
    ("InstallRequested", "InstallFailed"),
    ("InstallRequested", "AddOnInstalled", "AddOnUninstalled"),
)
ACCEPTED = 202
OVERDUE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise, with what shows it."""

    verdict: str  # lost | doubled | stranded | broken
    rule: str
    subject: str
    why: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.rule} [{self.subject}] {self.why}"


Finding = tuple[str, str, str]
"""Verdict, subject, why."""


def check(evidence: Evidence) -> list[Violation]:
    """Every violation of every rule."""
    return [
        Violation(verdict, name, subject, why)
        for name, rule in RULES.items()
        for verdict, subject, why in rule(evidence)
    ]


def first_told(evidence: Evidence) -> dict[str, list[Told]]:
    """By installation: the first occurrence of each of its events, in the order of the partition."""
    seen: set[str] = set()
    found: dict[str, list[Told]] = defaultdict(list)
    for one in sorted(evidence.told, key=lambda each: (each.topic, each.partition, each.offset)):
        if one.topic == EVENTS and one.id not in seen:
            seen.add(one.id)
            found[one.installation].append(one)
    return found


def accepted_is_known(evidence: Evidence) -> Iterator[Finding]:
    """Whatever was answered 202 has a document and an `InstallRequested`."""
    documents = {one["_id"] for one in evidence.documents}
    told = {one.installation for one in evidence.told if one.type == "InstallRequested"}
    for one in {each.installation for each in evidence.asked if each.what == "install" and each.status == ACCEPTED}:
        if one not in documents:
            yield "lost", one, "accepted, and no document has it"
        if one not in told:
            yield "lost", one, "accepted, and no InstallRequested tells of it"


def one_key_one_installation(evidence: Evidence) -> Iterator[Finding]:
    """Repeating a request with its key gives the same installation, also where the first answer was lost."""
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in evidence.asked:
        if one.what == "install" and one.status == ACCEPTED:
            ids[one.user_id, one.key].add(one.installation)
    for (_, key), found in ids.items():
        if len(found) > 1:
            yield "doubled", key, f"one key made {sorted(found)}"


def one_outcome(evidence: Evidence) -> Iterator[Finding]:
    """Each installation ends in exactly one of `AddOnInstalled` and `InstallFailed`, as its document says."""
    told = first_told(evidence)
    for one in evidence.documents:
        outcomes = [each for each in told[one["_id"]] if each.type in OUTCOMES]
        if len({each.id for each in outcomes}) > 1:
            yield "doubled", one["_id"], f"outcomes {[(each.type, each.id) for each in outcomes]}"
        if one["outcome"] != "pending" and not outcomes:
            yield "lost", one["_id"], f"the document says {one['outcome']}, and no event does"
        if outcomes and OUTCOMES[outcomes[0].type] != one["outcome"]:
            yield "doubled", one["_id"], f"the document says {one['outcome']}, the event {outcomes[0].type}"


def one_id_one_content(evidence: Evidence) -> Iterator[Finding]:
    """A `ce_id` stands for one fact: every record that has it says the same."""
    contents: dict[tuple[str, str], dict[str, Any]] = {}
    for one in evidence.told:
        content = {"type": one.type, "seq": one.seq, "data": one.data}
        known = contents.setdefault((one.topic, one.id), content)
        if known != content:
            yield "doubled", one.id, f"{known} and {content}"


def events_in_order(evidence: Evidence) -> Iterator[Finding]:
    """First occurrences of an installation's events count from 1 without gaps, in order; the document counts alike."""
    told = first_told(evidence)
    for one in evidence.documents:
        counted = [each.seq for each in told[one["_id"]]]
        if sorted(counted) != list(range(1, one["seq"] + 1)):
            yield "lost", one["_id"], f"the document counts {one['seq']} events, told were {counted}"
        elif counted != sorted(counted):
            yield "broken", one["_id"], f"told in the order {counted}"
    documents = {one["_id"] for one in evidence.documents}
    for installation in told.keys() - documents:
        yield "broken", installation, "events of an installation that no document has"


def events_tell_a_story(evidence: Evidence) -> Iterator[Finding]:
    """First `InstallRequested`, then one outcome, and `AddOnUninstalled` after `AddOnInstalled` only."""
    for installation, events in first_told(evidence).items():
        types = tuple(each.type for each in sorted(events, key=lambda each: each.seq))
        if not any(types == story[: len(types)] for story in STORIES):
            yield "broken", installation, f"told were {types}"


def uninstalled_is_told(evidence: Evidence) -> Iterator[Finding]:
    """`AddOnUninstalled` is told once if the document says so, and only then."""
    told = first_told(evidence)
    for one in evidence.documents:
        count = sum(each.type == "AddOnUninstalled" for each in told[one["_id"]])
        if count != (one["state"] == "UNINSTALLED"):
            yield "broken", one["_id"], f"{one['state']}, and {count} AddOnUninstalled"


def orders_are_followed(evidence: Evidence) -> Iterator[Finding]:
    """An accepted cancel makes the outcome `cancelled`, an accepted uninstall ends the installation."""
    documents = {one["_id"]: one for one in evidence.documents}
    for one in evidence.asked:
        found = documents.get(one.installation)
        if one.status != ACCEPTED or found is None:
            continue
        if one.what == "cancel" and (found["outcome"], found.get("reason")) != ("failed", "cancelled"):
            yield "lost", one.installation, f"cancelled by 202, and {found['outcome']} {found.get('reason')}"
        if one.what == "uninstall" and found["state"] != "UNINSTALLED":
            yield "lost", one.installation, f"uninstalled by 202, and {found['state']}"


def nothing_is_stranded(evidence: Evidence) -> Iterator[Finding]:
    """After the quiet time, in which every deadline has passed, nothing is pending, unsent or overdue."""
    for one in evidence.documents:
        if one["outcome"] == "pending":
            yield "stranded", one["_id"], f"pending in {one['state']}, waits for {one.get('waiting_for')}"
        if one["cleanup"] == "owed" and "due_at" not in one:
            yield "stranded", one["_id"], "clean-up is owed, and nobody will look"
        if one.get("outbox"):
            yield "stranded", one["_id"], f"not sent: {[each['id'] for each in one['outbox']]}"
        if "state_marked_at" in one:
            yield "stranded", one["_id"], "its state is not told"
        if "call" in one:
            yield "stranded", one["_id"], f"a call has no end: {one['call']}"
        if "due_at" in one and one["due_at"] < evidence.gathered_at - OVERDUE:
            yield "stranded", one["_id"], f"was due at {one['due_at']}, and nobody looked"


def requests_are_answered(evidence: Evidence) -> Iterator[Finding]:
    """No input gives a 5xx but 502, 503 and 504, whose repetition tells."""
    for one in evidence.asked:
        if one.status >= 500:
            yield "broken", one.installation or one.key, f"{one.what} was answered {one.status} {one.slug}"
        if one.status not in (UNKNOWN, ACCEPTED) and one.status < 300:
            yield "broken", one.installation or one.key, f"{one.what} was answered {one.status}"


def nothing_is_set_aside(evidence: Evidence) -> Iterator[Finding]:
    """No dead letters, but those that were planted."""
    for one in evidence.dead_letters:
        yield "broken", one, "a dead letter"


Rule = Callable[[Evidence], Iterable[Finding]]
RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        accepted_is_known,
        one_key_one_installation,
        one_outcome,
        one_id_one_content,
        events_in_order,
        events_tell_a_story,
        uninstalled_is_told,
        orders_are_followed,
        nothing_is_stranded,
        requests_are_answered,
        nothing_is_set_aside,
        pairs.one_lives,
        pairs.installed_was_confirmed,
        pairs.attempts_are_alike,
        pairs.ended_was_taken_back,
        pairs.next_waits_for_the_last,
        effects.calls_are_of_installations,
        effects.one_call_for_one_cause,
        effects.nothing_is_taken_from_the_living,
        effects.a_pair_has_one_partition,
        results.everybody_hears_once,
        results.nobody_else_hears,
        downstream.state_is_told,
        downstream.feed_tells_all,
        downstream.snapshot_is_the_state,
    )
}
