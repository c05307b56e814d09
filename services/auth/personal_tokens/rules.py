"""What making and revoking a personal access token makes of an account. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args

from services.auth.domain import Account, Change, PersonalToken, SecurityEvent, SecurityKind
from shared.contracts.envelope import Message
from shared.plumbing.errors import Conflict, NotFound, Unauthorized

MOST = 20
"""Of one account at a time."""
Scope = Literal[
    "auth:read",
    "catalog:read",
    "catalog:write",
    "installer:read",
    "installer:write",
    "notifier:read",
    "notifier:write",
]
"""A service and what a program may do there. None writes in auth: no program manages accounts, sessions or tokens."""
SCOPES: Sequence[Scope] = get_args(Scope)


def add(account: Account, token: PersonalToken, notice: Message, now: datetime) -> Change:
    """One token more; those that have ended go. Raises 409 `too-many-personal-tokens`."""
    kept = [one for one in standing(account) if one.expires_at > now]
    if len(kept) >= MOST:
        raise Conflict("too-many-personal-tokens", "You have as many tokens as you can", "Revoke one first.", most=MOST)
    event = SecurityEvent(
        account.id, SecurityKind.PERSONAL_TOKEN_MADE, {"name": token.name, "scopes": " ".join(token.scopes)}
    )
    return Change(_stored([*kept, token]), (notice,), public=False, events=(event,))


def revoke(account: Account, token_id: str) -> Change:
    """One token less. Raises 404 `personal-token-not-found`."""
    gone = next((one for one in account.personal_tokens if one.id == token_id), None)
    if gone is None:
        raise NotFound("personal-token-not-found", "You have no such token")
    kept = [one for one in account.personal_tokens if one.id != token_id]
    event = SecurityEvent(account.id, SecurityKind.PERSONAL_TOKEN_REVOKED, {"name": gone.name})
    return Change(_stored(kept), public=False, events=(event,))


def standing(account: Account) -> list[PersonalToken]:
    """Those that were made since everything was logged out for the last time, expired ones included."""
    return [one for one in account.personal_tokens if one.created_at >= account.sessions_valid_from]


def usable(account: Account, hashed: str, now: datetime) -> PersonalToken:
    """The token of this digest. Raises 401 `personal-token-invalid`, 401 `personal-token-expired`.

    Logging out everywhere ends tokens too: whoever does so may have lost more than a session.
    """
    found = next((one for one in standing(account) if one.hash == hashed), None)
    if found is None or not account.verified:
        raise invalid()
    if found.expires_at <= now:
        raise Unauthorized("personal-token-expired", "This token has expired", "Its owner can make another one.")
    return found


def invalid() -> Unauthorized:
    """Revoked, mistyped, or never made: nobody is told which."""
    return Unauthorized("personal-token-invalid", "This is no personal access token that stands")


def _stored(tokens: Sequence[PersonalToken]) -> dict[str, object]:
    return {"personal_tokens": [one.model_dump() for one in tokens]}
