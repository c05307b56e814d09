"""`doctor`: what is wrong with a service, as somebody who cannot read its code is told it.

A check returns findings; each is of a declared kind, which says what it means and how it is mended. A finding that may
be mended at any time, beside running processes and twice, brings how; `--fix` does that and looks once more.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RUN = "python -m services.<name>"


@dataclass(frozen=True, slots=True)
class Kind:
    """A problem that there can be."""

    slug: str
    side: str
    meaning: str
    mend: str


KINDS: Mapping[str, Kind] = {
    kind.slug: kind
    for kind in (
        Kind("database-unreachable", "MongoDB", "Nothing works without the database.", "start MongoDB, or its network"),
        Kind("database-not-prepared", "us", "Indexes or keys could not be made; see the evidence.", "as it says"),
        Kind(
            "secrets-unreadable",
            "settings",
            "The master key does not open what is stored.",
            "give back the former master key, after the new one and a comma",
        ),
        Kind("indexes-missing", "us", "Queries would read whole collections.", "`doctor` makes them as it looks"),
        Kind("clock-off", "machine", "Logs tell wrong times; nothing else reads this clock.", "set the clock (NTP)"),
        Kind("kafka-unreachable", "Kafka", "Requests are kept, and wait.", "start Kafka, or its network"),
        Kind("topic-missing", "Kafka", "Consumers wait for it.", f"`{RUN} topics`, or `doctor --fix`"),
        Kind(
            "topic-differs",
            "Kafka",
            "Records are kept too short, too long, or not compacted.",
            "`kafka-configs.sh --alter --topic …`; fewer partitions than set only limit how many workers share",
        ),
        Kind(
            "outbox-old",
            "us",
            "Events do not reach Kafka: no process of the service sends.",
            f"`{RUN} serve --role worker`, or `doctor --fix`",
        ),
        Kind("state-unsent", "us", "Others see old states.", f"`{RUN} resend-state`, or `doctor --fix`"),
        Kind(
            "dead-letters-open",
            "data",
            "Records were set aside.",
            f"`{RUN} dead-letters list`; `doctor --fix` replays those that this release has come to know",
        ),
        Kind("group-empty", "us", "Nobody consumes the topic, and records wait.", f"`{RUN} serve --role worker`"),
        Kind("group-behind", "us", "Many records wait.", "start another worker, or see why batches fail in the logs"),
        Kind(
            "timers-late",
            "us",
            "Mails, digests or notices are due and nobody takes them: no worker runs, or the mail server is away.",
            f"`{RUN} serve --role worker`; look for `mail_server_away` in its log",
        ),
        Kind(
            "mails-undelivered",
            "mail",
            "Mails came to nothing within a day: refused for good, or not sent in time.",
            "see `mail_ended` in the log, and the mail server's own",
        ),
        Kind("installations-overdue", "us", "No worker takes what is due.", f"`{RUN} serve --role worker`"),
        Kind("installations-beyond-deadline", "us", "Pending longer than promised.", f"`{RUN} serve --role worker`"),
        Kind(
            "installations-stranded", "us", "Nobody would look at them again: a bug.", "`doctor --fix` makes them due"
        ),
        Kind(
            "cleanup-given-up",
            "add-on",
            "Add-ons never confirmed DELETED and may still keep data.",
            "tell their publishers; the installations are listed with `show=given-up`",
        ),
        Kind("breaker-open-long", "add-on", "An add-on has been down for an hour.", "tell its publisher"),
        Kind("notice-standing", "us", "A notice has kept calls back for a day.", "clear it, if it is over"),
        Kind(
            "addon-vanished",
            "us",
            "Installed, and unknown to the installer's copy of the catalog.",
            "`python -m services.installer rebuild addons`, or `doctor --fix`",
        ),
    )
}

Fix = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem that there is. `evidence` holds counts, names and moments; never anything about a person."""

    slug: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    fix: Fix | None = None

    def told(self) -> dict[str, Any]:
        """For people and programs."""
        kind = KINDS[self.slug]
        told = {"problem": self.slug, "side": kind.side, "means": kind.meaning, "mend": kind.mend}
        return {**told, "fixable": self.fix is not None, "evidence": dict(self.evidence)}


Check = Callable[[], Awaitable[Sequence[Finding]]]


async def examine(checks: Sequence[Check]) -> list[Finding]:
    """All findings, in the order of the checks. Raises what a check raises."""
    return [finding for check in checks for finding in await check()]


async def mend(findings: Sequence[Finding]) -> list[str]:
    """Apply what can be applied; the slugs of what was."""
    mended = []
    for finding in findings:
        if finding.fix is not None:
            await finding.fix()
            mended.append(finding.slug)
    return mended
