"""The installer's messages, made from installations. Ids are deterministic: the same fact has the same id."""

from datetime import datetime

from services.installer.domain import Check, Installation
from shared.contracts.envelope import Envelope, Message, StateMessage
from shared.contracts.installer import (
    AddOnHealthChanged,
    AddOnInstalled,
    AddOnUninstalled,
    CheckWorkspace,
    InstallationChanged,
    InstallFailed,
    InstallRequested,
    State,
)
from shared.contracts.reasons import SIDE_OF, FailureReason
from shared.plumbing.mongo import Document

SOURCE = "/souk/installer"
NOT_IN_STATE = ("history", "outbox", "snapshot", "settings", "applied", "workspace")
"""What makes documents large, and no state record needs."""


def requested(one: Installation, now: datetime) -> Envelope[Message]:
    """The first event."""
    return _event(one, InstallRequested(**_common(one, one.user_id, now)), now)


def installed(one: Installation, now: datetime) -> Envelope[Message]:
    """The add-on confirmed."""
    return _event(one, AddOnInstalled(**_common(one, one.user_id, now)), now)


def failed(one: Installation, now: datetime, user_id: str) -> Envelope[Message]:
    """It will not happen, for the reason that the installation holds."""
    reason = one.reason or FailureReason.DEADLINE
    why = {"reason": reason, "side": one.side or SIDE_OF[reason], "detail": one.detail}
    return _event(one, InstallFailed(**_common(one, user_id, now), **why), now)


def uninstalled(one: Installation, now: datetime, user_id: str) -> Envelope[Message]:
    """It was removed."""
    return _event(one, AddOnUninstalled(**_common(one, user_id, now)), now)


def check_workspace(one: Installation, now: datetime) -> Envelope[Message]:
    """The question to auth, in the number and ask that the installation counts now."""
    question = CheckWorkspace(
        installation_id=one.id,
        check=one.check.number,
        workspace_id=one.workspace_id,
        user_id=one.user_id,
        asked_at=one.check.asked_at,
    )
    return _enveloped(one, check_id(one.id, one.check), question, now)


def check_id(installation_id: str, check: Check) -> str:
    """The id of one ask; `check_number` reads it back."""
    return f"{installation_id}:check:{check.number}:{check.asks}"


def check_number(message_id: str) -> int | None:
    """The check's number, if this is the id of a question to auth."""
    parts = message_id.split(":")
    return int(parts[2]) if len(parts) == 4 and parts[1] == "check" else None  # noqa: PLR2004 - the parts above


def installation_state(document: Document) -> Envelope[StateMessage]:
    """The state record of an installation's document."""
    state = InstallationChanged(
        version=document["version"],
        installation_id=document["_id"],
        workspace_id=document["workspace_id"],
        addon_key=document["addon_key"],
        addon_name=document["addon_name"],
        generation=document["generation"],
        user_id=document["user_id"],
        state=document["state"],
        outcome=document["outcome"],
        cleanup=document["cleanup"],
        seq=document["seq"],
        reason=document.get("reason"),
        detail=document.get("detail", ""),
        waiting_for=document.get("waiting_for"),
        until=document.get("until"),
        next_action_at=_next_action_at(document),
        attempt=document.get("call", {}).get("attempt", 0),
        trouble=document["trouble"],
        requested_at=document["requested_at"],
        changed_at=document["changed_at"],
    )
    return Envelope(
        id=f"{document['_id']}:v{document['version']}",
        source=SOURCE,
        subject=document["_id"],
        time=document["changed_at"],
        data=state,
        correlation_id=document["correlation_id"],
        causation_id=document.get("cause"),
    )


def _next_action_at(document: Document) -> datetime | None:
    """As `Installation.next_action_at`."""
    unsent = document["state"] in (State.REQUESTED, State.CHECKING) and "sent_at" not in document["check"]
    return None if unsent or "flight" in document else document.get("due_at")


def health_state(document: Document) -> Envelope[StateMessage]:
    """The state record of an add-on's breaker."""
    state = AddOnHealthChanged(
        version=document["version"],
        addon_key=document["_id"],
        breaker=document["state"],
        outage=document["outage"],
        since=document["since"],
        cause=document.get("cause", ""),
    )
    name = f"{document['_id']}:v{document['version']}"
    return Envelope(
        id=name,
        source=SOURCE,
        subject=document["_id"],
        time=document["since"],
        data=state,
        correlation_id=name,
        causation_id=None,  # the add-on's answers to many calls
    )


def _common(one: Installation, user_id: str, now: datetime) -> dict[str, object]:
    return {
        "installation_id": one.id,
        "workspace_id": one.workspace_id,
        "addon_key": one.addon_key,
        "generation": one.generation,
        "user_id": user_id,
        "requested_by": one.user_id,
        "occurred_at": now,
    }


def _event(one: Installation, message: Message, now: datetime) -> Envelope[Message]:
    return _enveloped(one, f"{one.id}:{one.seq}", message, now, seq=one.seq)


def _enveloped(
    one: Installation, name: str, message: Message, now: datetime, *, seq: int | None = None
) -> Envelope[Message]:
    return Envelope(
        id=name,
        source=SOURCE,
        subject=one.id,
        time=now,
        data=message,
        correlation_id=one.correlation_id,
        causation_id=one.cause,
        traceparent=one.traceparent,
        seq=seq,
    )
