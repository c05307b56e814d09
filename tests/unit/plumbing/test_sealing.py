import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.plumbing.sealing import SealBroken, Sealer, SealExpired

KEY, OTHER = (base64.b64encode(bytes([fill]) * 32).decode() for fill in (1, 2))
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@given(st.text())
def test_what_was_sealed_opens_for_its_purpose(plain: str) -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal(plain, purpose="mail", expires_at=LATER)
    assert sealed.startswith("sealed:v1:")
    assert sealer.open(sealed, purpose="mail", now=NOW) == plain
    assert sealer.decrypt(sealer.encrypt(plain, purpose="totp"), purpose="totp") == plain


def test_the_same_text_never_looks_the_same() -> None:
    sealer = Sealer(KEY)
    assert len({sealer.encrypt("a", purpose="p") for _ in range(100)}) == 100


def test_it_does_not_open_for_another_purpose() -> None:
    sealed = Sealer(KEY).seal("a", purpose="mail", expires_at=LATER)
    with pytest.raises(SealBroken):
        Sealer(KEY).open(sealed, purpose="link", now=NOW)


def test_it_opens_until_its_expiry_and_not_at_it() -> None:
    sealed = Sealer(KEY).seal("a", purpose="mail", expires_at=LATER)
    assert Sealer(KEY).open(sealed, purpose="mail", now=LATER - timedelta(milliseconds=1)) == "a"
    with pytest.raises(SealExpired):
        Sealer(KEY).open(sealed, purpose="mail", now=LATER)


def test_an_unknown_key_does_not_open_it() -> None:
    sealed = Sealer(KEY).seal("a", purpose="mail", expires_at=LATER)
    with pytest.raises(SealBroken):
        Sealer(OTHER).open(sealed, purpose="mail", now=NOW)


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    before = Sealer(OTHER).seal("a", purpose="mail", expires_at=LATER)
    rotated = Sealer(f"{KEY}, {OTHER}")
    assert rotated.open(before, purpose="mail", now=NOW) == "a"
    after = rotated.seal("b", purpose="mail", expires_at=LATER)
    assert Sealer(KEY).open(after, purpose="mail", now=NOW) == "b"


def test_stored_and_travelling_texts_do_not_pass_for_each_other() -> None:
    sealer = Sealer(KEY)
    stored = sealer.encrypt("12345678a", purpose="p")
    for text in (stored, stored.replace("stored:", "sealed:")):
        with pytest.raises(SealBroken):
            sealer.open(text, purpose="p", now=NOW)


def test_any_changed_character_breaks_the_seal() -> None:
    sealed = Sealer(KEY).seal("a", purpose="mail", expires_at=LATER)
    start = len("sealed:v1:")
    for place in range(start, len(sealed) - 1):  # the last character has bits that base64 does not use
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(SealBroken):
            Sealer(KEY).open(changed, purpose="mail", now=NOW)


@given(st.text())
def test_foreign_text_is_broken_and_nothing_worse(text: str) -> None:
    for sealed in (text, "sealed:v1:" + text):
        with pytest.raises(SealBroken):
            Sealer(KEY).open(sealed, purpose="mail", now=NOW)


@pytest.mark.parametrize("keys", ["", "short", KEY[:-4], f"{KEY},", base64.b64encode(b"x" * 16).decode(), "ключ"])
def test_what_is_no_key_is_refused_without_being_quoted(keys: str) -> None:
    with pytest.raises(ValueError, match=r"^each key must be base64 of 32 bytes$"):
        Sealer(keys)
