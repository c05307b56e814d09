"""Ids, retries, names on one line, and who may look."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain import RETRY_SECONDS, is_member, mail_id, one_line, retry_at, screen_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORKSPACE = {"admins": [{"user_id": "a", "role": "admin"}], "members": ["m"]}


def test_a_mail_id_depends_on_cause_and_recipient_only() -> None:
    assert mail_id("e", "u") == mail_id("e", "u")
    assert len({mail_id("e", "u"), mail_id("e", "v"), mail_id("f", "u"), mail_id("eu", ""), mail_id("", "eu")}) == 5
    assert mail_id("e", "u").isalnum()


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 5), (2, 15), (9, 3600), (50, 3600)])
def test_retries_come_further_and_further_apart(attempts: int, seconds: float) -> None:
    assert retry_at(attempts, NOW, 0.5) == NOW + timedelta(seconds=seconds)
    assert retry_at(attempts, NOW, 0.0) == NOW + timedelta(seconds=seconds * 0.9)


def test_the_schedule_tries_often_at_first_and_hourly_at_last() -> None:
    assert list(RETRY_SECONDS) == sorted(RETRY_SECONDS)
    assert sum(RETRY_SECONDS[:4]) < 300


@given(st.text(max_size=300))
def test_any_text_becomes_one_line(text: str) -> None:
    line = one_line(text)

    assert len(line) <= 120
    assert line.splitlines() in ([], [line])
    assert line.isprintable()


@pytest.mark.parametrize(("user", "member"), [("a", True), ("m", True), ("x", False), ("", False)])
def test_admins_and_members_are_members(user: str, member: bool) -> None:
    assert is_member(WORKSPACE, user) is member


def test_nobody_is_a_member_of_what_is_unknown_or_deleted() -> None:
    assert not is_member(None, "a")
    assert not is_member({**WORKSPACE, "deleted": True}, "a")


@pytest.mark.parametrize(
    ("installation", "screen"),
    [
        ({"outcome": "pending", "trouble": False}, None),
        ({"outcome": "pending", "trouble": True}, "maintenance"),
        ({"outcome": "installed", "trouble": True}, None),
        ({"outcome": "failed", "reason": "deadline"}, "maintenance"),
        ({"outcome": "failed", "reason": "addon-refused"}, "refused"),
        ({"outcome": "failed", "reason": "plan-too-low"}, "fix-it"),
    ],
)
def test_the_screen_follows_from_outcome_and_reason(installation: dict[str, object], screen: str | None) -> None:
    assert screen_of(installation) == screen
