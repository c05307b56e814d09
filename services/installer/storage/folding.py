"""One turn of the batch step without its I/O: inputs folded into an installation, and the write that this takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from services.installer.domain import Installation
from services.installer.saga.events import check_number
from services.installer.saga.inputs import CheckSent, Decision, Due, Input, Verdict
from services.installer.storage import updates
from services.installer.storage.parking import unpark
from services.installer.storage.updates import Update
from shared.plumbing.mongo import Document
from shared.plumbing.outbox import clear_pipeline, stored

log = structlog.get_logger()

Decide = Callable[[Installation, Input, datetime], Decision]


@dataclass(slots=True)
class Folded:
    """What a batch of inputs made of one installation."""

    before: Installation
    after: Installation
    decisions: list[Decision]
    entries: list[Document]
    """New in the outbox."""
    cleared: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether a compare-and-set write is needed."""
        return self.after is not self.before

    def update(self, now: datetime) -> Update:
        """To be sent with a filter on `before.version` if `changed`, else (it only clears the outbox) without."""
        if self.changed:
            return updates.between(self.before, self.after, self.entries, self.cleared, now)
        return clear_pipeline(self.cleared)

    def written(self) -> Installation:
        """The installation as it is stored once the write has won."""
        left = [entry for entry in self.before.outbox if entry["id"] not in self.cleared]
        self.after.outbox = (*left, *self.entries)
        if self.changed:
            self.after.version = self.before.version + 1
        return self.after


def fold(before: Installation, inputs: Sequence[Input], decide: Decide, now: datetime) -> Folded:
    """Decide `inputs` one after the other; what was parked comes first, once somebody brings the surroundings."""
    folded = Folded(before, before, [], [], ())
    messages: list[Input] = []
    due = next((one for one in inputs if isinstance(one, Due)), None)
    if before.parked and due is not None:
        unparked = (unpark(parked, due.around) for parked in before.parked)
        messages = [message for message in unparked if message is not None]
        for message in messages:
            _decide(folded, message, decide, now)
        if folded.after is before:
            folded.after = before.copy()
        folded.after.parked = ()
    taken_up = tuple(zip(messages, folded.decisions, strict=True))
    folded.decisions.clear()
    for message in inputs:
        _decide(folded, message, decide, now)
        if message is due and taken_up:
            folded.decisions[-1] = replace(folded.decisions[-1], taken_up=taken_up)
    return folded


def fold_each(
    known: Sequence[Installation],
    inputs: Mapping[str, Sequence[Input]],
    decide: Decide,
    now: datetime,
    *,
    isolated: bool,
) -> tuple[list[Folded], list[str]]:
    """As `fold`, for many; `isolated`: what a bug raises for one is logged, and its id is among the second."""
    folds: list[Folded] = []
    failed: list[str] = []
    for one in known:
        try:
            folds.append(fold(one, inputs[one.id], decide, now))
        except Exception:
            if not isolated:
                raise
            log.exception("installation_not_decided", installation_id=one.id, state=one.state)
            failed.append(one.id)
    return folds, failed


def note_sent(sent: Sequence[str]) -> CheckSent:
    """That Kafka has these outbox entries, as an input of the core."""
    return CheckSent(max([check_number(one) or 0 for one in sent]), tuple(sent))


def _decide(folded: Folded, message: Input, decide: Decide, now: datetime) -> None:
    decision = decide(folded.after, message, now)
    folded.decisions.append(decision)
    folded.cleared += decision.cleared
    if decision.verdict is Verdict.APPLIED:
        folded.after = decision.installation
        folded.entries += [stored(envelope) for envelope in decision.outgoing]
