"""Links, refresh tokens and claims."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from services.auth.texts import is_id
from services.auth.tokens import (
    RefreshToken,
    RefreshTokens,
    access_claims,
    digest,
    link_owner,
    new_id,
    new_link_token,
    same,
)

NEW = base64.b64encode(b"n" * 32).decode()
OLD = base64.b64encode(b"o" * 32).decode()
SESSION = "0123456789abcdef01234567"


def test_ids_have_the_wire_contracts_form() -> None:
    assert is_id(new_id())
    assert new_id() != new_id()


def test_a_link_names_its_owner() -> None:
    token = new_link_token(SESSION)
    assert link_owner(token) == SESSION
    assert new_link_token(SESSION) != token


@pytest.mark.parametrize(
    "text",
    ["", SESSION, "x" * 67, SESSION.upper() + "a" * 43, SESSION + "a" * 42, SESSION + "a" * 44, "\x00" * 67, "é" * 67],
)
def test_other_texts_name_nobody(text: str) -> None:
    assert link_owner(text) is None


def test_digests_hide_what_they_are_of() -> None:
    assert digest("secret") == "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    assert digest("\ud800") != digest("")


def test_same() -> None:
    assert same("a\u00e4\ud800", "a\u00e4\ud800")
    assert not same("a", "b")


def test_a_refresh_token_says_its_session_and_count() -> None:
    tokens = RefreshTokens(NEW)
    text = tokens.make(RefreshToken(SESSION, 7))
    assert tokens.read(text) == RefreshToken(SESSION, 7)
    assert tokens.make(RefreshToken(SESSION, 7)) == text


def test_tokens_of_a_replaced_key_are_still_read_and_new_ones_are_of_the_new_key() -> None:
    old = RefreshTokens(OLD).make(RefreshToken(SESSION, 1))
    both = RefreshTokens(f"{NEW}, {OLD}")
    assert both.read(old) == RefreshToken(SESSION, 1)
    assert both.make(RefreshToken(SESSION, 1)) == RefreshTokens(NEW).make(RefreshToken(SESSION, 1))
    assert RefreshTokens(NEW).read(old) is None


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "a", lambda t: t.replace(".7.", ".8."), str.upper])
def test_changed_tokens_are_not_read(change: object) -> None:
    tokens = RefreshTokens(NEW)
    text = tokens.make(RefreshToken(SESSION, 7))
    assert callable(change)
    assert tokens.read(change(text)) is None


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "\x00", "é.1.é", "\ud800"])
def test_other_texts_are_no_refresh_tokens(text: str) -> None:
    assert RefreshTokens(NEW).read(text) is None


def test_access_claims() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    claims = access_claims(
        issuer="http://souk",
        user_id="u",
        session_id="s",
        roles=("operator",),
        amr=("pwd",),
        proved_at=now - timedelta(minutes=1),
        now=now,
        life=timedelta(minutes=5),
    )
    assert is_id(claims.pop("jti"))
    assert claims == {
        "iss": "http://souk",
        "aud": "souk",
        "sub": "u",
        "sid": "s",
        "iat": 1772366400,
        "exp": 1772366700,
        "roles": ["operator"],
        "amr": ["pwd"],
        "auth_time": 1772366340,
    }
