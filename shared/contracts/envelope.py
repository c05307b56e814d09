"""What every message on a topic has in common.

A *message* is the JSON value of a record; its *envelope* is the record's headers, in the binary mode of
CloudEvents 1.0 for Kafka. Both directions of the wire format live in `shared.plumbing.records`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_AGREED = 2**53 - 1

Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
"""A point in time, given with its offset, and with room before and after it to count in."""
Whole = Annotated[int, Field(ge=-_AGREED, le=_AGREED)]
"""An integer that all readers of JSON agree on (RFC 8259 §6); MongoDB's own limit lies beyond."""


class TopicKind(StrEnum):
    """How long a topic remembers, and what may be built from it."""

    EVENT = "event"
    """What happened. Expires; never feeds a projection."""
    STATE = "state"
    """The whole current state per key, compacted. Projections feed from these only."""
    COMMAND = "command"
    """A request to one service, soon worthless."""
    REPLY = "reply"
    """The answer to a command, soon worthless."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One Kafka topic: its name carries the version of everything on it."""

    name: str
    kind: TopicKind
    key: str
    """What the record key is, in words for the documentation."""
    retention: timedelta | None
    """None for compacted topics, which keep the newest record of each key for ever."""

    @property
    def owner(self) -> str:
        """The one service that writes to this topic."""
        return self.name.split(".", 1)[0]


class Contract(BaseModel):
    """A value on the wire: immutable, and tolerant of fields that a newer release has added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Message(Contract):
    """One event, command or state record. The class name is its `ce_type`."""

    topic: ClassVar[Topic]
    schema_version: ClassVar[int] = 1

    def key(self) -> str:
        """The record key; all records of one key are in one partition, in order."""
        raise NotImplementedError(type(self).__name__)

    @classmethod
    def type_name(cls) -> str:
        """The `ce_type` header."""
        return cls.__name__


class StateMessage(Message):
    """The whole state of one thing. A consumer keeps the record with the highest version."""

    version: Whole
    deleted: bool = False
    """True announces the end; a tombstone follows days later, when every projection has seen it."""


M_co = TypeVar("M_co", bound=Message, covariant=True)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record was read; the identity of a dead letter."""

    topic: str
    partition: int
    offset: int
    replayed: bool = False
    """It had been set aside, and comes long after what followed it."""


@dataclass(frozen=True, slots=True)
class Envelope(Generic[M_co]):
    """A message with everything that its headers say about it.

    `id` is deterministic: the same fact sent twice carries the same id, so consumers deduplicate by it.
    `seq` counts from 1 without gaps within one aggregate's events; state records leave it out.

    `correlation_id` is the id of the HTTP request with which the story began, `causation_id` that of the last step
    before this one: the `ce_id` of the message, or the id of the request, that the thing told of had last acted on.
    Messages that leave together have the same cause. What time brings about, or an add-on's answer to a call, has no
    id of its own, so it names the step before it. None: no message or request has led here, such as to an add-on's
    health, which its answers alone make.
    """

    id: str
    source: str
    subject: str
    time: datetime
    data: M_co
    correlation_id: str
    causation_id: str | None
    traceparent: str | None = None
    seq: int | None = None
    position: Position | None = None
    """Only on received messages."""
    extensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The `ce_type` header."""
        return self.data.type_name()
