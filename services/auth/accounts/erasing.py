"""What is left of an account that ends: a tombstone, so that every projection hears of it. Pure."""

from datetime import datetime
from typing import Any

from services.auth.domain import Account, Change
from shared.contracts.auth import SendMail

# All that a tombstone has; whatever else a document holds, of this release or of another one, goes.
TOMBSTONE = frozenset(
    {
        *("_id", "schema", "version", "seq", "email", "email_key", "display_name", "sessions_valid_from"),
        *("created_at", "deleted_at", "erase_at", "cause", "outbox", "outbox_since"),
        *("state_marked_at", "state_sent_at"),
    }
)


def erased(account: Account, now: datetime, *mails: SendMail) -> Change:
    """The account is a tombstone, and its address free; what others keep of it is to be erased next."""
    fields: dict[str, Any] = {
        "email": "",
        "email_key": f"deleted:{account.id}",  # unique, and no address
        "display_name": "",
        "sessions_valid_from": now,
        "created_at": now,
        "deleted_at": now,
        "erase_at": now,
    }
    return Change(fields, mails)
