"""Whether a message's schema may replace the released one within the same version.

Readers of the old release must understand new records, and readers of the new release old records: so fields
are only added, with a default; nothing is removed, renamed, narrowed, widened or made required.

An added enum value is such a break: a reader that does not know it sets the whole record aside as a dead letter.
It becomes none in two releases. The first one knows the value, writes it nowhere, and names it in `ANNOUNCED`; the
next one writes it, when no reader is older than the first.
"""

from collections.abc import Collection, Iterator
from typing import Any

Schema = dict[str, Any]

ANNOUNCED: frozenset[str] = frozenset()
"""Enum values, as `Enum.value`, that this release reads and does not write yet."""

# What a keyword's change means is asked below; of the rest, every change counts.
_LOOKED_INTO = frozenset({"$defs", "additionalProperties", "anyOf", "enum", "items", "properties", "required"})
_FOR_PEOPLE = frozenset({"description", "examples", "title"})


def breaking_changes(old: Schema, new: Schema, announced: Collection[str] = ANNOUNCED) -> list[str]:
    """Every difference that breaks a reader, as a sentence; empty when the change is additive."""
    return list(_Comparison(old, new, announced).of(old, new, "value"))


class _Comparison:
    def __init__(self, old_root: Schema, new_root: Schema, announced: Collection[str]) -> None:
        self._old_root = old_root
        self._new_root = new_root
        self._announced = announced

    def of(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        old, new = _resolve(old, self._old_root), _resolve(new, self._new_root)
        for name in sorted({*old, *new} - _LOOKED_INTO - _FOR_PEOPLE):
            if old.get(name) != new.get(name):
                yield f"{where}: {name} was {old.get(name)!r}, is {new.get(name)!r}"
        yield from self._enum(old, new, where)
        yield from self._fields(old, new, where)
        for name in ("items", "additionalProperties"):
            yield from self._either(old.get(name), new.get(name), f"{where}[]")
        branches = old.get("anyOf", []), new.get("anyOf", [])
        if len(branches[0]) != len(branches[1]):
            yield f"{where}: an alternative is {'gone' if len(branches[0]) > len(branches[1]) else 'new'}"
        for number, (old_branch, new_branch) in enumerate(zip(*branches, strict=False)):
            yield from self.of(old_branch, new_branch, f"{where}|{number}")

    def _either(self, old: Schema | bool | None, new: Schema | bool | None, where: str) -> Iterator[str]:
        if isinstance(old, dict) and isinstance(new, dict):
            yield from self.of(old, new, where)
        elif old != new:
            yield f"{where} was {old!r}, is {new!r}"

    def _enum(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        before, after = old.get("enum", []), new.get("enum", [])
        yield from (f"{where}: enum value {value!r} is gone" for value in before if value not in after)
        if "enum" in old:
            added = [value for value in after if value not in before]
            names = {value: f"{new.get('title', where)}.{value}" for value in added}
            yield from (
                f"{where}: enum value {value!r} is new, and {names[value]} is not announced"
                for value in added
                if names[value] not in self._announced
            )

    def _fields(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
        for name, schema in old_fields.items():
            if name not in new_fields:
                yield f"{where}.{name} is gone"
            else:
                yield from self.of(schema, new_fields[name], f"{where}.{name}")
        newly_required = set(new.get("required", [])) - set(old.get("required", []))
        yield from (f"{where}.{name} has become required" for name in sorted(newly_required))
        no_longer = (set(old.get("required", [])) - set(new.get("required", []))) & set(new_fields)
        yield from (f"{where}.{name} is no longer always there" for name in sorted(no_longer))


def _resolve(schema: Schema, root: Schema) -> Schema:
    """The schema that a reference names, with what stands beside the reference."""
    if "$ref" not in schema:
        return schema
    beside = {name: value for name, value in schema.items() if name != "$ref"}
    return {**root["$defs"][schema["$ref"].rsplit("/", 1)[1]], **beside}
