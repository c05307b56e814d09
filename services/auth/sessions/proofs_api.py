"""The second step of a log-in, and step-up."""

from fastapi import APIRouter, Request, Response

from services.auth.accounts.store import Users
from services.auth.factors.challenges import Challenges, challenge_ended
from services.auth.factors.guesses import Guesses
from services.auth.factors.second_factor import BY_CODE
from services.auth.sessions.desk import Desk
from services.auth.sessions.proofs import Proofs
from services.auth.sessions.sessions import Sessions
from services.auth.sessions.views import OpenSession, Proved, SecondStep, StepUp
from services.auth.web import Browser, Limits, cause
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser

_CODE = ("403 code-wrong", "403 code-used", "409 two-factor-not-enrolled", "too-many-requests")


def router(
    *,
    users: Users,
    sessions: Sessions,
    desk: Desk,
    proofs: Proofs,
    challenges: Challenges,
    guesses: Guesses,
    browser: Browser,
    limits: Limits,
) -> APIRouter:
    """Routes of proofs."""
    api = APIRouter(prefix="/api/auth/v1/sessions", tags=["sessions"])

    @api.post(
        "/two-factor",
        status_code=201,
        responses=problems("401 challenge-ended", "403 cross-site-request", "403 email-not-verified", *_CODE),
    )
    async def log_in_with_second_factor(body: SecondStep, request: Request, response: Response) -> OpenSession:
        """Go on with a log-in that was refused with `two-factor-needed`, in the kind of client that began it.

        Without `challenge` it is taken from the cookie that a product's log-in left. A challenge takes five tries.
        """
        limits.network(request)
        token = body.challenge
        if token is None:
            browser.require_own_page(request)
            token = browser.challenge_cookie(request)
        if token is None:
            raise challenge_ended()
        challenge = await challenges.attempt(token)
        if challenge.client == "browser":
            browser.require_own_page(request)
        await guesses.check(request, challenge.user_id, recovery=body.recovery_code is not None)
        account = await proofs.second(challenge, body.proof, cause(request))
        await challenges.finish(challenge)
        if challenge.client == "browser":
            browser.forget_challenge(response)
        return await desk.open(account, challenge.client, request, response, (*challenge.amr, *BY_CODE))

    @api.post(
        "/current/step-up",
        responses=problems(
            *("token-missing", "401 session-ended", "403 code-needed", "403 password-wrong", "404 account-not-found"),
            *("409 password-not-set", "503 too-busy", *_CODE),
        ),
    )
    async def step_up(body: StepUp, principal: CurrentUser, request: Request, response: Response) -> Proved:
        """Prove once more who you are, for what endangers the account; get an access token that says so.

        An account with a second factor gives a code, another one its password, and one without a password logs in
        at its product once more. The refresh token stays as it is.
        """
        account = await users.get(principal.user_id)
        await sessions.current(account, principal.session_id)
        if body.once.proof is not None:
            await guesses.check(request, account.id, recovery=body.recovery_code is not None)
        else:
            limits.log_in(request, account.email)
        await sessions.prove(principal.session_id, await proofs.again(account, body.once, cause(request)))
        response.headers["Cache-Control"] = "no-store"
        session = await sessions.current(account, principal.session_id)
        return Proved(access_token=desk.access_token(account, session), expires_in=desk.access_seconds)

    return api
