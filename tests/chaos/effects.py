"""Rules about effects elsewhere: what add-ons are asked to do, and where events go. See `checker`."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from shared.contracts.topics import INSTALLER_INSTALLATIONS
from tests.chaos.evidence import Evidence
from tests.chaos.pairs import ENDED, by_pair, calls_by_installation

Finding = tuple[str, str, str]

FEW, SELDOM = 5, 0.05


def calls_are_of_installations(evidence: Evidence) -> Iterator[Finding]:
    """No add-on is called about an installation that no document has."""
    documents = {one["_id"] for one in evidence.documents}
    for one in evidence.calls:
        if one.installation not in documents:
            yield "doubled", one.installation, f"{one.kind} of an installation that no document has"


def one_call_for_one_cause(evidence: Evidence) -> Iterator[Finding]:
    """An installation is one INSTALLED and, once it ends, one DELETED, however many attempts each takes.

    There are further calls only where an INSTALLED was late: one DELETED more for each attempt that the add-on got, or
    one INSTALLED more of the next generation. (The load asks for no redelivery.) That is seldom; where it is not, calls
    are made without a cause.
    """
    called: Counter[str] = Counter()
    further: Counter[str] = Counter()
    installed = calls_by_installation(evidence, "INSTALLED")
    deleted = calls_by_installation(evidence, "DELETED")
    for documents in by_pair(evidence).values():
        earlier = 0
        for one in documents:
            attempts = len(installed[one["_id"]])
            for kind, calls, most in (
                ("INSTALLED", installed[one["_id"]], 1 + earlier),
                ("DELETED", deleted[one["_id"]], 1 + attempts),
            ):
                ids = sorted({call.webhook_id for call in calls})
                called[kind] += bool(ids)
                further[kind] += len(ids) > 1
                if len(ids) > most:
                    yield "doubled", one["_id"], f"{kind} was called as {ids}, at most {most} have a cause"
            earlier += attempts
    for kind, count in further.items():
        if count > max(FEW, SELDOM * called[kind]):
            yield "doubled", kind, f"{count} of {called[kind]} installations had a further one"


def nothing_is_taken_from_the_living(evidence: Evidence) -> Iterator[Finding]:
    """An add-on is told DELETED of what has ended only."""
    deleted = calls_by_installation(evidence, "DELETED")
    for one in evidence.documents:
        if deleted[one["_id"]] and one["state"] not in ENDED:
            yield "doubled", one["_id"], f"the add-on was told DELETED, and it is {one['state']}"


def a_pair_has_one_partition(evidence: Evidence) -> Iterator[Finding]:
    """All events of an add-on in a workspace are in one partition, whatever the generation."""
    pairs = {one["_id"]: (one["workspace_id"], one["addon_key"]) for one in evidence.documents}
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for one in evidence.told:
        if one.topic == INSTALLER_INSTALLATIONS.name and one.installation in pairs:
            found[pairs[one.installation]].add(one.partition)
    for pair, partitions in found.items():
        if len(partitions) > 1:
            yield "broken", "/".join(pair), f"on the partitions {sorted(partitions)}"
