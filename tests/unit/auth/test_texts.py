"""What people type."""

import unicodedata
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.auth.texts import (
    Address,
    DisplayName,
    Locale,
    Password,
    Region,
    Subject,
    WorkspaceName,
    address_key,
    is_id,
    is_own_path,
)


def refused(kind: Any, text: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada.L@EXAMPLE.com ", "Ada.L@example.com"),
        ("ada+souk@example.com", "ada+souk@example.com"),
        ("ａｄａ@example.com", "ada@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_an_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert TypeAdapter(Address).validate_python(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        *(
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a b@example.com",
            "ada@exa mple.com",
            "jörg@example.com",
        ),
        *("ada@example.com\x00", "ada@\x00example.com", "ada@example.com\nBcc: eve@example.com", "a@b@example.com"),
        *("<ada@example.com>", "a" * 65 + "@example.com", f"ada@{'x' * 250}.com", 5, None, ["ada@example.com"]),
    ],
)
def test_what_is_no_address_is_refused(given: object) -> None:
    assert refused(Address, given)


def test_spellings_of_one_mailbox_are_one_account() -> None:
    assert address_key("Ada@Example.com") == address_key("ada@example.com") == "ada@example.com"


def test_a_homograph_is_another_address() -> None:
    """A Cyrillic domain that looks like a Latin one is kept in the form that tells them apart."""
    kept = TypeAdapter(Address).validate_python("ada@еxample.com")
    assert kept == "ada@xn--xample-2of.com"
    assert address_key(kept) != address_key("ada@example.com")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@bücher.example"),
        (unicodedata.normalize("NFD", "ada@bücher.example"), "ada@bücher.example"),
        ("ada@ｅｘａｍｐｌｅ.com", "ada@example.com"),
        ("ADA@example.com", "ada@Example.COM"),
        ("ada@example\u3002com", "ada@example.com"),
    ],
)
def test_two_forms_of_one_address_are_one_key(one: str, other: str) -> None:
    keys = {address_key(TypeAdapter(Address).validate_python(each)) for each in (one, other)}
    assert len(keys) == 1
    assert keys.pop().isascii()


@pytest.mark.parametrize(
    "given",
    [
        "аda@example.com",
        "ada@example.com.",
        "ada.@example.com",
        ".ada@example.com",
        "ada@exa\u200bmple.com",
        "a\ud800@b.com",
    ],
)
def test_look_alikes_and_stray_dots_are_no_addresses(given: str) -> None:
    """The first letter of the first one is Cyrillic: before the @ only ASCII is taken."""
    assert refused(Address, given)


def test_plus_and_dot_make_another_mailbox_for_all_we_know() -> None:
    keys = {address_key(one) for one in ("ada@example.com", "ada+souk@example.com", "a.da@example.com")}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("password", "wrong"),
    [
        ("123456789", True),
        ("1234567890", False),
        ("x" * 1000, False),
        ("x" * 1001, True),
        ("x" * 10_000, True),
        ("correct\x00horse", True),
        ("ångström-päss", False),
        ("🔑" * 10, False),
    ],
)
def test_password_rules(password: str, *, wrong: bool) -> None:
    assert refused(Password, password) is wrong


def test_a_password_typed_on_another_keyboard_is_the_same() -> None:
    composed, decomposed = "p\u00e4ssword-1", "pa\u0308ssword-1"
    adapter = TypeAdapter(Password)
    assert adapter.validate_python(composed) == adapter.validate_python(decomposed)


@pytest.mark.parametrize("kind", [DisplayName, WorkspaceName, Subject])
@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a\x1bb", "a\x7fb", "x" * 300])
def test_names_hold_no_control_characters(kind: object, text: str) -> None:
    assert refused(kind, text)


@pytest.mark.parametrize("kind", [DisplayName, WorkspaceName])
@pytest.mark.parametrize(
    "text", ["Ada \u202eemca", "\u2066Ada", "Ada\u200e", "\u061cAda", "\u200b", "\u200d \ufe0f", "\u3164"]
)
def test_names_are_seen_and_read_in_one_way(kind: object, text: str) -> None:
    assert refused(kind, text)


@pytest.mark.parametrize("text", ["عدا", "עדה", "می\u200cخواهم", "👩\u200d💻", "e\u0301"])
def test_names_of_all_scripts_are_taken(text: str) -> None:
    assert not refused(DisplayName, text)
    assert not refused(DisplayName, "")


def test_a_workspace_has_a_name() -> None:
    assert refused(WorkspaceName, "   ")
    assert TypeAdapter(WorkspaceName).validate_python("  Ünï 🚀 ") == "Ünï 🚀"


@pytest.mark.parametrize(("text", "wrong"), [("en", False), ("de-CH", False), ("", True), ("e", True), ("en_US", True)])
def test_locales(text: str, *, wrong: bool) -> None:
    assert refused(Locale, text) is wrong


@pytest.mark.parametrize(
    ("text", "wrong"), [("", False), ("eu-west-1", False), ("EU", True), ("-eu", True), ("a--b", True)]
)
def test_regions(text: str, *, wrong: bool) -> None:
    assert refused(Region, text) is wrong


@pytest.mark.parametrize(
    "path", ["/", "/addons/time?tab=1#top", "/a//b", "/ü", "/apiary", "/login?next=/api/x", "/x/api/y"]
)
def test_own_paths(path: str) -> None:
    assert is_own_path(path)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "addons",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:x",
        ),
        *("/a\\..\\b", "/a\nLocation: x", "/\t/evil.example", "/" + "x" * 2000, "/\x00"),
        *("/api/auth/v1/sessions", "/api", "/API/x", "/%61pi/x", "/api%2Fx", "/%2Fapi/x", "/%2f/evil.example", "/%5Cx"),
        *("/./api/x", "/x/../api/x", "/%2e/api/x", "/x/%2E%2e/api/x", "/addon-api/v1", "/.well-known/jwks.json"),
        *("/login/initiate?iss=x", "/login/callback/acme?code=x", "/login/%63allback/acme"),
    ],
)
def test_paths_that_could_lead_elsewhere(path: str) -> None:
    assert not is_own_path(path)


def test_ids() -> None:
    assert is_id("0123456789abcdef01234567")
    assert not is_id("0123456789ABCDEF01234567")
    assert not is_id("0123456789abcdef0123456")
    assert not is_id("0123456789abcdef01234567\n")
