"""What the notifier's API takes and gives."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from services.notifier.domain import screen_of
from services.notifier.notices import Cause, standing
from shared.contracts.installer import Cleanup, Outcome, State
from shared.contracts.reasons import FailureReason, Screen, WaitingFor
from shared.plumbing.mongo import Document
from shared.plumbing.openapi import example

HexId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
# An add-on's key is one line of 2 to 50 characters without those that mean something in an address.
Scope = Annotated[str, StringConstraints(pattern=r"^(all|addon:[^\x00-\x1f\x7f-\x9f\u2028\u2029/\\?#%]{2,50})$")]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class RaiseNotice(_Given):
    model_config = example({"scope": "addon:timer", "text": "Timer moves to new servers until six."})

    scope: Scope
    text: Sentence


class GiveFeedback(_Given):
    model_config = example({"page": "/docs/install", "helpful": False, "text": "Where do I find my workspaces?"})

    page: str = Field(max_length=300, pattern=r"^/[^\x00-\x20\x7f?#]*$", description="The page's path")
    helpful: StrictBool
    text: str = Field(default="", max_length=2_000)


class Notice(_Told):
    scope: str
    notice_id: str
    cause: Cause
    text: str
    raised_at: datetime
    addon_name: str | None = None

    @classmethod
    def of(cls, notice: Document, addons: dict[str, Document]) -> Self:
        """The notice that stands for a scope."""
        addon = addons.get(notice["_id"].partition(":")[2], {})
        return cls.model_validate({"scope": notice["_id"], "addon_name": addon.get("name"), **(standing(notice) or {})})


class Notified(_Told):
    """Somebody who was, or is to be, told of a notice by mail."""

    user_id: str
    state: str
    at: datetime


class Installation(_Told):
    """The newest state of an installation. `screen` is what a client shows instead of progress (S17)."""

    installation_id: str
    workspace_id: str
    addon_key: str
    addon_name: str
    generation: int
    user_id: str
    state: State
    outcome: Outcome
    cleanup: Cleanup
    version: int
    seq: int
    reason: FailureReason | None
    detail: str
    waiting_for: WaitingFor | None
    until: datetime | None
    next_action_at: datetime | None
    attempt: int
    trouble: bool
    screen: Screen | None
    requested_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, document: Document) -> Self:
        """From the projection."""
        return cls.model_validate({**document, "screen": screen_of(document)})


class FeedEvent(_Told):
    """An event as it was on its topic. Deduplicate by `id`; within one installation, `seq` has no gaps."""

    id: str
    type: str
    time: datetime
    seq: int | None
    correlation_id: str
    data: dict[str, Any]


class FeedPage(_Told):
    events: list[FeedEvent]
    next: str = Field(description="Give it as `after`, or as a stream's Last-Event-ID, to go on from here")
    more: bool = Field(description="Whether there is more at once")


class Snapshot(_Told):
    """How things are. What `cursor` leads to may be in here already: compare `version` and `seq`."""

    cursor: str
    installations: list[Installation]
    notices: list[Notice]


class Feedback(_Told):
    id: str
    page: str
    helpful: bool
    text: str
    user_id: str | None
    at: datetime


class Site(_Told):
    product_name: str
    logo_url: str | None
    support_email: str | None
    support_url: str | None
