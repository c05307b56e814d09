"""What MongoDB does with filters, updates and pipelines, as far as the installer uses them; the rest is an error.

`tests/integration/model` asks real MongoDB the same.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from shared.plumbing.mongo import Document

ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "ABSENT", "__bool__": lambda _: False})()


_PLAIN = frozenset({str, int, float, bool, type(None), bytes})


def bson(value: Any) -> Any:
    """A copy as the database would give it back."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {name: bson(each) for name, each in value.items()}
    if kind is list or kind is tuple:
        return [bson(each) for each in value]
    if kind is datetime:
        return value.replace(microsecond=value.microsecond // 1000 * 1000) if value.microsecond % 1000 else value
    if value is ABSENT:
        return value
    if isinstance(value, Enum):
        return value.value
    raise NotImplementedError(kind)


def look(document: Any, path: str) -> Any:
    """The value at a dotted path, ABSENT if there is none; of an array, that of each element."""
    for position, name in enumerate(names := path.split(".")):
        if isinstance(document, list):
            rest = ".".join(names[position:])
            return [found for each in document if (found := look(each, rest)) is not ABSENT]
        if not isinstance(document, dict) or name not in document:
            return ABSENT
        document = document[name]
    return document


# --- filters ---------------------------------------------------------------------------------------------------------


def matches(document: Document, which: Mapping[str, Any], now: datetime) -> bool:
    for name, wanted in which.items():
        if name == "$or":
            fits = any(matches(document, one, now) for one in wanted)
        elif name == "$expr":
            fits = bool(evaluate(wanted, document, {"$$NOW": now}))
        elif name.startswith("$"):
            raise NotImplementedError(name)
        else:
            fits = _fits(look(document, name), wanted)
        if not fits:
            return False
    return True


def _fits(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict) and any(name.startswith("$") for name in wanted):
        return all(_operator(found, name, bson(operand)) for name, operand in wanted.items())
    return _equals(found, bson(wanted))


def _equals(found: Any, wanted: Any) -> bool:
    if wanted is None:
        return found is ABSENT or found is None
    return bool(found == wanted) or (isinstance(found, list) and wanted in found)


def _operator(found: Any, name: str, operand: Any) -> bool:
    match name:
        case "$in":
            return any(_equals(found, one) for one in operand)
        case "$nin":
            return not any(_equals(found, one) for one in operand)
        case "$ne":
            return not _equals(found, operand)
        case "$exists":
            return bool((found is not ABSENT) == operand)
        case "$type" if operand == "date":
            return isinstance(found, datetime)
        case "$lt" | "$lte" | "$gt" | "$gte":
            return type(found) is type(operand) and _compared(name, found, operand)
        case _:
            raise NotImplementedError(name)


def _compared(name: str, one: Any, other: Any) -> bool:
    if name == "$lt":
        return bool(one < other)
    if name == "$lte":
        return bool(one <= other)
    return bool(one > other) if name == "$gt" else bool(one >= other)


# --- updates ---------------------------------------------------------------------------------------------------------


def updated(document: Document, update: Document | Sequence[Document], now: datetime, *, new: bool = False) -> Document:
    """The document after `update`; `new`: it is just being made by an upsert."""
    after = bson(document)
    if isinstance(update, Sequence):
        for stage in update:
            after = _stage(after, stage, now)
        return dict(after)
    for operator, fields in update.items():
        for path, value in fields.items():
            _apply(after, operator, path, bson(value), new=new)
    return dict(after)


def _apply(document: Document, operator: str, path: str, value: Any, *, new: bool) -> None:
    match operator:
        case "$set":
            put(document, path, value)
        case "$setOnInsert":
            if new:
                put(document, path, value)
        case "$unset":
            put(document, path, ABSENT)
        case "$inc":
            put(document, path, (look(document, path) or 0) + value)
        case "$push":
            each, cut = (value["$each"], value.get("$slice")) if isinstance(value, dict) else ([value], None)
            pushed = [*(look(document, path) or []), *each]
            put(document, path, pushed if cut is None else pushed[cut:])
        case _:
            raise NotImplementedError(operator)


def put(document: Document, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        if value is ABSENT and name not in document:
            return
        document = document.setdefault(name, {})
    if value is ABSENT:
        document.pop(last, None)
    else:
        document[last] = value


def _stage(document: Document, stage: Document, now: datetime) -> Document:
    ((name, fields),) = stage.items()
    after: Document = bson(document)
    if name == "$set":
        for path, expression in fields.items():
            put(after, path, bson(evaluate(expression, document, {"$$NOW": now})))
    elif name == "$unset":
        for path in [fields] if isinstance(fields, str) else fields:
            put(after, path, ABSENT)
    else:
        raise NotImplementedError(name)
    return after


# --- expressions -----------------------------------------------------------------------------------------------------


def evaluate(expression: Any, document: Document, names: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one per kind
    if isinstance(expression, str) and expression.startswith("$"):
        return _named(expression, document, names)
    if isinstance(expression, list | tuple):
        return [evaluate(each, document, names) for each in expression]
    if not isinstance(expression, dict):
        return expression
    if not any(name.startswith("$") for name in expression):
        return {name: evaluate(each, document, names) for name, each in expression.items()}
    ((name, operand),) = expression.items()
    if name == "$literal":
        return operand
    if name == "$filter":
        array = evaluate(operand["input"], document, names)
        return [each for each in array if evaluate(operand["cond"], document, {**names, "$$this": each})]
    return _computed(name, evaluate(operand, document, names))


def _named(expression: str, document: Document, names: Mapping[str, Any]) -> Any:
    if expression == "$$REMOVE":
        return ABSENT
    if expression.startswith("$$"):
        name, _, path = expression.partition(".")
        return look(names[name], path) if path else names[name]
    return look(document, expression[1:])


def _computed(name: str, values: Any) -> Any:  # noqa: PLR0911 - one per operator
    match name:
        case "$lt" | "$lte" | "$gt" | "$gte":
            return _compared(name, *values)
        case "$size":
            return len(values)
        case "$not":
            return not (values[0] if isinstance(values, list) else values)
        case "$in":
            return values[0] in values[1]
        case "$cond":
            return values[1] if values[0] else values[2]
        case "$ifNull":
            return values[1] if values[0] is ABSENT or values[0] is None else values[0]
        case "$concatArrays":
            return [each for array in values for each in array]
        case "$slice":
            array, count = values
            return array[count:] if count < 0 else array[:count]
        case "$add":
            return _sum(*values)
        case _:
            raise NotImplementedError(name)


def _sum(one: Any, other: Any) -> Any:
    return one + timedelta(milliseconds=other) if isinstance(one, datetime) else one + other
