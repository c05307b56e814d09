"""What stands for a scope, and how it is published."""

from datetime import UTC, datetime
from typing import Any

from services.notifier.notices import Origin, changed, render, standing
from shared.contracts.notifier import MaintenanceNoticeCleared, MaintenanceNoticeRaised

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ORIGIN = Origin(correlation_id="outage:a-b:1", causation_id="a-b:v2")
LATER = datetime(2026, 3, 1, 13, 0, tzinfo=UTC)


def slot(notice_id: str) -> dict[str, Any]:
    return {"notice_id": notice_id, "text": "It rests.", "raised_at": NOW}


def notice(**slots: Any) -> dict[str, Any]:
    return {"_id": "addon:a-b", "version": 3, "changed_at": NOW, "correlation_id": "c", **slots}


def test_an_operators_notice_hides_that_of_an_outage() -> None:
    both = notice(operator=slot("o"), outage=slot("x"))

    assert standing(both) == {**slot("o"), "cause": "operator"}
    assert standing({**both, "operator": None}) == {**slot("x"), "cause": "outage"}
    assert standing({**both, "operator": None, "outage": None}) is None
    assert standing(None) is None


def test_writing_what_is_there_changes_nothing() -> None:
    assert changed(notice(outage=slot("x")), {"outage": slot("x")}, LATER, ORIGIN) is None
    assert changed(None, {"operator": None, "outage": None}, LATER, ORIGIN) is None


def test_clearing_the_last_notice_remembers_what_it_was() -> None:
    fields = changed(notice(outage=slot("x")), {"outage": None}, LATER, ORIGIN)

    assert fields == {
        "outage": None,
        "changed_at": LATER,
        "state_marked_at": LATER,
        "correlation_id": "outage:a-b:1",
        "causation_id": "a-b:v2",
        "last": {**slot("x"), "cause": "outage"},
        "cleared_at": LATER,
    }


def test_clearing_one_of_two_clears_nothing_for_others() -> None:
    fields = changed(notice(operator=slot("o"), outage=slot("x")), {"operator": None}, LATER, ORIGIN)

    assert fields is not None
    assert "cleared_at" not in fields


def test_the_record_of_a_standing_notice() -> None:
    envelope = render(notice(outage=slot("a-b:7")))

    assert envelope.id == "addon:a-b:3"
    assert envelope.data == MaintenanceNoticeRaised(
        version=3, scope="addon:a-b", notice_id="a-b:7", cause="outage", text="It rests.", raised_at=NOW
    )


def test_the_record_of_a_cleared_notice() -> None:
    envelope = render(notice(outage=None, last={**slot("a-b:7"), "cause": "outage"}, cleared_at=LATER))

    assert envelope.data == MaintenanceNoticeCleared(
        version=3,
        scope="addon:a-b",
        notice_id="a-b:7",
        cause="outage",
        text="It rests.",
        raised_at=NOW,
        cleared_at=LATER,
    )
