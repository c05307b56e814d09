"""Handing out tokens: a session's refresh token and its access token, as the client can keep them."""

from datetime import datetime, timedelta

import structlog
from fastapi import Request, Response

from services.auth.accounts.accounts import refuse_unverified
from services.auth.accounts.mails import Mails
from services.auth.accounts.store import Users
from services.auth.accounts.views import User
from services.auth.domain import SECOND_FACTOR, Account, Change, PersonalToken, SecurityEvent, SecurityKind
from services.auth.factors.challenges import Challenges
from services.auth.login.rules import vouch
from services.auth.sessions.keyring import Keyring
from services.auth.sessions.sessions import Client, RefreshReused, Session, Sessions, session_ended
from services.auth.sessions.views import OpenSession
from services.auth.tokens import RefreshToken, RefreshTokens, access_claims
from services.auth.web import Browser, cause, device
from shared.plumbing.clock import Clock

log = structlog.get_logger()


class Desk:
    """Opens sessions and carries them on."""

    def __init__(
        self,
        *,
        users: Users,
        sessions: Sessions,
        keyring: Keyring,
        refresh_tokens: RefreshTokens,
        browser: Browser,
        clock: Clock,
        challenges: Challenges,
        mails: Mails,
        issuer: str,
        access_life: timedelta,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._keyring = keyring
        self._refresh_tokens = refresh_tokens
        self._browser = browser
        self._clock = clock
        self._challenges = challenges
        self._mails = mails
        self._issuer = issuer
        self._access_life = access_life
        self.access_seconds = int(access_life.total_seconds())

    async def open(
        self, account: Account, client: Client, request: Request, response: Response, amr: tuple[str, ...]
    ) -> OpenSession:
        """Start a session for somebody who has just proved who they are, by `amr`.

        Raises 403 `two-factor-needed`, with what the log-in goes on with, if the account asks for a second factor;
        401 `session-ended` if what they proved has been made worthless meanwhile.
        """
        await self._challenges.require(account, client, amr)
        proved = account.sessions_valid_from
        account = await self._unvouched(account, amr, request)
        session = await self._sessions.start(account, device(request, client), amr, cause(request))
        # Written first, looked at second: what has ended all sessions meanwhile may not have seen this one.
        newest = await self._users.by_id(account.id, standing=True)
        if newest is None or newest.sessions_valid_from > proved or not session.stands_for(newest):
            await self._sessions.end(account.id, session.id, "overtaken", cause(request))
            raise session_ended()
        newest = await self._unvouched(newest, amr, request)
        if newest.vouched_by is not None:
            # Else a session of before, perhaps a thief's, would pass for one that gave two factors.
            await self._sessions.end_one_factor(account.id, "two-factor-on")
        log.info("session_opened", user_id=account.id, session_id=session.id, client=client, amr=amr)
        return self._hand_out(newest, session, response)

    async def _unvouched(self, account: Account, amr: tuple[str, ...], request: Request) -> Account:
        """The account, for which nobody vouches if by this way in nobody has asked for a second factor."""
        if account.vouched_by is None or SECOND_FACTOR in amr:
            return account
        return await self._users.change(account.id, lambda newest: vouch(newest, None, {}), cause(request))

    async def carry_on(self, token: RefreshToken, request: Request, response: Response) -> OpenSession:
        """Replace a refresh token. Raises as `Sessions.rotate`, and 401 `session-ended` for an account that is gone."""
        try:
            session = await self._sessions.rotate(token, cause(request))
        except RefreshReused as reused:
            if reused.first:
                await self._warn(reused.user_id, request)
            raise
        account = await self._users.by_id(session.user_id, standing=True)
        if account is None or not session.stands_for(account):
            raise session_ended()
        refuse_unverified(account)
        return self._hand_out(account, session, response)

    async def _warn(self, user_id: str, request: Request) -> None:
        """Two parties had a session, one of them a thief: its owner wants to know."""

        def decide(account: Account) -> Change:
            notice = self._mails.security_notice(account, "refresh-reused", self._clock.now())
            return Change({}, (notice,), public=False, events=(SecurityEvent(user_id, SecurityKind.REFRESH_REUSED),))

        if await self._users.by_id(user_id, standing=True) is not None:
            await self._users.change(user_id, decide, cause(request))

    def read(self, refresh_token: str) -> RefreshToken:
        """What a refresh token of ours says. Raises 401 `session-ended` for any other text."""
        token = self._refresh_tokens.read(refresh_token)
        if token is None:
            raise session_ended()
        return token

    def access_token(self, account: Account, session: Session) -> str:
        """What opens doors for minutes."""
        proved_at = session.proved_at or session.created_at
        return self._signed(account, session_id=session.id, amr=session.amr, proved_at=proved_at)

    def program_access(self, account: Account, token: PersonalToken) -> str:
        """The same for a program, within its scopes. It says that its owner proved nothing since it was made."""
        return self._signed(account, session_id=token.id, amr=(), proved_at=token.created_at, scopes=token.scopes)

    def _signed(
        self,
        account: Account,
        *,
        session_id: str,
        amr: tuple[str, ...],
        proved_at: datetime,
        scopes: tuple[str, ...] | None = None,
    ) -> str:
        claims = access_claims(
            issuer=self._issuer,
            user_id=account.id,
            session_id=session_id,
            roles=account.roles,
            amr=amr,
            proved_at=proved_at,
            now=self._clock.now(),
            life=self._access_life,
            scopes=scopes,
        )
        return self._keyring.signing().sign(claims)

    def _hand_out(self, account: Account, session: Session, response: Response) -> OpenSession:
        refresh_token = self._refresh_tokens.make(RefreshToken(session.id, session.count))
        response.headers["Cache-Control"] = "no-store"
        if session.client == "browser":
            self._browser.remember(response, refresh_token)
        return OpenSession(
            access_token=self.access_token(account, session),
            expires_in=self.access_seconds,
            refresh_token=refresh_token if session.client == "api" else None,
            session_id=session.id,
            user=User.of(account),
        )
