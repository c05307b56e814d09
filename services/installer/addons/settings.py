"""The structured settings of an installation: the manifest's form with the values that were set. Pure.

The form is what the publisher declared (`{"tabs": [{"settings": [...], "groups": [{"settings": [...]}]}]}`); only
values that were changed are kept with the installation, by setting id.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MAX_CHANGES = 200
MAX_TEXT = 10_000
_MAX_CHOICES = 1_000


class SettingRefusedError(Exception):
    """A change that the form does not allow; the message is for the add-on's author."""


def filled(form: object, values: Mapping[str, Any]) -> dict[str, Any]:
    """The form with present values. An add-on with a settings page of its own, or none, has no tabs."""
    if not isinstance(form, dict):
        return {"tabs": []}
    return {"tabs": [_with_values(tab, values) for tab in form.get("tabs", ())]}


def _with_values(part: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(part)
    if "settings" in part:
        found["settings"] = [
            {**setting, "value": values.get(setting["id"], setting["value"])} for setting in part["settings"]
        ]
    if "groups" in part:
        found["groups"] = [_with_values(group, values) for group in part["groups"]]
    return found


def changes(form: object, body: object) -> dict[str, Any]:
    """The values by id that `body` sets, a list of `{"id", "value"}`.

    Raises SettingRefusedError if any of them is not allowed: then none is set.
    """
    if not isinstance(body, list) or not 0 < len(body) <= MAX_CHANGES:
        raise SettingRefusedError(f'The body is a list of 1 to {MAX_CHANGES} objects {{"id", "value"}}.')
    known = {setting["id"]: setting for setting in _settings(form)}
    found: dict[str, Any] = {}
    for change in body:
        if not isinstance(change, dict) or change.keys() != {"id", "value"} or not isinstance(change["id"], str):
            raise SettingRefusedError('Each change is an object with "id" and "value".')
        setting = known.get(change["id"])
        if setting is None:
            raise SettingRefusedError(f"There is no setting {change['id'][:100]!r}.")
        if change["id"] in found:
            raise SettingRefusedError(f"Setting {change['id']!r} is given twice.")
        _check(setting, change["value"])
        found[change["id"]] = change["value"]
    return found


def _settings(form: object) -> Iterator[dict[str, Any]]:
    for tab in form.get("tabs", ()) if isinstance(form, dict) else ():
        yield from tab.get("settings", ())
        for group in tab.get("groups", ()):
            yield from group["settings"]


def _check(setting: Mapping[str, Any], value: object) -> None:
    name, kind = setting["id"], str(setting["type"])
    if setting.get("readOnly"):
        raise SettingRefusedError(f"Setting {name!r} is read-only.")
    rule, fits = _TYPES.get(kind, _TYPES["TXT"])
    if not fits(value):
        raise SettingRefusedError(f"Setting {name!r} is of type {kind}: its value is {rule}.")
    if setting.get("required") and value in ("", []):
        raise SettingRefusedError(f"Setting {name!r} is required.")
    if kind.startswith("DROPDOWN"):
        # A set: a manifest has room for tens of thousands of values, and a change for as many choices.
        allowed = {choice for choice in setting.get("allowedValues", []) if isinstance(choice, str)}
        if not allowed.issuperset(value if isinstance(value, list) else [value]):
            raise SettingRefusedError(f"The value of setting {name!r} is not among its allowedValues.")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # What JSON, BSON and readers in other languages all carry. The order matters: isfinite overflows on huge integers.
    return abs(value) < 2**63 and math.isfinite(value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and len(value) <= _MAX_CHOICES and all(_is_text(one) for one in value)


_TEXT = (f"a text of at most {MAX_TEXT} characters", _is_text)
_TEXTS = (f"a list of at most {_MAX_CHOICES} texts", _is_texts)
_TYPES: dict[str, tuple[str, Callable[[object], bool]]] = {
    "TXT": _TEXT,
    "LINK": _TEXT,
    "NUMBER": ("a number", _is_number),
    "CHECKBOX": ("true or false", lambda value: isinstance(value, bool)),
    "DROPDOWN_SINGLE": _TEXT,
    "DROPDOWN_MULTIPLE": _TEXTS,
    "USER_DROPDOWN_SINGLE": _TEXT,
    "USER_DROPDOWN_MULTIPLE": _TEXTS,
}
