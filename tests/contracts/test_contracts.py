"""The language between the services does not break: golden examples are read, schemas only grow."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.auth import UserVerified
from shared.contracts.envelope import Message, StateMessage, TopicKind
from shared.contracts.registry import ALL_MESSAGES, BY_TYPE
from shared.contracts.topics import ALL_TOPICS
from shared.plumbing.records import DataFault, from_record, to_record
from tests.contracts.compatibility import breaking_changes
from tests.contracts.golden import EXAMPLES, as_record, golden
from tests.contracts.release import DIGESTS, RELEASED, digest_of, edited, forgotten, released_file, schema_of


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.type_name())
def test_the_golden_example_is_read_and_written_as_it_was_released(message: type[Message]) -> None:
    example = golden(message)

    envelope = from_record(as_record(example, message.topic.name), BY_TYPE)

    assert envelope is not None
    assert type(envelope.data) is message
    assert envelope.data.key() == example["key"]
    again = to_record(envelope)
    assert again.topic == example["topic"]
    assert {name: raw.decode() for name, raw in again.headers} == example["headers"]
    written = json.loads(again.value or b"")
    assert {name: written[name] for name in example["value"]} == example["value"]


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.type_name())
def test_a_field_of_a_newer_release_is_ignored(message: type[Message]) -> None:
    example = golden(message)
    example["value"]["added_by_a_newer_release"] = {"deep": [1]}

    assert from_record(as_record(example, message.topic.name), BY_TYPE) is not None


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.type_name())
def test_the_schema_has_only_grown_since_its_release(message: type[Message]) -> None:
    released = json.loads(released_file(message).read_text())

    assert breaking_changes(released, schema_of(message)) == []


def test_what_was_released_has_its_message_and_its_example_still() -> None:
    assert forgotten(RELEASED, ALL_MESSAGES) == forgotten(EXAMPLES, ALL_MESSAGES) == []
    released = {path.name for path in RELEASED.glob("*.json")}
    assert (
        released
        == {path.name for path in EXAMPLES.glob("*.json")}
        == set(re.findall(r"\S+\.json", DIGESTS.read_text()))
    )


def test_the_guard_sees_a_message_that_is_gone() -> None:
    others = [message for message in ALL_MESSAGES if message.type_name() != "SendMail"]

    assert forgotten(RELEASED, others) == ["SendMail.v1.json has no message"]


def test_no_golden_example_was_edited() -> None:
    assert edited(EXAMPLES, DIGESTS.read_text()) == []


def test_the_guard_sees_an_edited_example(tmp_path: Path) -> None:
    (tmp_path / "A.v1.json").write_text("{}")
    digests = f"{digest_of(tmp_path / 'A.v1.json')}  A.v1.json\n{'0' * 64}  B.v1.json\n"
    assert edited(tmp_path, digests) == ["B.v1.json was edited or is gone"]

    (tmp_path / "A.v1.json").write_text("{ }")

    assert edited(tmp_path, digests) == ["A.v1.json was edited or is gone", "B.v1.json was edited or is gone"]


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.type_name())
def test_numbers_and_dates_that_others_cannot_hold_are_no_values(message: type[Message]) -> None:
    example = golden(message)
    known = schema_of(message)["properties"]
    for name in example["value"]:
        kinds = [known[name], *known[name].get("anyOf", ())]
        strange: list[Any] = [2**70, -(2**70), 2**53] if any(one.get("type") == "integer" for one in kinds) else []
        if any(one.get("format") == "date-time" for one in kinds):
            strange += ["2026-03-01T12:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
        for thing in strange:
            record = as_record({**example, "value": {**example["value"], name: thing}}, message.topic.name)
            with pytest.raises(DataFault, match=f"^schema: {name}"):
                from_record(record, BY_TYPE)


def test_messages_are_frozen() -> None:
    message = UserVerified(user_id="a" * 24, method="link")

    with pytest.raises(ValidationError):
        message.user_id = "b"  # type: ignore[misc] # the assignment is what must fail


def test_state_topics_carry_versioned_state_and_only_state() -> None:
    for message in ALL_MESSAGES:
        assert issubclass(message, StateMessage) == (message.topic.kind is TopicKind.STATE), message


def test_every_topic_is_written_by_its_owner_only_and_has_messages() -> None:
    assert {message.topic for message in ALL_MESSAGES} == set(ALL_TOPICS)
    assert len(BY_TYPE) == len(ALL_MESSAGES)


Schema = dict[str, Any]
BREAKS: dict[str, Callable[[Schema, Schema], object]] = {
    "a field is gone": lambda fields, _: fields.pop("reason"),
    "a field has another type": lambda fields, _: fields.update(generation={"type": "string"}),
    "a new field is required": lambda fields, schema: (
        fields.update(country={"type": "string"}),
        schema["required"].append("country"),
    ),
    "a field is renamed": lambda fields, _: fields.update(workspace=fields.pop("workspace_id")),
    "a field may now be missing": lambda _, schema: schema["required"].remove("workspace_id"),
    "a text is limited": lambda fields, _: fields["detail"].update(maxLength=10),
    "a number is limited": lambda fields, _: fields["generation"].update(minimum=1),
    "a default is another": lambda fields, _: fields["detail"].update(default="none"),
    "an enum value is gone": lambda _, schema: schema["$defs"]["FailureReason"]["enum"].remove("cancelled"),
    "an enum value is new": lambda _, schema: schema["$defs"]["FailureReason"]["enum"].append("bad-weather"),
    "an enum is a plain text": lambda _, schema: schema["$defs"]["FailureReason"].pop("enum"),
    "an alternative is new": lambda fields, _: fields.update(side={"anyOf": [fields["side"], {"type": "null"}]}),
}


def _changed(change: str) -> Schema:
    schema = copy.deepcopy(schema_of(BY_TYPE["InstallFailed"]))
    BREAKS[change](schema["properties"], schema)
    return schema


@pytest.mark.parametrize("change", BREAKS)
def test_the_guard_sees_a_breaking_change(change: str) -> None:
    assert breaking_changes(schema_of(BY_TYPE["InstallFailed"]), _changed(change)) != []


def test_an_enum_value_passes_when_a_release_has_read_it_before_one_writes_it() -> None:
    schema = schema_of(BY_TYPE["InstallFailed"])

    assert breaking_changes(schema, _changed("an enum value is new"), {"FailureReason.bad-weather"}) == []


def test_a_reader_sets_a_value_that_it_does_not_know_aside() -> None:
    """Why a new value is a break: the record is kept as a dead letter, and its news is not heard."""
    example = golden(BY_TYPE["InstallFailed"])
    example["value"]["reason"] = "bad-weather"

    with pytest.raises(DataFault) as caught:
        from_record(as_record(example, example["topic"]), BY_TYPE)

    assert caught.value.reason == "schema"


def test_the_guard_lets_an_optional_field_pass() -> None:
    grown = copy.deepcopy(schema_of(BY_TYPE["InstallFailed"]))
    grown["properties"]["country"] = {"type": "string", "default": ""}

    assert breaking_changes(schema_of(BY_TYPE["InstallFailed"]), grown) == []
