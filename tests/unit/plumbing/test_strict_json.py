"""JSON in which no object names a key twice."""

import json
import time

import pytest

from shared.plumbing.strict_json import DoubledKeyError, parse


def test_what_is_plain_is_read_as_it_stands() -> None:
    assert parse(b'{"a": [{"b": 1}, {"b": 2}], "b": null}') == {"a": [{"b": 1}, {"b": 2}], "b": None}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 1, "a": 1}', "a"),
        ('[{"b": {"a": 1, "c": 2, "a": 3}}]', "a"),
        ('{"a": {"b": 1, "b": 2}, "a": 1}', "b"),
    ],
)
def test_a_key_given_twice_is_named(text: str, key: str) -> None:
    with pytest.raises(DoubledKeyError) as refusal:
        parse(text)
    assert refusal.value.key == key


def test_what_is_no_json_is_told_by_its_place() -> None:
    with pytest.raises(json.JSONDecodeError, match="char 5"):
        parse('{"a":')


def test_an_object_of_many_keys_costs_no_more_than_reading_it() -> None:
    """Counting each name anew took seconds for this many, in which the process answered nobody."""
    names = ",".join(f'"{number}":1' for number in range(20_000))
    begun = time.perf_counter()
    with pytest.raises(DoubledKeyError):
        parse(f'{{{names},"19999":2}}')
    assert time.perf_counter() - begun < 1
