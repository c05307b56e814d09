import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.plumbing.errors import Problem
from shared.plumbing.paging import decode_cursor, encode_cursor

WHEN = datetime(2026, 5, 1, 12, 30, 15, 123000, tzinfo=UTC)


def b64(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def test_a_cursor_gives_back_its_position() -> None:
    assert decode_cursor(encode_cursor((WHEN, "a1")), tuple[datetime, str]) == (WHEN, "a1")
    assert decode_cursor(encode_cursor(("ключ", 7)), tuple[str, int]) == ("ключ", 7)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!",
        "é",
        "\x00",
        b64(b"[]"),
        b64(b'["2026-05-01T12:00:00Z"]'),
        b64(b'["yesterday", "a1"]'),
        b64(b'["2026-05-01T12:00:00Z", {"$gt": ""}]'),
        b64(b'["2026-05-01T12:00:00Z", "a", "b"]'),
        b64(rb'["2026-05-01T12:00:00Z", "\u0000"]'),
        b64(rb'["2026-05-01T12:00:00Z", "\ud800"]'),
        b64(b'["2026-05-01T12:00:00Z", "' + b"a" * 1000 + b'"]'),
    ],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        decode_cursor(cursor, tuple[datetime, str])
    assert (refused.value.status, refused.value.slug) == (400, "invalid-cursor")


@given(st.text())
def test_no_text_gets_past_a_refusal(text: str) -> None:
    with pytest.raises(Problem):
        decode_cursor(text, tuple[datetime, str])
