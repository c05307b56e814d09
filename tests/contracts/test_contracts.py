"""The language between the services does not break: golden examples are read, schemas only grow."""

import copy
import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.auth import UserVerified
from shared.contracts.envelope import Message, StateMessage, TopicKind
from shared.contracts.registry import ALL_MESSAGES, BY_TYPE
from shared.contracts.topics import ALL_TOPICS
from shared.plumbing.records import DataFault, from_record, to_record
from tests.contracts.compatibility import breaking_changes
from tests.contracts.golden import as_record, golden
from tests.contracts.release import released_file, schema_of


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


def _changed(change: str) -> dict[str, Any]:
    schema = copy.deepcopy(schema_of(BY_TYPE["InstallFailed"]))
    fields = schema["properties"]
    if change == "a field is gone":
        del fields["reason"]
    elif change == "a field has another type":
        fields["generation"] = {"type": "string"}
    elif change == "a new field is required":
        fields["country"] = {"type": "string"}
        schema["required"].append("country")
    elif change == "an enum value is gone":
        schema["$defs"]["FailureReason"]["enum"].remove("cancelled")
    elif change == "a field is renamed":
        fields["workspace"] = fields.pop("workspace_id")
    elif change == "a field may now be missing":
        schema["required"].remove("workspace_id")
    elif change == "a field is limited":
        fields["detail"]["maxLength"] = 10
    elif change == "a number is limited":
        fields["generation"]["maximum"] = 100
    return schema


@pytest.mark.parametrize(
    "change",
    [
        "a field is gone",
        "a field has another type",
        "a new field is required",
        "an enum value is gone",
        "a field is renamed",
        "a field may now be missing",
        "a field is limited",
        "a number is limited",
    ],
)
def test_the_guard_sees_a_breaking_change(change: str) -> None:
    assert breaking_changes(schema_of(BY_TYPE["InstallFailed"]), _changed(change)) != []


def test_the_guard_lets_an_optional_field_pass() -> None:
    grown = copy.deepcopy(schema_of(BY_TYPE["InstallFailed"]))
    grown["properties"]["country"] = {"type": "string", "default": ""}

    assert breaking_changes(schema_of(BY_TYPE["InstallFailed"]), grown) == []
