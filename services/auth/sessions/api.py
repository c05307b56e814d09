"""Log in, stay logged in, log out."""

from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response

from services.auth.accounts.accounts import Accounts
from services.auth.accounts.local import LOCAL_ONLY
from services.auth.accounts.store import Users
from services.auth.sessions.desk import Desk
from services.auth.sessions.sessions import Sessions, ended_elsewhere, ended_everywhere, session_ended
from services.auth.sessions.views import LogIn, OpenSession, Refresh, SessionRow
from services.auth.tokens import RefreshToken
from services.auth.web import REFRESH_COOKIE, Browser, Limits, cause
from shared.plumbing.clock import Clock
from shared.plumbing.errors import NotFound, Unauthorized
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser, Principal, optional_user

log = structlog.get_logger()

_REFRESH_PROBLEMS = problems(
    "401 session-ended", "401 refresh-reused", "403 cross-site-request", "403 email-not-verified", "too-many-requests"
)


def router(
    *,
    accounts: Accounts,
    users: Users,
    sessions: Sessions,
    desk: Desk,
    browser: Browser,
    limits: Limits,
    clock: Clock,
) -> APIRouter:
    """Routes of sessions."""
    api = APIRouter(prefix="/api/auth/v1/sessions", tags=["sessions"])

    def by_cookie(request: Request) -> RefreshToken | None:
        """The session of the browser's cookie, if it has one. Raises 403 `cross-site-request`."""
        if REFRESH_COOKIE not in request.cookies:
            return None
        browser.require_own_page(request)
        return desk.read(browser.refresh_cookie(request) or "")

    @api.post(
        "",
        status_code=201,
        dependencies=LOCAL_ONLY,
        responses=problems(
            "401 credentials-wrong",
            "403 local-accounts-off",
            "403 email-not-verified",
            "403 cross-site-request",
            "403 two-factor-needed",
            "too-many-requests",
            "503 too-busy",
        ),
    )
    async def log_in(body: LogIn, request: Request, response: Response) -> OpenSession:
        """Log in with address and password. `client: browser` keeps the refresh token in a cookie.

        For an account with a second factor the answer is `two-factor-needed`, whose `challenge` goes with a code to
        `/sessions/two-factor`.
        """
        limits.log_in(request, body.email)
        if body.client == "browser":
            browser.require_own_page(request)
        account = await accounts.log_in(body.email, body.password, cause(request))
        return await desk.open(account, body.client, request, response, ("pwd",))

    @api.post("/refresh", responses=_REFRESH_PROBLEMS)
    async def refresh_session(request: Request, response: Response, body: Refresh | None = None) -> OpenSession:
        """Exchange the refresh token (in the body, or in the browser's cookie) for new tokens.

        The old one is replaced. Used again within a few seconds it gives the same new one; later, or if it is
        older, it ends the session for everybody who holds it.
        """
        token = desk.read(body.refresh_token) if body is not None else by_cookie(request)
        if token is None:
            raise session_ended()
        limits.refresh(token.session_id)
        return await desk.carry_on(token, request, response)

    @api.get("", responses=problems("token-missing", "404 account-not-found"))
    async def list_sessions(principal: CurrentUser) -> list[SessionRow]:
        """The caller's sessions that can be carried on, the newest first."""
        account = await users.get(principal.user_id)
        return [SessionRow.of(one, principal.session_id) for one in await sessions.of(account)]

    @api.delete("/current", status_code=204, responses=problems("401 token-missing", "403 cross-site-request"))
    async def log_out(
        request: Request, response: Response, principal: Annotated[Principal | None, Depends(optional_user)]
    ) -> None:
        """End the session of the access token, or of the browser's cookie. Doing it twice is no mistake.

        Access tokens that were handed out stay valid until they end, minutes later.
        """
        token = by_cookie(request)
        if principal is None and token is None:
            raise Unauthorized("token-missing", "There is no session to end")
        if token is not None:
            await sessions.end_by_token(token, "logged-out", cause(request))
            browser.forget(response)
        if principal is not None:
            await sessions.end(principal.user_id, principal.session_id, "logged-out", cause(request))
        log.info("logged_out", user_id=principal.user_id if principal else None)

    @api.delete("", status_code=204, responses=problems("token-missing", "404 account-not-found", "too-many-requests"))
    async def log_out_everywhere(
        request: Request,
        response: Response,
        principal: CurrentUser,
        keep: Annotated[Literal["current"] | None, Query(alias="except")] = None,
    ) -> None:
        """End all sessions of the caller, and all personal access tokens; `except=current`: the other sessions only.

        Access tokens that were handed out stay valid until they end, minutes later.
        """
        limits.change(principal.user_id)
        everything = keep is None
        change = ended_everywhere(principal.user_id, clock.now()) if everything else ended_elsewhere(principal.user_id)
        await users.change(principal.user_id, lambda _: change, cause(request))
        await sessions.end_others(principal.user_id, "" if everything else principal.session_id, "revoked")
        if everything and REFRESH_COOKIE in request.cookies:
            browser.forget(response)
        log.info("logged_out_everywhere", user_id=principal.user_id, everything=everything)

    @api.delete("/{session_id}", status_code=204, responses=problems("token-missing", "404 session-not-found"))
    async def end_session(session_id: str, principal: CurrentUser, request: Request) -> None:
        """End another session of the caller."""
        if not await sessions.end(principal.user_id, session_id, "revoked", cause(request)):
            raise NotFound("session-not-found", "You have no such session")
        log.info("session_revoked", user_id=principal.user_id, session_id=session_id)

    return api
