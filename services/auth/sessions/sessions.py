"""Sessions: one document per family of refresh tokens. It holds a count, never a token."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import structlog
from pydantic import Field

from services.auth.domain import SECOND_FACTOR, Account, Cause, Change, SecurityEvent, SecurityKind, Stored
from services.auth.sessions.store import SessionStore
from services.auth.tokens import RefreshToken, new_id
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Unauthorized
from shared.plumbing.mongo import Document

log = structlog.get_logger()

Client = Literal["api", "browser"]


class Session(Stored):
    """One log-in on one device."""

    id: str = Field(alias="_id")
    user_id: str
    client: Client
    count: int
    amr: tuple[str, ...] = ()
    proved_at: datetime | None = None
    """When its owner last proved who they are; None in sessions of before this was kept: when they began."""
    network: str = ""
    user_agent: str = ""
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    kept_at: datetime | None = None
    """When it was spared by something that ended the account's other sessions."""

    def stands_for(self, account: Account) -> bool:
        """Whether nothing has ended all sessions of the account since it began, or was spared.

        A second factor ends those that began before the account had one.
        """
        spared = (self.kept_at or self.created_at) >= account.sessions_valid_from
        return spared and (not account.two_factor or SECOND_FACTOR in self.amr)


@dataclass(frozen=True, slots=True)
class Device:
    """Where a session is used from, to be recognised by its owner."""

    client: Client
    network: str
    user_agent: str


class RefreshReused(Unauthorized):
    """Two parties hold the session. `first`: nobody was told of it yet."""

    def __init__(self, user_id: str, *, first: bool) -> None:
        super().__init__("refresh-reused", "This session has ended", "A refresh token was used twice. Log in again.")
        self.user_id = user_id
        self.first = first


class Sessions:
    """Starts, carries on and ends sessions."""

    def __init__(self, store: SessionStore, clock: Clock, *, life: timedelta, grace: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._life = life
        self._grace = grace

    async def start(self, account: Account, device: Device, amr: Sequence[str], cause: Cause) -> Session:
        """A new family; its first token has count 1."""
        now = self._clock.now()
        session_id = new_id()
        document: Document = {
            "_id": session_id,
            "user_id": account.id,
            "client": device.client,
            "count": 1,
            "amr": list(amr),
            "proved_at": now,
            "network": device.network,
            "user_agent": device.user_agent[:200],
            "created_at": now,
            "rotated_at": now,
            "expires_at": now + self._life,
            "ended_at": None,
        }
        opened = SecurityEvent(
            account.id, SecurityKind.SESSION_OPENED, {"session_id": session_id, "client": device.client}
        )
        await self._store.insert(document, opened, cause)
        return Session.model_validate(document)

    async def rotate(self, token: RefreshToken, cause: Cause) -> Session:
        """Replace the newest token of a session, once; returns the session with its new count.

        Whoever brings the token just replaced within the grace time gets the same successor again: browser tabs
        refresh side by side, and answers get lost. Later, or with an older token, two parties hold the family, and
        it ends for both. Raises 401 `session-ended`, 401 `refresh-reused`.
        """
        now = self._clock.now()
        document = await self._store.rotate(token.session_id, token.count, now)
        if document is None:
            document = await self._store.find(token.session_id, now)
            if document is None:
                raise session_ended()
            if document["count"] != token.count + 1 or now - document["rotated_at"] > self._grace:
                first = await self.end(document["user_id"], token.session_id, "refresh-reused", cause)
                log.warning("refresh_reused", user_id=document["user_id"], session_id=token.session_id)
                raise RefreshReused(document["user_id"], first=first)
        return Session.model_validate(document)

    async def current(self, account: Account, session_id: str) -> Session:
        """A session of the account that could be carried on. Raises 401 `session-ended`."""
        document = await self._store.find(session_id, self._clock.now())
        session = None if document is None else Session.model_validate(document)
        if session is None or session.user_id != account.id or not session.stands_for(account):
            raise session_ended()
        return session

    async def keep(self, account: Account, session_id: str) -> None:
        """Spare this one of the change that made the account what it is here, and of no later one."""
        await self._store.keep(session_id, account.id, self._clock.now(), account.sessions_valid_from)

    async def standing(self, token: RefreshToken) -> Session | None:
        """The session of a refresh token that has not been replaced for longer than the grace time."""
        now = self._clock.now()
        document = await self._store.find(token.session_id, now)
        if document is None:
            return None
        late = document["count"] - token.count
        newest = late == 0 or (late == 1 and now - document["rotated_at"] <= self._grace)
        return Session.model_validate(document) if newest else None

    async def prove(self, session_id: str, amr: Sequence[str]) -> None:
        """Its owner has proved once more who they are. Raises 401 `session-ended`."""
        if not await self._store.prove(session_id, self._clock.now(), amr):
            raise session_ended()

    async def end_others(self, user_id: str, session_id: str, because: str) -> int:
        """End all sessions of the user but this one. Returns how many there were."""
        return await self._store.end_others(user_id, session_id, self._clock.now(), because)

    async def end_one_factor(self, user_id: str, because: str) -> int:
        """End all sessions of the user that gave no second factor. Returns how many there were."""
        return await self._store.end_one_factor(user_id, self._clock.now(), because)

    async def end(self, user_id: str, session_id: str, because: str, cause: Cause) -> bool:
        """End one of the user's sessions. False if it was none or had ended."""
        event_of = _ended(because)
        return await self._store.end(session_id, self._clock.now(), because, event_of, cause, user_id=user_id)

    async def end_by_token(self, token: RefreshToken, because: str, cause: Cause) -> None:
        """End the session that a token of ours belongs to."""
        await self._store.end(token.session_id, self._clock.now(), because, _ended(because), cause)

    async def of(self, account: Account) -> list[Session]:
        """The account's sessions that can be carried on, the newest first, 100 at most."""
        found = await self._store.of(account.id, account.sessions_valid_from, self._clock.now(), limit=100)
        return [one for one in map(Session.model_validate, found) if one.stands_for(account)]


def ended_everywhere(user_id: str, now: datetime) -> Change:
    """Nothing that was handed out before this moment is carried on: no session, no personal access token."""
    event = SecurityEvent(user_id, SecurityKind.LOGGED_OUT_EVERYWHERE)
    return Change({"sessions_valid_from": now, "personal_tokens": []}, public=False, events=(event,))


def ended_elsewhere(user_id: str) -> Change:
    """For the log: all sessions but one have ended."""
    return Change(public=False, events=(SecurityEvent(user_id, SecurityKind.LOGGED_OUT_ELSEWHERE),))


def _ended(because: str) -> Callable[[Document], SecurityEvent]:
    return lambda ended: SecurityEvent(
        ended["user_id"], SecurityKind.SESSION_ENDED, {"session_id": ended["_id"], "because": because}
    )


def session_ended() -> Unauthorized:
    """Logged out, expired, or never there."""
    return Unauthorized("session-ended", "This session has ended", "Log in again.")
