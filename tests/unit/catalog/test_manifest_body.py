"""From bytes to JSON: every way in which a served manifest cannot be read has its own sentence."""

import json

import pytest

from services.catalog.manifest import (
    ManifestError,
    UnreadableManifestError,
    parse_manifest_bytes,
    read_manifest,
    validate_manifest,
)
from tests.unit.catalog.manifests import Json, a_manifest, a_small_manifest

SMALL = json.dumps(a_small_manifest()).encode()


def the_refusal(body: bytes, content_type: str = "application/json") -> ManifestError:
    with pytest.raises(UnreadableManifestError) as caught:
        parse_manifest_bytes(body, content_type)
    (finding,) = caught.value.findings
    assert read_manifest(body, content_type).errors == (finding,)
    return finding


def nested(levels: int) -> Json:
    """An object of so many levels."""
    return {"a": nested(levels - 1)} if levels > 1 else {}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/html", "", "nonsense;;;"])
def test_json_is_read_whatever_it_is_called(content_type: str) -> None:
    assert parse_manifest_bytes(SMALL, content_type) == a_small_manifest()
    assert read_manifest(SMALL, content_type).accepted


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_manifest_bytes(b"\xef\xbb\xbf" + SMALL) == a_small_manifest()


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_nothing_is_no_manifest(body: bytes) -> None:
    assert the_refusal(body).message == "The manifest is empty; it must be a JSON object."


def test_html_is_named_with_how_it_begins() -> None:
    refusal = the_refusal(b"\n<!doctype html><title>Sign in</title>", "text/html; charset=utf-8")
    assert refusal == ManifestError(
        "manifest",
        "html",
        "A page came in place of the manifest (text/html; charset=utf-8); it must be JSON.",
        '"<!doctype html><title>Sign in</title>"',
    )


def test_broken_json_is_shown_where_it_breaks() -> None:
    refusal = the_refusal(b'{\n  "key": "a",\n}')
    assert refusal.rule == "json"
    assert refusal.message.startswith("The manifest is not JSON: ")
    assert " at line " in refusal.message


@pytest.mark.parametrize(
    ("body", "content_type", "guess"),
    [
        ('{"name": "Bücher"}'.encode("latin-1"), "text/plain; charset=ISO-8859-1", "; it seems to be iso-8859-1."),
        ('{"name": "Bücher"}'.encode("latin-1"), "application/json", " is not."),
        ('{"name": "B"}'.encode("utf-16"), "application/json", "; it seems to be UTF-16."),
        (b"\x1f\x8b\x08\x00", "application/json", "; it seems to be gzip."),
    ],
)
def test_another_encoding_is_named_with_the_first_byte_that_is_wrong(
    body: bytes, content_type: str, guess: str
) -> None:
    refusal = the_refusal(body, content_type)
    assert refusal.rule == "encoding"
    assert refusal.message.startswith("The manifest must be UTF-8, but byte ")
    assert refusal.message.endswith(guess)


def test_a_wrong_charset_in_the_header_does_not_harm_good_bytes() -> None:
    assert parse_manifest_bytes('{"name": "Bücher"}'.encode(), "text/plain; charset=iso-8859-1") == {"name": "Bücher"}


def test_a_key_given_twice_is_named_with_its_place() -> None:
    refusal = the_refusal(b'{"webhooks": [{}, {"path": "/a", "event": "X", "path": "/b"}]}')
    assert refusal == ManifestError(
        "webhooks[1].path",
        "duplicate-key",
        "webhooks[1].path is given more than once; a key may appear only once in an object.",
    )


def test_a_key_given_twice_is_found_inside_what_the_second_one_replaced() -> None:
    assert the_refusal(b'{"a": {"b": 1, "b": 2}, "a": 1}').field == "a"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_know_are_refused(number: str) -> None:
    refusal = the_refusal(f'{{"components": [{{"width": {number}}}]}}'.encode())
    assert (refusal.field, refusal.rule) == ("components[0].width", "number")


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_integers_beyond_64_bits_are_refused(number: int) -> None:
    refusal = the_refusal(json.dumps({"width": number}).encode())
    assert (refusal.field, refusal.rule) == ("width", "number")


def test_integers_of_64_bits_are_read() -> None:
    assert parse_manifest_bytes(json.dumps([2**63 - 1, -(2**63)]).encode()) == [2**63 - 1, -(2**63)]


def test_an_integer_of_thousands_of_digits_is_refused() -> None:
    refusal = the_refusal(b'{"width": ' + b"9" * 10_000 + b"}")
    assert (refusal.field, refusal.rule) == ("manifest", "number")


def test_twelve_levels_are_read_and_thirteen_refused() -> None:
    assert parse_manifest_bytes(json.dumps(nested(12)).encode()) == nested(12)
    refusal = the_refusal(json.dumps(nested(13)).encode())
    assert (refusal.field, refusal.rule) == (".".join("a" * 12), "depth")


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 30_000, b"[" * 90_000 + b"]" * 90_000])
def test_nesting_beyond_any_parser_is_refused(body: bytes) -> None:
    assert the_refusal(body).rule == "depth"


def test_two_hundred_thousand_bytes_are_read_and_one_more_refused() -> None:
    body = SMALL + b" " * (200_000 - len(SMALL))
    assert read_manifest(body).accepted
    assert the_refusal(body + b" ").message == "The manifest has 200,001 bytes; at most 200,000 are allowed."


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\udfff x"])
@pytest.mark.parametrize("template", ['{{"name": "a{}"}}', '{{"a{}": 1}}', '{{"options": [{{"a": "{}"}}]}}'])
def test_characters_that_cannot_be_stored_are_refused(template: str, text: str) -> None:
    refusal = the_refusal(template.format(text).encode())
    assert refusal.rule == "character"
    (refusal.field + refusal.message + str(refusal.given)).encode()


def test_an_object_that_the_database_would_take_for_a_reference_is_refused() -> None:
    refusal = the_refusal(b'{"options": [{"$ref": "a", "$id": 1}]}')
    assert (refusal.field, refusal.rule) == ("options[0]", "reserved-keys")
    assert parse_manifest_bytes(b'{"$ref": {"$id": 1}}') == {"$ref": {"$id": 1}}


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_manifest_bytes(b'{"name": "\\ud83d\\ude00"}') == {"name": "😀"}


def test_what_is_too_large_is_not_looked_at_value_by_value() -> None:
    """A look at a million values takes seconds; a count of their bytes does not, and no NUL among them is found."""
    assert [error.rule for error in validate_manifest({"a": ["\0"] * 40_000}).errors] == ["size"]


def test_what_is_nested_too_deep_to_be_counted_is_refused_for_its_depth() -> None:
    deep: Json = {}
    for _ in range(50_000):
        deep = {"a": deep}

    assert [error.rule for error in validate_manifest(deep).errors] == ["depth"]


def test_the_same_bounds_hold_for_json_that_did_not_come_as_bytes() -> None:
    assert [error.rule for error in validate_manifest(nested(13)).errors] == ["depth"]
    assert [error.rule for error in validate_manifest(a_manifest(description="ü" * 100_000)).errors] == ["size"]
    assert [error.rule for error in validate_manifest(a_manifest(description="\0")).errors] == ["character"]
    assert [error.rule for error in validate_manifest(a_manifest(iconPath=float("nan"))).errors] == ["number"]
    assert [error.rule for error in validate_manifest(a_manifest(iconPath=b"bytes")).errors] == ["json"]
    assert [error.rule for error in validate_manifest({5: 1}).errors] == ["json"]
