"""Rules about what add-ons were told, and about the generations of one add-on in one workspace. See `checker`."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from tests.chaos.evidence import Call, Evidence

ENDED = ("FAILED", "UNINSTALLED")
Finding = tuple[str, str, str]


def calls_by_installation(evidence: Evidence, kind: str) -> dict[str, list[Call]]:
    """By installation, the earliest first."""
    found: dict[str, list[Call]] = defaultdict(list)
    for one in sorted(evidence.calls, key=lambda each: each.at):
        if one.kind == kind:
            found[one.installation].append(one)
    return found


def by_pair(evidence: Evidence) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Documents by workspace and add-on, the first generation first."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for one in sorted(evidence.documents, key=lambda each: int(each["generation"])):
        found[one["workspace_id"], one["addon_key"]].append(one)
    return found


def one_lives(evidence: Evidence) -> Iterator[Finding]:
    """One live installation per workspace and add-on at most, and one of each generation."""
    for pair, documents in by_pair(evidence).items():
        alive = [one["_id"] for one in documents if one.get("live")]
        if len(alive) > 1:
            yield "doubled", "/".join(pair), f"alive are {alive}"
        generations = [one["generation"] for one in documents]
        if generations != list(range(1, len(documents) + 1)):
            yield "doubled", "/".join(pair), f"generations {generations}"


def installed_was_confirmed(evidence: Evidence) -> Iterator[Finding]:
    """What is installed was confirmed by the add-on: it has answered 2xx to an INSTALLED of this installation."""
    calls = calls_by_installation(evidence, "INSTALLED")
    for one in evidence.documents:
        if one["outcome"] == "installed" and not any(call.confirmed for call in calls[one["_id"]]):
            yield (
                "lost",
                one["_id"],
                f"installed, and the add-on answered {[each.status for each in calls[one['_id']]]}",
            )


def attempts_are_alike(evidence: Evidence) -> Iterator[Finding]:
    """All attempts with one `webhook-id` have the same bytes and token; the id is that of its installation."""
    known: dict[str, Call] = {}
    for one in evidence.calls:
        first = known.setdefault(one.webhook_id, one)
        if first.digest != one.digest:
            yield "doubled", one.webhook_id, "attempts with different bytes"
        if not one.webhook_id.startswith(f"{one.installation}-{one.kind}-"):
            yield "broken", one.webhook_id, f"the id of a {one.kind} of {one.installation}"


def _perhaps_seen(calls: list[Call]) -> list[Call]:
    return [one for one in calls if not one.refused]


def ended_was_taken_back(evidence: Evidence) -> Iterator[Finding]:
    """An INSTALLED that may have been seen and came to nothing is followed by a DELETED, now, later or given up.

    Where the next generation lives, its INSTALLED said the rest.
    """
    installed, deleted = calls_by_installation(evidence, "INSTALLED"), calls_by_installation(evidence, "DELETED")
    for documents in by_pair(evidence).values():
        for one in documents:
            seen = _perhaps_seen(installed[one["_id"]])
            if one["state"] not in ENDED or not seen or one["cleanup"] == "owed" or one.get("gave_up"):
                continue
            newer = [
                call for each in documents if each["generation"] > one["generation"] for call in installed[each["_id"]]
            ]
            if not any(call.at > seen[-1].at for call in (*deleted[one["_id"]], *newer)):
                yield "lost", one["_id"], "the add-on may have seen INSTALLED last, and no DELETED is owed"


def next_waits_for_the_last(evidence: Evidence) -> Iterator[Finding]:
    """No INSTALLED of a generation before the clean-up of the one before it was closed."""
    installed, deleted = calls_by_installation(evidence, "INSTALLED"), calls_by_installation(evidence, "DELETED")
    for documents in by_pair(evidence).values():
        for earlier, later in pairwise(documents):
            calls = installed[later["_id"]]
            if not calls or earlier.get("gave_up"):
                continue
            seen = [one for one in _perhaps_seen(installed[earlier["_id"]]) if one.at < calls[0].at]
            closing = [one for one in deleted[earlier["_id"]] if one.confirmed or one.refused]
            if seen and not any((one.answered_at or one.at) < calls[0].at for one in closing):
                yield "broken", later["_id"], f"INSTALLED before the DELETED of {earlier['_id']} was answered"
