"""What stands for one scope: an operator's notice, else the notice of an outage, else nothing.

A document has a slot for each cause, so that an operator's notice hides an outage and does not end it. Pure.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from shared.contracts.envelope import Envelope, StateMessage
from shared.contracts.notifier import MaintenanceNoticeCleared, MaintenanceNoticeRaised

Document = dict[str, Any]
Cause = Literal["operator", "outage"]
CAUSES: tuple[Cause, ...] = ("operator", "outage")
"""The first that is set is what stands."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a change of notices comes from: an operator's request, or the health of an add-on."""

    correlation_id: str
    causation_id: str


def standing(notice: Mapping[str, Any] | None) -> Document | None:
    """The notice that stands, with `notice_id`, `cause`, `text` and `raised_at`; None if none does."""
    for cause in CAUSES:
        if notice is not None and notice.get(cause) is not None:
            return {**notice[cause], "cause": cause}
    return None


def changed(
    notice: Mapping[str, Any] | None, slots: Mapping[str, Document | None], now: datetime, origin: Origin
) -> Document | None:
    """The fields to write so that the document holds `slots` (by cause); None if it does already.

    Marks the state as changed in every case: a record too many costs nothing.
    """
    before = notice or {}
    if all(before.get(cause) == value for cause, value in slots.items()):
        return None
    fields: Document = {**slots, "changed_at": now, "state_marked_at": now, **asdict(origin)}
    last = standing(before)
    if last is not None and standing({**before, **slots}) is None:
        fields |= {"last": last, "cleared_at": now}
    return fields


def render(notice: Document) -> Envelope[StateMessage]:
    """The state record of a scope."""
    shown = standing(notice)
    common = {"version": notice["version"], "scope": notice["_id"]}
    message: StateMessage
    if shown is not None:
        message = MaintenanceNoticeRaised.model_validate({**shown, **common})
    else:
        message = MaintenanceNoticeCleared.model_validate(
            {**notice["last"], "cleared_at": notice["cleared_at"], **common}
        )
    return Envelope(
        id=f"{notice['_id']}:{notice['version']}",
        source="/souk/notifier",
        subject=notice["_id"],
        time=notice["changed_at"],
        data=message,
        correlation_id=notice["correlation_id"],
        causation_id=notice.get("causation_id"),
    )
