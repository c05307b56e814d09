"""Codes of a device against the published vectors, the window, and codes from paper."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.factors import codes

# RFC 6238, appendix B, the rows of SHA-1; its eight digits end in the six of ours.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
    20000000000: "353130",
}
NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
STEP = codes.step_of(NOW)


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_the_published_codes_are_made(seconds: int, code: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert codes.code_at(SECRET, codes.step_of(moment)) == code
    assert codes.match(SECRET, code, moment, last_step=0) == codes.Match(codes.step_of(moment), fresh=True)


@pytest.mark.parametrize("offset", range(-4, 5))
def test_one_step_before_and_after_counts(offset: int) -> None:
    found = codes.match(SECRET, codes.code_at(SECRET, STEP + offset), NOW, last_step=0)
    assert (found is not None) == (abs(offset) <= 1)


@given(offset=st.integers(-1, 1), last=st.integers(-3, 3))
def test_a_step_is_fresh_after_the_last_used_one_only(offset: int, last: int) -> None:
    found = codes.match(SECRET, codes.code_at(SECRET, STEP + offset), NOW, last_step=STEP + last)
    assert found == codes.Match(STEP + offset, fresh=offset > last)


@pytest.mark.parametrize("code", ["", "0", "\x00" * 6, "é" * 6, "12345\ud83d", "9" * 10_000])
def test_what_is_no_code_matches_nothing(code: str) -> None:
    assert codes.match(SECRET, code, NOW, last_step=0) is None


def test_the_end_of_a_step_is_its_own() -> None:
    edge = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
    assert codes.step_of(edge - timedelta(milliseconds=1)) == codes.step_of(edge) - 1


def test_secrets_and_recovery_codes_are_made_by_chance() -> None:
    assert len({codes.new_secret() for _ in range(50)}) == 50
    made = codes.new_recovery_codes()
    assert len(set(made)) == codes.RECOVERY_CODES
    assert all(len(code.replace("-", "")) == 16 for code in made)


def test_a_recovery_code_is_known_however_it_is_typed_and_by_its_owner_only() -> None:
    known = codes.recovery_digest("a" * 24, "abcd-efgh-jkmn-pqrs")
    assert codes.recovery_digest("a" * 24, " ABCD efgh\tJKMN-pqrs ") == known
    assert codes.recovery_digest("b" * 24, "abcd-efgh-jkmn-pqrs") != known
    assert codes.recovery_digest("a" * 24, "abcd-efgh-jkmn-pqrt") != known


def test_the_address_survives_an_account_with_odd_characters() -> None:
    address = urlsplit(codes.address(SECRET, issuer="souk.example", account="a+b&c=?#@example.com"))
    assert parse_qs(address.query) == {"secret": [SECRET], "issuer": ["souk.example"]}
    assert address.fragment == ""


def test_the_picture_is_a_vector_image_without_script() -> None:
    uri = codes.picture(codes.address(SECRET, issuer="souk.example", account="ada@example.com"))
    assert uri.startswith("data:image/svg+xml")
    assert "script" not in uri
