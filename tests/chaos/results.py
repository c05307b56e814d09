"""Rules about mails. See `checker`."""

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Mail

Finding = tuple[str, str, str]


def everybody_hears_once(evidence: Evidence) -> Iterator[Finding]:
    """Whoever asked hears of each outcome in one mail: a mail that was sent twice has one `Message-ID`.

    A long digest names the first results and counts the rest, so as many may go unnamed as it counts.
    """
    by_person: dict[str, dict[str, Mail]] = defaultdict(dict)
    for mail in evidence.mails:
        known = by_person[mail.to].setdefault(mail.message_id, mail)
        if known != mail:
            yield "doubled", mail.message_id, "two mails with one Message-ID say different things"
    for user_id, address in evidence.addresses.items():
        mails = list(by_person[address].values())
        due = {one["_id"] for one in evidence.documents if one["user_id"] == user_id and one["outcome"] != "pending"}
        named: dict[str, list[str]] = defaultdict(list)
        for mail in mails:
            for installation in mail.installations:
                named[installation].append(mail.message_id)
        for installation, ids in named.items():
            if len(ids) > 1:
                yield "doubled", installation, f"told to {address} in {ids}"
        missing, counted = due - named.keys(), sum(mail.rest for mail in mails)
        if len(missing) > counted:
            yield "lost", address, f"{len(missing)} results were never mailed, {counted} counted: {sorted(missing)[:5]}"
        if len(missing) < counted:
            yield "doubled", address, f"mails count {counted} results that they do not name, {len(missing)} are left"


def nobody_else_hears(evidence: Evidence) -> Iterator[Finding]:
    """The result of an installation is mailed to whoever asked for it, and to nobody else."""
    askers = {one["_id"]: evidence.addresses.get(one["user_id"]) for one in evidence.documents}
    for mail in evidence.mails:
        for installation in mail.installations:
            if askers.get(installation) != mail.to:
                yield "broken", installation, f"its result was mailed to {mail.to}, who had not asked"
