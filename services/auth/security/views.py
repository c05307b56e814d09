"""What clients get: the security log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from services.auth.domain import SecurityKind
from services.auth.views import Told
from shared.plumbing.mongo import Document


class SecurityRow(Told):
    id: str
    at: datetime
    kind: SecurityKind | str
    """A stable name. A newer release may have written one that is not listed; clients show it as it is."""
    details: Mapping[str, str]
    """Names and ids. Every kind about a workspace has its `workspace_id` and, as `workspace`, its name at that time."""
    network: str
    """Where it came from: an IPv4 address, or the /64 of an IPv6 one.

    Empty, as `user_agent`, if somebody else did it.
    """
    user_agent: str
    count: int
    """More than one for what is counted by the hour, such as refused log-ins; the rest is then that of the newest."""
    last_at: datetime

    @classmethod
    def of(cls, document: Document) -> Self:
        return cls(
            id=document["_id"],
            at=document["at"],
            kind=document["kind"],
            details=document["details"],
            network=document["network"],
            user_agent=document["user_agent"],
            count=document.get("count", 1),
            last_at=document.get("last_at", document["at"]),
        )
