"""The JSON Schema of a manifest version, built from the table of facts, and what judges by it.

It gives the same verdict as the platform's published schemas, which are draft 4, and points at the same places.
"""

from collections.abc import Collection, Hashable, Iterator
from functools import cache
from typing import Any

from jsonschema import Draft4Validator, ValidationError
from jsonschema.validators import extend

from services.catalog.manifest_versions import ACCESS_LEVELS, LIFECYCLE_TYPES, PLANS, SCOPES, Version

Schema = dict[str, Any]


def _text(*, least: int = 0, most: int | None = None, one_of: Collection[str] = ()) -> Schema:
    schema: Schema = {"type": "string"}
    if least:
        schema["minLength"] = least
    if most is not None:
        schema["maxLength"] = most
    if one_of:
        schema["enum"] = list(one_of) if isinstance(one_of, tuple) else sorted(one_of)
    return schema


def _list(items: Schema, *, least: int = 0, unique: bool = False) -> Schema:
    return {"type": "array", "minItems": least, "uniqueItems": unique, "items": items}


def _object(required: tuple[str, ...], /, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    # Draft 4 wants at least one name in `required`.
    return {**schema, "required": list(required)} if required else schema


def _settings(setting_types: frozenset[str]) -> Schema:
    header = _object(("title",), title=_text(least=1))
    flag: Schema = {"type": "boolean"}
    setting = _object(
        ("id", "name", "accessLevel", "type", "value"),
        id=_text(least=1),
        name=_text(least=1),
        accessLevel=_text(one_of=ACCESS_LEVELS),
        type=_text(one_of=setting_types),
        value={"type": ["string", "number", "array", "boolean"], "minLength": 1, "minItems": 1},
        allowedValues={"type": "array"},
        key=_text(),
        description=_text(),
        placeholder=_text(),
        required=flag,
        copyable=flag,
        readOnly=flag,
    )
    group = _object(
        ("id", "title", "settings"),
        id=_text(least=1),
        title=_text(least=1),
        description=_text(),
        header=header,
        settings=_list(setting, least=1),
    )
    tab = _object(
        ("id", "name"),
        id=_text(least=1),
        name=_text(least=1),
        header=header,
        groups=_list(group),
        settings=_list(setting),
    )
    # A path or an object: keywords for one type leave the other alone, so no `anyOf` blurs the messages.
    return {**_object(("tabs",), tabs=_list(tab, least=1)), "type": ["string", "object"], "minLength": 1}


@cache
def schema_of(version: Version) -> Schema:
    """The JSON Schema (draft 4) of a version. `schemaVersion` is not in it: it chose the version."""
    size: Schema = {"width": {"type": "integer"}, "height": {"type": "integer"}} if version.component_size else {}
    component = _object(
        version.component_required,
        type=_text(one_of=version.component_types),
        label=_text(most=version.label_max),
        accessLevel=_text(one_of=ACCESS_LEVELS),
        path=_text(least=1),
        iconPath=_text(),
        options={"type": "object"},
        **size,
    )
    lifecycle = _object(("path", "type"), path=_text(least=1), type=_text(one_of=LIFECYCLE_TYPES))
    webhook = _object(("event", "path"), path=_text(least=1), event=_text(one_of=version.events))
    later: Schema = {
        "minimalSubscriptionPlan": _text(one_of=PLANS),
        "scopes": _list(_text(one_of=SCOPES), unique=True),
    }
    return _object(
        version.required,
        key=_text(least=2, most=50),
        name=_text(least=1, most=50),
        # The published schemas give it no type, so a number passes there; our own rules refuse it.
        baseUrl={"pattern": "^https?://"},
        description=_text(),
        iconPath=_text(),
        **(later if version.plan_and_scopes else {}),
        lifecycle=_list(lifecycle, unique=True),
        webhooks=_list(webhook, unique=True),
        components=_list(component, unique=True),
        settings=_settings(version.setting_types),
    )


def _required(validator: Any, names: list[str], instance: Any, _schema: Schema) -> Iterator[ValidationError]:
    # Unlike the library's own, points at the missing field instead of at the object around it.
    if validator.is_type(instance, "object"):
        yield from (ValidationError(name, path=[name]) for name in names if name not in instance)


def _unique(validator: Any, wanted: bool, instance: Any, _schema: Schema) -> Iterator[ValidationError]:
    # The library compares every pair, which is minutes for a hostile list; and it does not say which two.
    if not wanted or not validator.is_type(instance, "array"):
        return
    first: dict[Hashable, int] = {}
    for index, entry in enumerate(instance):
        if (earlier := first.setdefault(_comparable(entry), index)) != index:
            yield ValidationError(f"entries {earlier} and {index}")
            return


def _comparable(value: object) -> Hashable:
    """Equal for equal JSON: 1 is 1.0, but true is not 1."""
    match value:
        case dict():
            return "object", frozenset((key, _comparable(entry)) for key, entry in value.items())
        case list():
            return "list", tuple(_comparable(entry) for entry in value)
        case bool():
            return "boolean", value
        case _:
            return "plain", value


_Validator = extend(Draft4Validator, {"required": _required, "uniqueItems": _unique})  # type: ignore[no-untyped-call]


@cache
def validator(version: Version) -> Draft4Validator:
    """Judges by a version's schema; errors come in the order of the schema, `type` first."""
    judge: Draft4Validator = _Validator(schema_of(version))
    return judge
