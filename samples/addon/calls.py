"""What was called, for whoever watches the add-on: tests, a demo, its developer."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

KEPT_CALLS = 10_000
SECRET_FIELDS = {"authToken"}


@dataclass
class Call:
    type: str
    webhook_id: str | None
    received_at: str
    attempt: int | None = None  # how often this webhook-id came, this time included; known once verified
    verified: bool = False
    duplicate: bool = False
    applied: bool = False
    mode: str | None = None
    addon_id: str | None = None
    workspace_id: str | None = None
    claims: dict[str, Any] | None = None
    body: Any = None
    status: int | None = None  # what was answered; none while the caller still waits, or when it got no answer
    refusal: str | None = None
    answered_at: str | None = None


class CallLog:
    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._attempts: Counter[str] = Counter()

    def begin(self, kind: str, webhook_id: str | None) -> Call:
        call = Call(type=kind, webhook_id=webhook_id, received_at=now())
        self._calls.append(call)
        return call

    def verified(self, call: Call, claims: dict[str, Any], body: dict[str, Any]) -> None:
        call.verified = True
        call.claims = claims
        call.addon_id, call.workspace_id = claims["addonId"], claims["workspaceId"]
        call.body = without_secrets(body)
        if call.webhook_id:
            self._attempts[call.webhook_id] += 1
            call.attempt = self._attempts[call.webhook_id]

    def end(self, call: Call, status: int | None) -> None:
        call.status, call.answered_at = status, now()

    def shown(self) -> list[dict[str, Any]]:
        return [asdict(call) for call in self._calls]


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "***" if name in SECRET_FIELDS else without_secrets(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_secrets(part) for part in value]
    return value
