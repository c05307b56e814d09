"""What clients see of an installation: whose side it is on, what happens next and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.installer.domain import Call, Check, Flight, Installation, Kind, Workspace
from services.installer.web import showing
from services.installer.web.views import InstallationDetail
from shared.contracts.installer import Cleanup, Outcome, State
from shared.contracts.reasons import FailureReason, Side, WaitingFor

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
DEADLINE = NOW + timedelta(minutes=15)
ONE = Installation(
    id="b" * 24,
    workspace_id="a" * 24,
    addon_key="timer",
    addon_name="Timer",
    generation=2,
    user_id="c" * 24,
    request="digest",
    if_unavailable="wait",
    acknowledged=("region",),
    correlation_id="corr",
    requested_at=NOW,
    changed_at=NOW,
    state=State.REQUESTED,
    version=3,
    seq=1,
    due_at=LATER,
    until=DEADLINE,
    waiting_for=WaitingFor.MESSAGING,
    check=Check(1, NOW),
    workspace=Workspace(owner_id="d" * 24),
)
CALL = Call(Kind.INSTALLED, 1, NOW, attempt=2)
FLIGHT = Flight(Kind.INSTALLED, 1, 2, "worker", LATER, DEADLINE)


def changed(**changes: Any) -> Installation:
    return replace(ONE, **changes)


def test_a_fresh_request_says_what_it_waits_for_and_until_when() -> None:
    assert showing.installation(ONE) == {
        "id": "b" * 24,
        "workspace_id": "a" * 24,
        "addon_key": "timer",
        "addon_name": "Timer",
        "generation": 2,
        "manifest_version": None,
        "requested_by": "c" * 24,
        "state": State.REQUESTED,
        "outcome": Outcome.PENDING,
        "cleanup": Cleanup.NONE,
        "cleanup_given_up": False,
        "reason": None,
        "side": None,
        "detail": "",
        "screen": None,
        "trouble": False,
        "waiting_for": WaitingFor.MESSAGING,
        "until": DEADLINE,
        "next": {"action": "ask-workspace", "at": None},
        "call": None,
        "requested_at": NOW,
        "changed_at": NOW,
        "version": 3,
        "seq": 1,
        "links": {"self": "/api/installer/v1/installations/" + "b" * 24},
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state": State.CHECKING, "check": Check(1, NOW)}, {"action": "ask-workspace", "at": None}),
        ({"state": State.CHECKING, "check": Check(1, NOW, sent_at=NOW)}, {"action": "ask-workspace", "at": LATER}),
        ({"state": State.DELIVERING, "call": CALL}, {"action": "call-addon", "at": LATER}),
        ({"state": State.DELIVERING, "call": CALL, "flight": FLIGHT}, {"action": "await-answer", "at": DEADLINE}),
        ({"state": State.DELIVERING}, {"action": "look-again", "at": LATER}),
        ({"state": State.WAITING, "call": CALL}, {"action": "look-again", "at": LATER}),
        ({"state": State.INSTALLED, "outcome": Outcome.INSTALLED, "due_at": None}, None),
        ({"state": State.FAILED, "outcome": Outcome.FAILED, "due_at": None}, None),
        (
            {"state": State.FAILED, "outcome": Outcome.FAILED, "call": replace(CALL, kind=Kind.DELETED)},
            {"action": "clean-up", "at": LATER},
        ),
    ],
)
def test_the_next_automatic_action_is_told_with_its_time(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    assert showing.next_action(changed(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"trouble": True}, "maintenance"),
        ({"trouble": True, "outcome": Outcome.INSTALLED}, None),
        ({"reason": FailureReason.ADDON_REFUSED, "outcome": Outcome.FAILED}, "refused"),
        ({"reason": FailureReason.DEADLINE, "outcome": Outcome.FAILED}, "maintenance"),
        ({"reason": FailureReason.PLAN_TOO_LOW, "outcome": Outcome.FAILED}, "fix-it"),
    ],
)
def test_trouble_that_nobody_explained_is_maintenance(changes: dict[str, Any], expected: str | None) -> None:
    assert showing.screen(changed(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"trouble": True}, Side.US),
        ({"state": State.DELIVERING, "waiting_for": WaitingFor.ADDON}, None),
        ({"state": State.DELIVERING, "waiting_for": WaitingFor.ADDON, "trouble": True}, Side.ADDON),
        ({"state": State.WAITING, "waiting_for": WaitingFor.PREVIOUS_UNINSTALL}, Side.ADDON),
        ({"state": State.WAITING, "waiting_for": WaitingFor.MAINTENANCE}, Side.US),
        ({"state": State.FAILED, "waiting_for": None, "side": Side.YOU}, Side.YOU),
    ],
)
def test_a_trouble_has_a_side(changes: dict[str, Any], expected: Side | None) -> None:
    assert showing.installation(changed(**changes))["side"] is expected


def test_the_attempt_under_way_is_shown() -> None:
    shown = showing.installation(changed(state=State.DELIVERING, call=CALL, flight=FLIGHT))
    assert shown["call"] == {"kind": "INSTALLED", "number": 1, "attempt": 2, "under_way": True}
    assert showing.installation(changed(call=CALL))["call"]["under_way"] is False


def test_the_timeline_is_whole_and_in_order_whatever_was_moved_out() -> None:
    steps = [
        {"n": 1, "at": NOW, "what": "requested"},
        {"n": 2, "at": NOW, "what": "state", "source": "REQUESTED", "target": "CHECKING"},
        {"n": 3, "at": NOW, "what": "state", "source": "CHECKING", "target": "WAITING", "waiting_for": "addon"},
        {
            "n": 4,
            "at": LATER,
            "what": "attempt",
            "kind": "INSTALLED",
            "number": 1,
            "attempt": 1,
            "result": "unknown",
            "status": 500,
            "ms": 12.5,
            "side": "addon",
            "text": "oops",
        },
    ]
    one, older = changed(history=tuple(steps[2:]), steps=4), [steps[1], steps[0], steps[2]]
    shown = InstallationDetail(**showing.detail(one, older, closely=True)).timeline
    from_afar = InstallationDetail(**showing.detail(one, older, closely=False)).timeline
    assert [entry.detail for entry in from_afar] == [None] * 4, "what the add-on answered is not for plain members"
    assert [entry.n for entry in shown] == [1, 2, 3, 4]
    assert (shown[1].source, shown[1].target, shown[1].side) == (State.REQUESTED, State.CHECKING, None)
    assert (shown[2].waiting_for, shown[2].side) == (WaitingFor.ADDON, Side.ADDON)
    attempt = shown[3]
    assert (attempt.kind, attempt.number, attempt.attempt) == (Kind.INSTALLED, 1, 1)
    assert (attempt.result, attempt.status, attempt.duration_ms) == ("unknown", 500, 12.5)
    assert (attempt.side, attempt.detail) == (Side.ADDON, "oops")
