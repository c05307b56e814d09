"""The notifier's rules: who is told, under which id, until when, and who may look. No I/O, no clock."""

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.contracts.installer import Outcome, State
from shared.contracts.reasons import SCREEN_OF, FailureReason, Screen

Document = Mapping[str, Any]

MAIL_FOR = timedelta(hours=24)
"""Events older than this send no mail, and a mail not delivered within it never is."""
RECIPIENT_WITHIN = timedelta(hours=1)
"""How long a mail waits for an address that is not known yet."""
NOTICE_MAIL_FOR = timedelta(hours=2)
"""Later, the news that an add-on is down helps nobody."""
REMEMBERED = timedelta(days=31)
"""How long a finished mail is kept so that it is never sent again: longer than any topic keeps an event."""
FEED_KEPT = timedelta(days=14)
FEEDBACK_KEPT = timedelta(days=365)
RETRY_SECONDS = (5, 15, 60, 120, 300, 600, 1200, 1800, 3600)
LIVE_STATES = (State.REQUESTED, State.CHECKING, State.DELIVERING, State.WAITING, State.INSTALLED)


TOO_LATE = "too late"
"""The error of a mail that expired before it could be sent."""


class MailState(StrEnum):
    """The end of a mail, or `due` until then."""

    DUE = "due"
    SENT = "sent"
    FAILED = "failed"
    """Refused for good, or nobody to send it to."""
    EXPIRED = "expired"


class Urgency(StrEnum):
    """Mails that are due at the same time leave in this order."""

    SOMEBODY_WAITS = "0"
    RESULT = "1"
    NOTICE = "2"


def mail_id(cause_id: str, recipient_id: str) -> str:
    """One mail per cause and recipient: the document's `_id`, and the local part of the `Message-ID`."""
    return hashlib.sha256(f"{cause_id}\0{recipient_id}".encode()).hexdigest()[:40]


def retry_at(attempts: int, now: datetime, spread: float) -> datetime:
    """When to try again after `attempts` failures. `spread` in [0, 1) moves it by up to a fifth."""
    seconds = RETRY_SECONDS[min(max(attempts, 1), len(RETRY_SECONDS)) - 1]
    return now + timedelta(seconds=seconds * (0.9 + 0.2 * spread))


def one_line(text: str, limit: int = 120) -> str:
    """`text` without line breaks, control and direction characters: it can neither add a header nor hide anything."""
    kept = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    words = " ".join(kept.split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def is_member(workspace: Document | None, user_id: str) -> bool:
    """Whether `user_id` is in the workspace, in whatever role."""
    if workspace is None or workspace.get("deleted"):
        return False
    admins = workspace.get("admins", ())
    return user_id in workspace.get("members", ()) or any(one["user_id"] == user_id for one in admins)


def admins_of(workspace: Document) -> list[str]:
    """User ids of its owners and admins."""
    return [] if workspace.get("deleted") else [one["user_id"] for one in workspace.get("admins", ())]


def screen_of(installation: Document) -> Screen | None:
    """The screen that a client shows instead of progress (S17), if any."""
    if installation["outcome"] == Outcome.FAILED:
        reason = installation.get("reason")
        return SCREEN_OF[FailureReason(reason)] if reason else "maintenance"
    return "maintenance" if installation["outcome"] == Outcome.PENDING and installation.get("trouble") else None


def addon_scope(addon_key: str) -> str:
    """The scope of notices about one add-on."""
    return f"addon:{addon_key}"
