"""Mistakes that somebody could make, each found by the simulation: so it can fail, and for these reasons."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pymongo import UpdateOne

from services.installer import store
from services.installer.saga import delivering, ending
from services.installer.saga.draft import Draft
from services.installer.saga.inputs import Lease, Surroundings
from services.installer.storage.folding import Folded
from shared.contracts.installer import State
from shared.contracts.reasons import WaitingFor
from shared.plumbing import state_relay
from shared.plumbing.mongo import Document
from shared.plumbing.outbox import OutboxRelay
from tests.model.promises import BrokenPromiseError
from tests.model.simulation import simulate

SEEDS = range(60)
"""The first that finds a mistake ends the search; each mistake is found by many."""


def found(**how: Any) -> str:
    """What the first world that suffers says."""
    for seed in SEEDS:
        try:
            simulate(seed, **how)
        except BrokenPromiseError as broken:
            return str(broken).splitlines()[0]
    return "nothing"


def test_writing_without_comparing_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    real = store._operation

    def careless(each: Folded, now: datetime, mark: str) -> UpdateOne:
        operation = real(each, now, mark)
        return UpdateOne({"_id": each.before.id}, operation._doc)

    monkeypatch.setattr(store, "_operation", careless)
    assert "seed" in found()


def test_clearing_the_outbox_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    real = OutboxRelay._deliver

    async def hasty(self: OutboxRelay, batch: Mapping[str, Mapping[str, Document]]) -> int:
        await self._on_sent({one: list(entries) for one, entries in batch.items()})
        return await real(self, batch)

    monkeypatch.setattr(OutboxRelay, "_deliver", hasty)
    assert "from its outbox" in found()


def test_committing_before_processing() -> None:
    assert "is not known" in found(commit_first=True)


def test_owing_no_clean_up_after_an_unknown_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ending._owe
    monkeypatch.setattr(
        ending, "_owe", lambda draft, *, seen: real(draft, seen=seen and draft.one.state is State.UNINSTALLED)
    )
    assert "has ended, and its add-on does not know" in found()


def test_setting_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(self: Draft) -> Any:
        if self.one.pending:
            self.one.deadline = None
        return real(self)

    real = Draft.finished
    monkeypatch.setattr(Draft, "finished", endless)
    assert "has no deadline" in found()


def test_clearing_the_mark_of_a_newer_state(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(document: Document, events: Any, now: datetime) -> UpdateOne:
        return UpdateOne({"_id": document["_id"]}, real(document, events, now)._doc)

    real = state_relay._clear
    monkeypatch.setattr(state_relay, "_clear", blind)
    assert "wins" in found()


def test_installing_while_the_predecessor_is_not_cleaned_up(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[[Surroundings], WaitingFor | None] = delivering.what_hinders
    monkeypatch.setattr(delivering, "what_hinders", lambda around: real(replace(around, previous_open=False)))
    assert "before the clean-up of" in found()


def test_relying_on_the_process_that_makes_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Draft.take_off

    def trusting(self: Draft, lease: Lease) -> None:
        real(self, lease)
        self.one.due_at = None

    monkeypatch.setattr(Draft, "take_off", trusting)
    assert "is stranded" in found()
