"""The golden examples: one record of every message as it was released."""

import json
from pathlib import Path
from typing import Any

from aiokafka import ConsumerRecord

from shared.contracts.envelope import Message

EXAMPLES = Path(__file__).parent / "examples"


def golden(message: type[Message]) -> dict[str, Any]:
    """Topic, key, headers and value of the example."""
    path = EXAMPLES / f"{message.type_name()}.v{message.schema_version}.json"
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def golden_message(message: type[Message]) -> Message:
    """The example's value."""
    return message.model_validate_json(json.dumps(golden(message)["value"]))


def as_record(example: dict[str, Any], topic: str) -> ConsumerRecord:
    """The example as it comes from a broker."""
    headers = tuple((name, text.encode()) for name, text in example["headers"].items())
    value = json.dumps(example["value"]).encode()
    return ConsumerRecord(topic, 0, 0, 0, 0, example["key"].encode(), value, None, 0, len(value), headers)
