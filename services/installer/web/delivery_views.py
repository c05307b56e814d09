"""Attempts of calls to add-ons as clients see them. Pure."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from services.installer.domain import Kind
from shared.contracts.reasons import Side
from shared.plumbing.mongo import Document

_EXAMPLE: dict[str, Any] = {
    "installation_id": "65f1c0ffee0123456789abcd",
    "workspace_id": "65f1c0ffee0123456789aaaa",
    "webhook_id": "65f1c0ffee0123456789abcd-INSTALLED-1",
    "kind": "INSTALLED",
    "number": 1,
    "attempt": 2,
    "at": "2026-03-01T12:00:02Z",
    "duration_ms": 137,
    "outcome": "unknown",
    "side": "addon",
    "status": 503,
    "answer": "Service Unavailable",
}


class DeliveryView(BaseModel):
    """One attempt. An add-on that deduplicates by `webhook_id` sees all attempts of a call as one."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_EXAMPLE]})

    installation_id: str
    workspace_id: str
    webhook_id: str
    kind: Kind
    number: int = Field(description="Of the logical call in its installation")
    attempt: int = Field(description="Counts the attempts of one call from 1")
    at: datetime = Field(description="When it began; for `unreported`, when nobody waited for it any more")
    duration_ms: int | None
    outcome: str = Field(
        description="`ok`, `refused`, `gone` (410), `blocked` (an address that is not called), `unknown` (may have "
        "been seen), `not_seen`, `unreported` (nobody waits for it any more, or its process died)"
    )
    side: Side | None = Field(description="Whose side a trouble was on")
    status: int | None
    answer: str | None = Field(
        description="The first KiB of the answer, or the kind of the failure; null for members who are no admins"
    )

    @classmethod
    def of(cls, entry: Document, *, closely: bool) -> Self:
        """`closely`: with what the add-on said."""
        shown: dict[str, Any] = {name: entry.get(name) for name in cls.model_fields}
        answer = entry["text"] if closely else None
        return cls(**shown | {"outcome": entry["result"], "duration_ms": entry["ms"], "answer": answer})
