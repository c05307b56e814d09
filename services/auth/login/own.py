"""Whose browser this is, at addresses that are opened as pages: no script adds a bearer token there."""

from dataclasses import dataclass

from fastapi import Request

from services.auth.accounts.store import Users
from services.auth.domain import Account
from services.auth.sessions.desk import Desk
from services.auth.sessions.sessions import Session, Sessions
from services.auth.web import REFRESH_COOKIE, only_cookie
from shared.plumbing.errors import Unauthorized


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who is logged in in this browser."""

    account: Account
    session: Session


class OwnBrowser:
    """Knows the session of a browser's cookie, without using the cookie up."""

    def __init__(self, desk: Desk, sessions: Sessions, users: Users) -> None:
        self._desk = desk
        self._sessions = sessions
        self._users = users

    async def owner(self, request: Request) -> Owner | None:
        """None if nobody is logged in."""
        try:
            token = self._desk.read(only_cookie(request, REFRESH_COOKIE) or "")
        except Unauthorized:
            return None
        session = await self._sessions.standing(token)
        account = await self._users.by_id(session.user_id, standing=True) if session is not None else None
        if session is None or account is None or not session.stands_for(account):
            return None
        return Owner(account, session)
