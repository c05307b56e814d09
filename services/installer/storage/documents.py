"""Installations as documents, and two of them as the update between them.

What is null is absent in the document. Updates name what they change, down to the fields of a part, so a part's
fields that a newer release has added survive; unknown fields are ignored when reading.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import structlog

from services.installer.domain import (
    Call,
    Check,
    Flight,
    Installation,
    Kind,
    Loose,
    Snapshot,
    Tokens,
    Workspace,
)
from shared.contracts.auth import Plan
from shared.contracts.installer import Cleanup, Outcome, State
from shared.contracts.reasons import FailureReason, Side, WaitingFor
from shared.plumbing.mongo import Document

log = structlog.get_logger()

_PARTS: dict[str, type[Any]] = {
    "check": Check,
    "workspace": Workspace,
    "call": Call,
    "flight": Flight,
    "snapshot": Snapshot,
    "tokens": Tokens,
}
_PART_FIELDS = {cls: tuple(field.name for field in fields(cls)) for cls in (*_PARTS.values(), Loose)}
# Lists that only grow here; the server appends and cuts them.
_GROWING = frozenset({"history", "outbox"})
# The store sets these itself.
_OURS = frozenset({"id", "version"})
_PLAIN = tuple(
    field.name for field in fields(Installation) if field.name not in _PARTS.keys() | _GROWING | _OURS | {"loose"}
)
_NAMES = tuple(field.name for field in fields(Installation))

# Ids of settings are the publisher's words, and become keys: `$ref` beside `$id` would be read back as a reference.
_ESCAPED = {"$": "%24", "%": "%25"}
_WRITE: dict[str, Callable[[Any], Any]] = {
    "settings": lambda values: {_ESCAPED.get(key[:1], key[:1]) + key[1:]: value for key, value in values.items()}
}

_READ: dict[str, Callable[[Any], Any]] = {
    "state": State,
    "outcome": Outcome,
    "cleanup": Cleanup,
    "waiting_for": WaitingFor,
    "reason": FailureReason,
    "side": Side,
    "acknowledged": tuple,
    "history": tuple,
    "applied": tuple,
    "outbox": tuple,
    "loose": lambda entries: tuple(_part(Loose, entry) for entry in entries),
    "call": lambda part: _part(Call, part | {"kind": Kind(part["kind"])}),
    "flight": lambda part: _part(Flight, part | {"kind": Kind(part["kind"])}),
    "workspace": lambda part: _part(Workspace, part | {"plan": Plan(part["plan"])}),
    "snapshot": lambda part: _part(
        Snapshot, part | {"webhooks": tuple(part["webhooks"]), "scopes": tuple(part["scopes"])}
    ),
    "check": lambda part: _part(Check, part),
    "tokens": lambda part: _part(Tokens, part),
    "parked": tuple,
    "settings": lambda values: {_unescaped(key): value for key, value in values.items()},
}


def from_document(document: Document) -> Installation:
    """Read a document of this schema or an older one."""
    values = {name: document[name] for name in _NAMES if name in document}
    for name, read in _READ.items():
        if name in values:
            values[name] = read(values[name])
    values["live"] = document.get("live", False)
    return Installation(id=document["_id"], **values)


def to_document(one: Installation) -> Document:
    """The whole document, for inserting it."""
    document: Document = {"_id": one.id, "version": one.version}
    for name in (*_PLAIN, *_PARTS, *_GROWING, "loose"):
        value = _field(name, getattr(one, name))
        if value is not None and (name != "live" or value):
            document[name] = value
    return document


def changes(before: Installation, after: Installation) -> tuple[Document, list[str]]:
    """What to set and what to remove, the growing lists left out."""
    found: Document = {}
    gone: list[str] = []
    for name in (*_PLAIN, "loose"):
        new = getattr(after, name)
        if new != getattr(before, name):
            if new is None or (name == "live" and not new):
                gone.append(name)
            else:
                found[name] = _field(name, new)
    for name in _PARTS:
        old, new = getattr(before, name), getattr(after, name)
        if new is old:
            continue
        if new is None:
            gone.append(name)
        elif old is None:
            found[name] = _written(new)
        else:
            _part_changes(name, old, new, found, gone)
    return found, gone


def _part_changes(name: str, old: Any, new: Any, found: Document, gone: list[str]) -> None:
    for field in _PART_FIELDS[type(new)]:
        value = getattr(new, field)
        if value != getattr(old, field):
            if value is None:
                gone.append(f"{name}.{field}")
            else:
                found[f"{name}.{field}"] = _written(value)


def _part(cls: type[Any], part: Mapping[str, Any]) -> Any:
    return cls(**{name: part[name] for name in _PART_FIELDS[cls] if name in part})


def _field(name: str, value: Any) -> Any:
    return _WRITE[name](value) if name in _WRITE and value is not None else _written(value)


def _unescaped(key: str) -> str:
    for letter, escaped in _ESCAPED.items():
        if key.startswith(escaped):
            return letter + key[len(escaped) :]
    return key


def _written(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_written(entry) for entry in value]
    names = _PART_FIELDS.get(type(value))
    if names is None:
        return value
    return {name: _written(found) for name in names if (found := getattr(value, name)) is not None}


def read_each(documents: Sequence[Document], *, isolated: bool) -> tuple[list[Installation], list[str]]:
    """As `from_document`, for many; `isolated`: one that another release made unreadable is logged, its id told."""
    found: list[Installation] = []
    failed: list[str] = []
    for document in documents:
        try:
            found.append(from_document(document))
        except (ValueError, KeyError, TypeError):
            if not isolated:
                raise
            log.exception("installation_not_readable", installation_id=document["_id"])
            failed.append(document["_id"])
    return found, failed
