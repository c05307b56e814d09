"""Where a reader of the feed is."""

import base64
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.cursor import Cursor, part_name
from shared.plumbing.errors import Problem

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_cursor_survives_its_text() -> None:
    cursor = Cursor(NOW, {"i0": 12, "n5": 0})

    assert Cursor.decode(cursor.encode()) == cursor


def test_reading_an_entry_moves_only_its_partition() -> None:
    cursor = Cursor(NOW, {"i0": 12, "i1": 3}).after("i1", 4)

    assert cursor.offsets == {"i0": 12, "i1": 4}
    assert cursor.after("i1", 2).offsets["i1"] == 4  # never backwards


def test_partitions_are_named_by_topic_and_number() -> None:
    assert part_name("installer.installations.v1", 3) == "i3"
    assert part_name("notifier.notices.v1", 0) == "n0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "ä",
        "a" * 9000,
        encoded("null"),
        encoded("[1]"),
        encoded("[1,2]"),
        encoded('["1",{}]'),
        encoded("[true,{}]"),
        encoded("[-1,{}]"),
        encoded("[1e400,{}]"),
        encoded("[9007199254740991,{}]"),
        encoded('[1,{"i0":-1}]'),
        encoded('[1,{"i0":1.5}]'),
        encoded('[1,{"i0":99999999999999999999}]'),
        encoded('[1,{"x0":1}]'),
        encoded('[1,{"i":1}]'),
        encoded('[1,{"i²":1}]'),
        encoded('[1,{"":1}]'),
        encoded('[1,{"$where":1}]'),
    ],
)
def test_what_is_no_cursor_is_refused_with_400(text: str) -> None:
    with pytest.raises(Problem) as refused:
        Cursor.decode(text)

    assert (refused.value.status, refused.value.slug) == (400, "invalid-cursor")


@given(st.text(max_size=200))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with contextlib.suppress(Problem):
        Cursor.decode(text)


def test_a_cursor_is_good_for_fourteen_days() -> None:
    cursor = Cursor(NOW)
    cursor.check_age(NOW + timedelta(days=14) - timedelta(seconds=1), "http://here/snapshot")

    with pytest.raises(Problem) as expired:
        cursor.check_age(NOW + timedelta(days=14), "http://here/snapshot")

    assert (expired.value.status, expired.value.slug) == (410, "cursor-expired")
    assert expired.value.extensions == {"snapshot": "http://here/snapshot"}
