"""Making, revoking and exchanging personal access tokens. They are kept with their account, as digests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from services.auth.accounts.mails import Mails
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, Change, PersonalToken
from services.auth.personal_tokens import rules
from services.auth.personal_tokens.texts import HINT_LENGTH, looks_right, new_personal_token
from services.auth.tokens import digest, new_id
from shared.plumbing.clock import Clock

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new token is to be."""

    name: str
    scopes: Sequence[rules.Scope]
    life: timedelta


class PersonalTokens:
    """A token is shown when it is made, and never again."""

    def __init__(self, users: Users, clock: Clock, mails: Mails) -> None:
        self._users = users
        self._clock = clock
        self._mails = mails

    async def make(self, user_id: str, wish: Wish, cause: Cause) -> tuple[str, PersonalToken]:
        """The text and what is stored of it. Raises 409 `too-many-personal-tokens`."""
        text, now = new_personal_token(), self._clock.now()
        token = PersonalToken(
            id=new_id(),
            name=wish.name,
            hash=digest(text),
            hint=text[:HINT_LENGTH],
            scopes=tuple(sorted(set(wish.scopes))),
            created_at=now,
            expires_at=now + wish.life,
        )

        def decide(account: Account) -> Change:
            return rules.add(account, token, self._mails.security_notice(account, "personal-token-made", now), now)

        await self._users.change(user_id, decide, cause)
        log.info("personal_token_made", user_id=user_id, token_id=token.id, scopes=token.scopes)
        return text, token

    async def revoke(self, user_id: str, token_id: str, cause: Cause) -> None:
        """No exchange any more. Raises 404 `personal-token-not-found`."""
        await self._users.change(user_id, lambda account: rules.revoke(account, token_id), cause)
        log.info("personal_token_revoked", user_id=user_id, token_id=token_id)

    async def owner(self, text: str) -> tuple[Account, PersonalToken]:
        """Whose token this is. Raises 401 `personal-token-invalid`, 401 `personal-token-expired`."""
        hashed = digest(text)
        account = await self._users.by_personal_token(hashed) if looks_right(text) else None
        if account is None:
            raise rules.invalid()
        token = rules.usable(account, hashed, self._clock.now())
        await self._users.note_use(account.id, token.id, self._clock.now())
        return account, token
