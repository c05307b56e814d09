"""How often somebody may try a code."""

from fastapi import Request

from services.auth.sessions.store import SessionStore
from services.auth.web import Limits
from shared.plumbing.errors import TooMany
from shared.plumbing.network import network_of


class Guesses:
    """A million codes, three of which count: who knows a password must not try them from a thousand networks either.

    So an account's codes are limited per network, and all together too. That second limit can be used up by others;
    it does not stop a network in which the owner has given both factors before, and no recovery code.
    """

    def __init__(self, limits: Limits, sessions: SessionStore) -> None:
        self._limits = limits
        self._sessions = sessions

    async def check(self, request: Request, user_id: str, *, recovery: bool) -> None:
        """Raises 429 `too-many-requests`."""
        self._limits.code(request, user_id)
        if recovery:
            return
        try:
            self._limits.code_anywhere(user_id)
        except TooMany:
            if not await self._sessions.knows(user_id, network_of(request)):
                raise
