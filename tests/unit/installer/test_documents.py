"""Installations as documents, and the updates between them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.installer.domain import Kind
from services.installer.saga.inputs import (
    Answer,
    CallReported,
    CancelAsked,
    Checked,
    CheckSent,
    Due,
    Result,
    SettingsChanged,
    Surroundings,
    Verdict,
)
from services.installer.storage import updates
from services.installer.storage.documents import changes, from_document, to_document
from services.installer.storage.folding import fold
from services.installer.storage.parking import park, unpark
from shared.contracts.installer import State
from tests.unit.installer.story import BOTH_HOOKS, SAGA, TIMEOUT, UNKNOWN, USER, Story, addon


def test_null_is_absent_and_live_is_true_or_absent() -> None:
    document = to_document(Story().one)
    assert document["live"] is True
    assert not {"call", "flight", "reason", "tokens", "settings"} & document.keys()
    story = Story()
    story.when(CancelAsked(USER))
    assert "live" not in to_document(story.one)
    assert from_document(to_document(story.one)).live is False


def test_settings_whose_ids_mean_something_to_the_database_are_only_settings() -> None:
    story = Story().installed()
    settings = {"$ref": "a", "$id": 1, "%24ref": 2, "a.$b": 3, "": 4}
    story.when(SettingsChanged(settings))
    stored = to_document(story.one)["settings"]
    assert not [key for key in stored if key.startswith("$")]
    assert from_document(to_document(story.one)).settings == settings
    found, _ = changes(replace(story.one, settings=None), story.one)
    assert found["settings"] == stored


def test_fields_of_a_newer_release_are_ignored_and_survive() -> None:
    story = Story().delivering()
    document = to_document(story.one) | {"newer": 1}
    document["call"]["newer"] = 2
    assert from_document(document) == story.one
    before = story.one
    story.reported(UNKNOWN)
    found, gone = changes(before, story.one)
    assert found["call.maybe_seen"] is True
    assert "call" not in found, "a part is changed field by field"
    assert gone == ["flight"]


def test_an_update_names_what_it_changes() -> None:
    story = Story()
    before = story.one
    story.sent()
    update = updates.between(before, story.one, [], (), story.now)
    assert isinstance(update, dict)
    assert set(update) == {"$set", "$push"}
    assert update["$set"]["state"] == State.CHECKING
    assert update["$set"]["version"] == 2
    assert update["$set"]["state_marked_at"] == story.now
    assert "outbox" not in update["$set"]
    assert update["$push"]["history"]["$slice"] == -50


def test_a_clearing_update_takes_the_outbox_from_the_server() -> None:
    story = Story()
    before = story.one
    story.sent()
    update = updates.between(before, story.one, [], ("a:1",), story.now)
    assert isinstance(update, list)
    outbox: Any = update[0]["$set"]["outbox"]
    assert "$filter" in str(outbox)
    assert update[0]["$set"]["state"] == {"$literal": State.CHECKING}


def test_overflow_is_named_by_its_number() -> None:
    story = Story().delivering()
    while len(story.one.history) < 49:
        story.when(Due(Surroundings()))
        story.after(6)
        story.due()
        story.reported(TIMEOUT)
        story.one.due_at = story.now
    before = story.one
    story.due()
    for _ in range(3):
        story.reported(TIMEOUT)
        story.one.due_at = story.now
        story.due()
    dropped = updates.overflow(before, story.one)
    first = story.one.history[0]["n"]
    assert [entry["_id"] for entry in dropped] == [f"{before.id}:{n}" for n in range(before.history[0]["n"], first)]


def test_a_parked_input_comes_back_as_it_was() -> None:
    story = Story().delivering()
    around = Surroundings(addon=addon(BOTH_HOOKS))
    flight = story.one.flight
    assert flight is not None

    report = CallReported(flight.kind, flight.number, flight.attempt, UNKNOWN)
    for message in (Checked("reply", story.answer(), around), CheckSent(3), report):
        parked = park(message)
        assert parked is not None
        assert unpark(parked, around) == message
    assert park(CancelAsked(USER)) is None
    assert unpark({"type": "FromTheFuture"}, around) is None


def test_parked_inputs_are_folded_first_when_somebody_looks() -> None:
    story = Story()
    parked = (park(CheckSent(1)), park(Checked("reply", story.answer(), Surroundings())))
    story.one.parked = tuple(entry for entry in parked if entry)
    asleep = fold(story.one, [CancelAsked(USER)], SAGA.decide, story.now)
    assert asleep.after.parked == story.one.parked, "without surroundings they wait"
    folded = fold(story.one, [Due(story.around())], SAGA.decide, story.now)
    assert (folded.after.state, folded.after.parked) == (State.DELIVERING, ())
    (looked,) = folded.decisions
    assert looked.verdict is Verdict.UNCHANGED
    assert [type(message) for message, _ in looked.taken_up] == [CheckSent, Checked]
    assert {decision.verdict for _, decision in looked.taken_up} == {Verdict.APPLIED}


def test_durations_survive_parking() -> None:

    answer = Answer(Result.UNKNOWN, duration=timedelta(milliseconds=1500), retry_after=timedelta(seconds=9))
    message = CallReported(Kind.INSTALLED, 1, 2, answer)
    parked = park(message)
    assert parked is not None
    assert unpark(parked, Surroundings()) == message
