"""One's own second factor."""

from fastapi import APIRouter, Request, Response

from services.auth.accounts.store import Users
from services.auth.factors.guesses import Guesses
from services.auth.factors.second_factor import BY_CODE, SecondFactors
from services.auth.factors.views import CodeOnly, EitherCode, Enrolling, RecoveryCodes, TwoFactor
from services.auth.sessions.fresh import FreshUser
from services.auth.sessions.sessions import Sessions
from services.auth.web import cause
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser

_FRESH = ("token-missing", "404 account-not-found", "403 step-up-required")
_CODE = ("403 code-wrong", "too-many-requests")


def router(users: Users, factors: SecondFactors, guesses: Guesses, sessions: Sessions) -> APIRouter:
    """Routes of the second factor."""
    api = APIRouter(prefix="/api/auth/v1/me/two-factor", tags=["two-factor"])

    @api.get("", responses=problems("token-missing", "404 account-not-found"))
    async def show_two_factor(principal: CurrentUser) -> TwoFactor:
        """Whether codes are asked for, and how many recovery codes are left."""
        return TwoFactor.of(await users.get(principal.user_id))

    @api.post("", status_code=201, responses=problems(*_FRESH, "409 two-factor-already-on", "too-many-requests"))
    async def begin_two_factor(principal: FreshUser, request: Request, response: Response) -> Enrolling:
        """Get a secret for a device. Nothing is asked for until a code of it is confirmed; asking again replaces it."""
        await guesses.check(request, principal.user_id, recovery=True)
        response.headers["Cache-Control"] = "no-store"
        return Enrolling.of(await factors.begin(principal.user_id, cause(request)))

    @api.post(
        "/confirm",
        responses=problems(*_FRESH, *_CODE, "409 two-factor-already-on", "409 two-factor-not-enrolled"),
    )
    async def confirm_two_factor(
        body: CodeOnly, principal: FreshUser, request: Request, response: Response
    ) -> RecoveryCodes:
        """Switch it on with the device's first code. Other sessions, which gave no second factor, end."""
        await guesses.check(request, principal.user_id, recovery=False)
        recovery_codes = await factors.confirm(principal.user_id, body.code, cause(request))
        await sessions.prove(principal.session_id, BY_CODE)
        await sessions.end_others(principal.user_id, principal.session_id, "two-factor-on")
        response.headers["Cache-Control"] = "no-store"
        return RecoveryCodes(recovery_codes=recovery_codes)

    @api.post("/recovery-codes", responses=problems(*_FRESH, *_CODE, "403 code-used", "409 two-factor-not-enrolled"))
    async def renew_recovery_codes(
        body: CodeOnly, principal: FreshUser, request: Request, response: Response
    ) -> RecoveryCodes:
        """Get other recovery codes for a code of the device. The old ones end."""
        await guesses.check(request, principal.user_id, recovery=False)
        recovery_codes = await factors.renew(principal.user_id, body.code, cause(request))
        response.headers["Cache-Control"] = "no-store"
        return RecoveryCodes(recovery_codes=recovery_codes)

    @api.post(
        "/disable",
        status_code=204,
        responses=problems(*_FRESH, *_CODE, "403 code-used", "409 two-factor-not-enrolled"),
    )
    async def disable_two_factor(body: EitherCode, principal: FreshUser, request: Request) -> None:
        """Switch it off: a session of a moment ago and a code, so that neither alone can do it."""
        await guesses.check(request, principal.user_id, recovery=body.recovery_code is not None)
        await factors.disable(principal.user_id, body.proof, cause(request))

    return api
