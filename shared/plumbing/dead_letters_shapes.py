"""How operators name dead letters, and what they are told of them: the same over HTTP and on the command line."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from shared.plumbing.mongo import Document

Status = Literal["open", "replayed", "superseded", "discarded"]
Result = Literal["replayed", "superseded", "open", "busy", "closed", "missing"]
Because = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=300)]
_Name = Annotated[str, Field(max_length=300)]
_EXAMPLE: dict[str, Any] = {
    "id": "65f1c0ffee0123456789abcd",
    "group": "catalog.auth.workspaces.v1",
    "topic": "auth.workspaces.v1",
    "partition": 3,
    "offset": 1017,
    "type": "WorkspaceChanged",
    "key": "65f1c0ffee0123456789aaaa",
    "reason": "unknown-version",
    "detail": "specversion 1.0, dataschema WorkspaceChanged/2; known is WorkspaceChanged/1",
    "status": "open",
    "at": "2026-03-01T12:00:00Z",
    "tries": 1,
    "tried_at": "2026-03-01T12:05:00Z",
    "tried_because": "unknown-version: dataschema WorkspaceChanged/2",
    "closed_at": None,
    "closed_by": None,
    "closed_because": None,
    "headers": {"ce_id": "65f1c0ffee0123456789aaaa:v7", "ce_type": "WorkspaceChanged"},
    "value": '{"version": 7}',
    "size": 14,
}


_EXAMPLE_CHOICE: JsonDict = {"topic": "auth.workspaces.v1", "reason": "unknown-version"}


class Which(BaseModel):
    """Which dead letters; all that is named must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: _Name | None = Field(None, description="The consumer group", examples=["catalog.auth.workspaces.v1"])
    topic: _Name | None = Field(None, examples=["auth.workspaces.v1"])
    reason: _Name | None = Field(None, examples=["unknown-version"])
    type: _Name | None = Field(None, description="The record's `ce_type`", examples=["WorkspaceChanged"])
    key: _Name | None = Field(None, description="The record's key, whole", examples=["65f1c0ffee0123456789aaaa"])
    since: AwareDatetime | None = Field(None, description="Set aside then or later")
    before: AwareDatetime | None = Field(None, description="Set aside before that moment")

    def query(self) -> Document:
        """For the collection of dead letters."""
        query: Document = {
            name: text for name in ("group", "topic", "reason") if (text := getattr(self, name)) is not None
        }
        if self.type is not None:
            query["record.headers"] = [b"ce_type", self.type.encode()]
        if self.key is not None:
            query["record.key"] = self.key.encode()
        span = {"$gte": self.since, "$lt": self.before}
        if limits := {name: moment for name, moment in span.items() if moment is not None}:
            query["at"] = limits
        return query


class Chosen(Which):
    """As `Which`, and at least one thing is named: nobody means all of them by saying nothing."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.query():
            raise ValueError("name at least one of group, topic, reason, type, key, since, before")
        return self


class DeadLetterView(BaseModel):
    """One record that was set aside. Sealed fields are not shown, and a long value is cut."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    group: str
    topic: str
    partition: int
    offset: int
    type: str | None
    key: str | None
    reason: str
    detail: str
    status: Status
    at: datetime
    tries: int = Field(description="Replays that left it open")
    tried_at: datetime | None
    tried_because: str | None = Field(description="Why the newest of them did")
    closed_at: datetime | None
    closed_by: str | None = Field(description="A user id; `command` on the machine, `start` of a newer release")
    closed_because: str | None
    headers: dict[str, str | None]
    value: str | None
    size: int = Field(description="Of the whole value, in bytes")


class Replayed(BaseModel):
    """What became of one letter that was to be replayed."""

    id: str
    result: Result = Field(
        description="`superseded`: older than the state, so it changed nothing; `open`: still faulty"
    )


class ReplayedMany(BaseModel):
    """What became of those that were chosen, and whether there may be more of them."""

    counts: dict[str, int] = Field(examples=[{"replayed": 3, "superseded": 1}])
    letters: list[Replayed]
    more: bool
    next: str | None = Field(description="Give it as `after` to go on; null at the end")


class DiscardedMany(BaseModel):
    """How many were closed, and whether there may be more of them."""

    discarded: int
    more: bool


class ReplayOrder(BaseModel):
    """Which open letters to replay, the oldest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"which": _EXAMPLE_CHOICE}]})

    which: Chosen
    limit: int = Field(100, ge=1, le=500)
    after: str | None = Field(None, pattern="^[0-9a-f]{24}$", description="The `next` of the order before")


class DiscardOrder(BaseModel):
    """Which open letters to close, the oldest first, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"which": _EXAMPLE_CHOICE, "because": "made by a test of the publisher's"}]},
    )

    which: Chosen
    because: Because
    limit: int = Field(500, ge=1, le=500)


class Discard(BaseModel):
    """Why one letter is closed."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"because": "made by a test of the publisher's"}]}
    )

    because: Because
