"""Whether a message's schema may replace the released one within the same version.

Readers of the old release must understand new records, and readers of the new release old records: so fields
are only added, with a default; nothing is removed, renamed, narrowed or made required.
"""

from typing import Any

Schema = dict[str, Any]
# What an integer without bounds is good for anyway: readers of JSON agree no further (RFC 8259 §6).
_AGREED = {"minimum": -(2**53 - 1), "maximum": 2**53 - 1}


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Every difference that breaks a reader, as a sentence; empty when the change is additive."""
    return _compare(old, new, old, new, "value")


def _resolve(schema: Schema, root: Schema) -> Schema:
    if "$ref" in schema:
        resolved: Schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        return resolved
    return schema


def _compare(old: Schema, new: Schema, old_root: Schema, new_root: Schema, where: str) -> list[str]:
    old, new = _resolve(old, old_root), _resolve(new, new_root)
    found = [
        f"{where}: {name} was {old.get(name)!r}, is {new.get(name)!r}"
        for name in ("type", "format", "const", "maxLength", "minLength", "maxItems", "minItems", "pattern")
        if old.get(name) != new.get(name)
    ]
    if "integer" in (old.get("type"), new.get("type")):
        found += [
            f"{where}: {name} was {old.get(name, agreed)}, is {new.get(name, agreed)}"
            for name, agreed in _AGREED.items()
            if old.get(name, agreed) != new.get(name, agreed)
        ]
    found += [f"{where}: enum value {value!r} is gone" for value in old.get("enum", []) if value not in new["enum"]]
    found += _fields(old, new, old_root, new_root, where)
    for name in ("items", "additionalProperties"):
        if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
            found += _compare(old[name], new[name], old_root, new_root, f"{where}[]")
    old_branches, new_branches = old.get("anyOf", []), new.get("anyOf", [])
    if len(new_branches) < len(old_branches):
        found.append(f"{where}: an alternative is gone")
    for number, (old_branch, new_branch) in enumerate(zip(old_branches, new_branches, strict=False)):
        found += _compare(old_branch, new_branch, old_root, new_root, f"{where}|{number}")
    return found


def _fields(old: Schema, new: Schema, old_root: Schema, new_root: Schema, where: str) -> list[str]:
    found: list[str] = []
    old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
    for name, schema in old_fields.items():
        if name not in new_fields:
            found.append(f"{where}.{name} is gone")
        else:
            found += _compare(schema, new_fields[name], old_root, new_root, f"{where}.{name}")
    newly_required = set(new.get("required", [])) - set(old.get("required", []))
    found += [f"{where}.{name} has become required" for name in sorted(newly_required)]
    no_longer = (set(old.get("required", [])) - set(new.get("required", []))) & set(new_fields)
    found += [f"{where}.{name} is no longer always there" for name in sorted(no_longer)]
    return found
