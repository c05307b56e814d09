"""Installations as clients see them: the shapes. `showing.py` fills them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.installer.domain import Kind
from shared.contracts.installer import Cleanup, Outcome, State
from shared.contracts.reasons import FailureReason, Screen, Side, WaitingFor

PATH = "/api/installer/v1/installations"


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class NextAction(_View):
    """What happens next without anybody's doing."""

    action: Literal["ask-workspace", "call-addon", "look-again", "await-answer", "clean-up"]
    at: datetime | None = Field(description="Null: as soon as what it waits for is there")


class Attempt(_View):
    """The call under way, or the next one to be made."""

    kind: Kind
    number: int = Field(description="Of the logical call; all its attempts have one `webhook-id`")
    attempt: int = Field(description="Attempts begun so far")
    under_way: bool


_EXAMPLE: dict[str, Any] = {
    "id": "65f1c0ffee0123456789abcd",
    "workspace_id": "65f1c0ffee0123456789aaaa",
    "addon_key": "timer",
    "addon_name": "Timer",
    "generation": 1,
    "requested_by": "65f1c0ffee0123456789bbbb",
    "manifest_version": 1,
    "state": "DELIVERING",
    "outcome": "pending",
    "cleanup": "none",
    "cleanup_given_up": False,
    "reason": None,
    "side": "addon",
    "detail": "",
    "screen": "maintenance",
    "trouble": True,
    "waiting_for": "addon",
    "until": "2026-03-01T12:15:00Z",
    "next": {"action": "call-addon", "at": "2026-03-01T12:00:12Z"},
    "call": {"kind": "INSTALLED", "number": 1, "attempt": 2, "under_way": False},
    "requested_at": "2026-03-01T12:00:00Z",
    "changed_at": "2026-03-01T12:00:02Z",
    "version": 5,
    "seq": 1,
    "links": {"self": f"{PATH}/65f1c0ffee0123456789abcd"},
}


class InstallationView(_View):
    """One installation. `id` is the `addonId` that the add-on knows it by."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    workspace_id: str
    addon_key: str
    addon_name: str
    generation: int = Field(description="Counts the installations of this add-on in this workspace from 1")
    requested_by: str
    manifest_version: int | None = Field(description="The add-on's manifest that counts; null before delivering")
    state: State
    outcome: Outcome
    cleanup: Cleanup = Field(description="Whether the add-on still has to be told DELETED")
    cleanup_given_up: bool
    reason: FailureReason | None
    side: Side | None = Field(description="Whose side the present trouble, or the failure, is on")
    detail: str = Field(description="The add-on's own words where it refused")
    screen: Screen | None = Field(description="What to show in place of plain progress")
    trouble: bool
    waiting_for: WaitingFor | None
    until: datetime | None = Field(description="A pending installation waits at most until then in its present state")
    next: NextAction | None
    call: Attempt | None
    requested_at: datetime
    changed_at: datetime
    version: int
    seq: int = Field(description="Of the newest event; the live stream continues from it")
    links: dict[str, str] = Field(examples=[{"self": f"{PATH}/65f1c0ffee0123456789abcd"}])


class TimelineEntry(_View):
    """One step or attempt. Fields that the kind of step does not have are null."""

    n: int = Field(description="Counts the steps of the installation from 1")
    at: datetime
    what: str = Field(examples=["state", "attempt", "call_added"])
    side: Side | None = Field(description="Whose side a trouble was on")
    source: State | None = None
    target: State | None = None
    reason: FailureReason | None = None
    waiting_for: WaitingFor | None = None
    kind: Kind | None = None
    number: int | None = None
    attempt: int | None = None
    result: str | None = None
    status: Annotated[int | None, Field(description="HTTP status of the add-on's answer")] = None
    duration_ms: float | None = None
    detail: str | None = None


class InstallationDetail(InstallationView):
    """With every step so far."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "timeline": [
                        {"n": 1, "at": "2026-03-01T12:00:00Z", "what": "requested", "side": None},
                        {
                            "n": 2,
                            "at": "2026-03-01T12:00:02Z",
                            "what": "attempt",
                            "side": "addon",
                            "kind": "INSTALLED",
                            "number": 1,
                            "attempt": 2,
                            "result": "unknown",
                            "status": 500,
                        },
                    ],
                }
            ]
        }
    )

    timeline: list[TimelineEntry]
