"""One's own personal access tokens, and their exchange by programs."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from services.auth.accounts.store import Users
from services.auth.personal_tokens.personal_tokens import PersonalTokens, Wish
from services.auth.personal_tokens.rules import standing
from services.auth.personal_tokens.views import Exchange, MadeToken, NewToken, PersonalTokenRow, ProgramAccess
from services.auth.sessions.desk import Desk
from services.auth.sessions.fresh import FreshUser
from services.auth.web import Limits, cause
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser

_MINE = ("token-missing", "404 account-not-found")


def router(users: Users, tokens: PersonalTokens, desk: Desk, limits: Limits) -> APIRouter:
    """Routes of personal access tokens."""
    api = APIRouter(prefix="/api/auth/v1", tags=["personal-tokens"])

    @api.post(
        "/me/tokens",
        status_code=201,
        responses=problems(*_MINE, "403 step-up-required", "409 too-many-personal-tokens", "too-many-requests"),
    )
    async def make_personal_token(
        body: NewToken, principal: FreshUser, request: Request, response: Response
    ) -> MadeToken:
        """Make a token for a program. It is shown once; programs exchange it for access tokens of minutes."""
        limits.personal_token(principal.user_id)
        wish = Wish(body.name, body.scopes, timedelta(days=body.expires_in_days))
        text, token = await tokens.make(principal.user_id, wish, cause(request))
        response.headers["Cache-Control"] = "no-store"
        return MadeToken(token=text, personal_token=PersonalTokenRow.of(token))

    @api.get("/me/tokens", responses=problems(*_MINE))
    async def list_personal_tokens(principal: CurrentUser) -> list[PersonalTokenRow]:
        """The caller's tokens, the oldest first. None of them can be read again."""
        account = await users.get(principal.user_id)
        return [PersonalTokenRow.of(one) for one in standing(account)]

    @api.delete("/me/tokens/{token_id}", status_code=204, responses=problems(*_MINE, "404 personal-token-not-found"))
    async def revoke_personal_token(token_id: str, principal: CurrentUser, request: Request) -> None:
        """End a token. An access token that it was exchanged for ends by itself, minutes later."""
        await tokens.revoke(principal.user_id, token_id, cause(request))

    @api.post(
        "/sessions/token",
        responses=problems("401 personal-token-invalid", "401 personal-token-expired", "too-many-requests"),
    )
    async def exchange_personal_token(body: Exchange, request: Request, response: Response) -> ProgramAccess:
        """Exchange a personal token for an access token of minutes, which opens what the token's scopes say."""
        limits.network(request)
        account, token = await tokens.owner(body.token)
        limits.refresh(token.id)
        response.headers["Cache-Control"] = "no-store"
        return ProgramAccess(
            access_token=desk.program_access(account, token),
            expires_in=desk.access_seconds,
            scope=" ".join(token.scopes),
        )

    return api
