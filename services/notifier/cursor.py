"""Where a reader of the feed is: a partition → offset map, opaque to clients and valid on every replica.

A partition that the map leaves out has not been read at all. The map carries a moment at which nothing was unread:
what has come since is younger, so it is all still there unless that moment is older than the feed's memory.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import orjson

from services.notifier.domain import FEED_KEPT
from shared.contracts import topics
from shared.plumbing.errors import Problem

_MAX_CHARS = 8_192
_MAX_NUMBER = 2**53
# Short names, because the cursor travels with every event.
_SHORT = {topics.INSTALLER_INSTALLATIONS.name: "i", topics.NOTIFIER_NOTICES.name: "n"}


REPLAYED = 99_999
"""In the place of a partition, for what was set aside and comes late: readers are past its own offset by then."""
REPLAYED_PARTS = tuple(f"{short}{REPLAYED}" for short in _SHORT.values())


def part_name(topic: str, partition: int) -> str:
    """The partition's name in the feed. Raises KeyError for a topic that the feed does not hold."""
    return f"{_SHORT[topic]}{partition}"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Everything up to and with these offsets has been read; what has not came after `at`."""

    at: datetime
    offsets: Mapping[str, int] = field(default_factory=dict)

    def after(self, part: str, offset: int) -> "Cursor":
        """This cursor, with one more entry read."""
        return Cursor(self.at, {**self.offsets, part: max(offset, self.offsets.get(part, -1))})

    def as_of(self, at: datetime) -> "Cursor":
        """The same position, after which there was nothing more at `at`."""
        return Cursor(at, self.offsets)

    def encode(self) -> str:
        """The text that clients keep and give back."""
        content = [int(self.at.timestamp()), dict(sorted(self.offsets.items()))]
        return base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Self:
        """Raises Problem 400 `invalid-cursor` for whatever `encode` has not made."""
        try:
            seconds, offsets = orjson.loads(base64.b64decode(_padded(text), altchars="-_", validate=True))
            at = datetime.fromtimestamp(_number(seconds), UTC)
            return cls(at, {_part(part): _number(offset) for part, offset in offsets.items()})
        except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError, OSError):
            raise Problem("invalid-cursor", 400, "The cursor is not one that this feed gave") from None

    def check_age(self, now: datetime, snapshot_url: str) -> None:
        """Raises Problem 410 `cursor-expired` when entries after it may be forgotten."""
        if now - self.at >= FEED_KEPT:
            raise Problem(
                "cursor-expired",
                410,
                "The feed does not reach back to this cursor",
                f"Entries are kept for {FEED_KEPT.days} days. Read the snapshot, and go on from its cursor.",
                snapshot=snapshot_url,
            )


def _padded(text: str) -> str:
    if len(text) > _MAX_CHARS or not text.isascii():
        raise ValueError("too long or not ASCII")
    return text + "=" * (-len(text) % 4)


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < _MAX_NUMBER:  # a bool is an int too
        raise ValueError("not a number")
    return value


def _part(part: str) -> str:
    if part[:1] not in _SHORT.values() or not part[1:].isdigit() or not part.isascii() or len(part) > 6:  # noqa: PLR2004 - 99,999
        raise ValueError("not a partition")
    return part
