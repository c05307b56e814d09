"""Cases for the agreement on manifests: the published schemas, real manifests, and things changed in them.

All of it is read from beside the project, where it may be absent; nothing of it is in the project.
"""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

OUTSIDE = Path(__file__).parents[3] / "shared"
SCHEMAS, MANIFESTS = OUTSIDE / "schemas", OUTSIDE / "manifests"

PUBLISHED = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6")
Json = dict[str, Any]


@cache
def published(version: str) -> Json:
    schema: Json = json.loads((SCHEMAS / f"clockify-manifest-{version}.json").read_text())
    return schema


@cache
def published_validator(version: str) -> Draft4Validator:
    return Draft4Validator(published(version))


@cache
def real_manifests() -> dict[str, Json]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(MANIFESTS.glob("*.json"))}


JUNK: list[Any] = [None, True, False, 0, 1, -3, 1.0, 2.5, "", "x", " ", "é" * 25, "x" * 26, "x" * 50, "x" * 51]
JUNK += [[], {}, [None], [1, 1.0], [1, True], [{}, {}], {"tabs": []}, ["TAG_READ", "TAG_READ"], "http://", "HTTP://a"]
Spot = tuple[Any, Any]
"""A dict or list, and a key or index in it."""


@cache
def vocabulary(version: str) -> tuple[str, ...]:
    """Every value of every enumeration of a published schema."""

    def enums(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            values = node.get("enum")
            yield from values if isinstance(values, list) else ()
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from enums(child)

    return tuple(sorted(set(enums(published(version)))))


@cache
def field_names() -> tuple[str, ...]:
    """Every property of the published schemas."""

    def names(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            properties = node.get("properties")
            yield from properties if isinstance(properties, dict) else ()
            for child in node.values():
                yield from names(child)

    return tuple(sorted({name for version in PUBLISHED for name in names(published(version))} - {"schemaVersion"}))


def spots(node: Any) -> Iterator[Spot]:
    """Every place below `node` that holds a value, except the version, which chooses the judge."""
    for key in list(node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()):
        if key != "schemaVersion":
            yield node, key
            yield from spots(node[key])


def replacements(value: object) -> Iterator[object]:
    yield from JUNK
    if isinstance(value, str):
        yield from (value.upper(), value.lower(), value + " ", value[:1], value * 60)
        if value in vocabulary("1.6") or value in vocabulary("1.2"):
            yield from sorted({word for version in PUBLISHED for word in vocabulary(version)})
    if isinstance(value, list):
        yield from ([*value, *value], [*value, None], [*value, {}], value * 30)
    if isinstance(value, dict):
        for name in field_names():
            if name not in value:
                yield from ({**value, name: 5}, {**value, name: {}})


def one_change_each(raw: Json) -> Iterator[Json]:
    """`raw` with one thing changed, for everything that can be; the same object each time, so use it at once."""
    yield raw
    for node, key in list(spots(raw)):
        kept = node[key]
        for value in replacements(kept):
            node[key] = value
            yield raw
        node[key] = kept
        if isinstance(node, dict):
            items = list(node.items())
            del node[key]
            yield raw
            node.clear()
            node.update(items)
        else:
            node.insert(key, deepcopy(kept))
            yield raw
            del node[key]


def several_changes(raw: Json, seed: int, changes: int) -> Json:
    """A copy of `raw` with some things changed at random."""
    dice = random.Random(seed)  # noqa: S311 - cases, not secrets
    changed = deepcopy(raw)
    for _ in range(changes):
        if not (places := list(spots(changed))):
            break
        node, key = dice.choice(places)
        change = dice.random()
        if change < 0.2:
            del node[key]
        elif change < 0.35 and isinstance(node, list):
            node.append(deepcopy(node[key]))
        else:
            node[key] = deepcopy(dice.choice(list(replacements(node[key]))))
    return changed
