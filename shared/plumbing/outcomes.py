"""What became of a received message. Every handler names one per message; every message logs it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.envelope import Envelope, Message, Topic


class Outcome(StrEnum):
    """The end of one message in one consumer group."""

    DONE = "done"
    DUPLICATE = "duplicate"
    """Seen before; nothing changed."""
    SUPERSEDED = "superseded"
    """Older than what is known; nothing changed."""
    IGNORED = "ignored"
    """Understood, and none of this consumer's business."""
    DEAD_LETTERED = "dead_lettered"
    """A data fault; kept for inspection and replay."""


CHAIN = 0.01
"""The `rest` where somebody waits for a chain of messages: seldom felt by one alone, and half the batches for many."""

Handle = Callable[[Sequence[Envelope[Message]]], Awaitable[Sequence[Outcome]]]
"""Handles a batch, records of one key in order, and says what became of each. Must be idempotent.

Raises only for infrastructure (then the same batch comes again), and DataFault or its own bugs (then the records
are tried one by one, and what still fails becomes a dead letter).
"""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One row of what a service consumes."""

    topic: Topic
    messages: tuple[type[Message], ...]
    handle: Handle
    rest: float = 0.2
    """Seconds to rest after a small batch, so that what arrives meanwhile shares the next one's round trips. The first
    record after a pause is handled at once."""
    max_records: int = 500
