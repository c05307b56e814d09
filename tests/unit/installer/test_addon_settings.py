"""Structured settings: what an add-on reads, and what it may write."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.installer.addons.settings import SettingRefusedError, changes, filled


def setting(name: str, kind: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name.title(), "accessLevel": "ADMINS", "type": kind, "value": value, **more}


FORM = {
    "tabs": [
        {
            "id": "main",
            "name": "Main",
            "header": {"title": "Main"},
            "settings": [
                setting("text", "TXT", "hello", required=True),
                setting("number", "NUMBER", 5),
                setting("check", "CHECKBOX", value=False),
                setting("link", "LINK", "https://a.example"),
                setting("fixed", "TXT", "as is", readOnly=True),
            ],
            "groups": [
                {
                    "id": "group",
                    "title": "Group",
                    "settings": [
                        setting("one", "DROPDOWN_SINGLE", "a", allowedValues=["a", "b"]),
                        setting("many", "DROPDOWN_MULTIPLE", ["a"], allowedValues=["a", "b"]),
                        setting("person", "USER_DROPDOWN_SINGLE", "u1"),
                        setting("people", "USER_DROPDOWN_MULTIPLE", ["u1"]),
                    ],
                }
            ],
        }
    ]
}


def change(name: str, value: Any) -> list[dict[str, Any]]:
    return [{"id": name, "value": value}]


def test_the_form_comes_back_as_declared_with_the_values_that_were_set() -> None:
    assert filled(FORM, {}) == FORM
    found = filled(FORM, {"number": 6, "one": "b", "gone": 1})
    assert found["tabs"][0]["settings"][1] == setting("number", "NUMBER", 6)
    assert found["tabs"][0]["groups"][0]["settings"][0]["value"] == "b"
    assert found["tabs"][0]["header"] == {"title": "Main"}
    assert FORM["tabs"][0]["settings"][1]["value"] == 5  # type: ignore[index] # the manifest itself is left alone


@pytest.mark.parametrize("form", [None, "/settings-page", '{"a": "string"}'])
def test_an_add_on_with_a_page_of_its_own_has_no_form(form: object) -> None:
    assert filled(form, {"a": 1}) == {"tabs": []}
    with pytest.raises(SettingRefusedError, match="There is no setting 'a'"):
        changes(form, change("a", 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "other"),
        ("number", 6),
        ("number", -0.5),
        ("check", True),
        ("link", "https://b.example"),
        ("one", "b"),
        ("many", []),
        ("many", ["b", "a"]),
        ("person", "u2"),
        ("people", ["u2", "u3"]),
    ],
)
def test_a_value_that_fits_is_taken(name: str, value: Any) -> None:
    assert changes(FORM, change(name, value)) == {name: value}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("text", 5, "a text of at most 10000 characters"),
        ("text", "x" * 10_001, "a text of at most 10000 characters"),
        ("text", "", "'text' is required"),
        ("number", "5", "a number"),
        ("number", True, "a number"),
        ("number", float("nan"), "a number"),
        ("number", float("inf"), "a number"),
        ("number", 2**63, "a number"),
        ("number", 10**400, "a number"),
        ("check", "true", "true or false"),
        ("check", 1, "true or false"),
        ("link", ["https://a.example"], "a text"),
        ("fixed", "other", "'fixed' is read-only"),
        ("one", "c", "not among its allowedValues"),
        ("one", ["a"], "a text"),
        ("many", "a", "a list"),
        ("many", ["a", "c"], "not among its allowedValues"),
        ("many", [["a"]], "a list"),
        ("people", ["u"] * 1001, "a list"),
        ("person", None, "a text"),
        ("nothing", 1, "There is no setting 'nothing'"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_rule(name: str, value: Any, why: str) -> None:
    with pytest.raises(SettingRefusedError, match=why):
        changes(FORM, change(name, value))


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        [],
        "text",
        [{}],
        [{"id": "text"}],
        [{"id": "text", "value": "a", "more": 1}],
        [{"id": 5, "value": "a"}],
        ["text"],
        [{"id": "text", "value": "a"}] * 2,
        [{"id": "text", "value": "a"}] * 201,
    ],
)
def test_a_body_of_another_shape_is_refused(body: object) -> None:
    with pytest.raises(SettingRefusedError):
        changes(FORM, body)


def test_one_bad_value_refuses_all() -> None:
    with pytest.raises(SettingRefusedError, match="'number'"):
        changes(FORM, [*change("text", "fine"), *change("number", "bad")])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(["text", "number", "check", "one", "many", "people"]), value=JSON)
def test_whatever_is_sent_is_taken_whole_or_refused(name: str, value: Any) -> None:
    try:
        taken = changes(FORM, change(name, value))
    except SettingRefusedError:
        return
    assert taken == {name: value}


def test_many_choices_among_many_allowed_values_are_checked_in_no_time() -> None:
    allowed = [str(number) for number in range(20_000)]
    form = {"tabs": [{"settings": [setting(str(n), "DROPDOWN_MULTIPLE", [], allowedValues=allowed) for n in range(9)]}]}
    chosen = [{"id": str(n), "value": allowed[-1000:]} for n in range(9)]
    begun = time.perf_counter()
    assert changes(form, chosen) == {str(n): allowed[-1000:] for n in range(9)}
    assert time.perf_counter() - begun < 1
