"""The OpenAPI documents show what to send: every body has an example, and it is one that the body's schema takes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

DOCUMENTS = sorted((Path(__file__).parents[2] / "docs" / "openapi").glob("*.json"))
Json = dict[str, Any]


def bodies(document: Json) -> Iterator[tuple[str, Json, object]]:
    """Name, schema, and the example that stands beside the schema, if any."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for kind, taken in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{method.upper()} {path} {kind}", taken["schema"], taken.get("example")


def whole(schema: Json, document: Json) -> Json:
    """The schema itself, of `$ref` and of a body that may be left out."""
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            (schema,) = (one for one in schema["anyOf"] if one.get("type") != "null")
        else:
            return schema


def example_of(schema: Json, document: Json) -> Json | None:
    """The body's example, or the one that its fields make; None if a required field has none."""
    if examples := schema.get("examples"):
        return examples[0]  # type: ignore[no-any-return] # from JSON
    made: Json = {}
    properties: Json = schema.get("properties", {})
    for name in schema.get("required", properties):
        field = whole(properties[name], document)
        examples = field.get("examples") or field.get("enum")
        if not examples:
            return None
        made[name] = examples[0]
    return made


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_body_shows_an_example_that_fits(path: Path) -> None:
    document = json.loads(path.read_text())
    without = []
    for name, schema, beside in bodies(document):
        made = beside or example_of(whole(schema, document), document)
        if made is None:
            without.append(name)
        else:
            jsonschema.validate(made, {**schema, "components": document["components"]})
    assert without == []


def test_a_body_without_an_example_is_seen() -> None:
    text = {"type": "string"}
    assert example_of({"required": ["a"], "properties": {"a": text}}, {}) is None
    assert example_of({"required": ["a"], "properties": {"a": {**text, "examples": ["b"]}}}, {}) == {"a": "b"}
