"""Sign-up, verification of the address, and one's own profile."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from services.auth.accounts.accounts import Accounts, SignUp
from services.auth.accounts.forms import answers, serve, takes
from services.auth.accounts.local import LOCAL_ONLY
from services.auth.accounts.mails import VERIFY_PATH
from services.auth.accounts.pages import VERIFY, confirm_page, done_page
from services.auth.accounts.store import Users
from services.auth.accounts.views import Accepted, AddressOnly, LinkToken, NewAccount, Profile, User, Verified
from services.auth.domain import Change
from services.auth.texts import refuse_foreign_path
from services.auth.web import Limits, cause
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser


def router(accounts: Accounts, users: Users, limits: Limits, public_url: str) -> APIRouter:
    """Routes of accounts."""
    api = APIRouter(prefix="/api/auth/v1", tags=["accounts"])

    @api.post(
        "/accounts",
        status_code=202,
        dependencies=LOCAL_ONLY,
        responses=problems("403 local-accounts-off", "422 return-to-refused", "too-many-requests", "503 too-busy"),
    )
    async def sign_up(body: NewAccount, request: Request) -> Accepted:
        """Ask for an account. The answer is the same whether or not the address has one; the mail tells its owner."""
        refuse_foreign_path(body.return_to)
        limits.mail(request, body.email)
        wish = SignUp(body.email, body.password, body.display_name, body.locale, body.return_to)
        await accounts.sign_up(wish, cause(request))
        return Accepted()

    @api.get("/verify-email", response_class=HTMLResponse)
    async def show_verification(token: Annotated[str, Query(max_length=200)]) -> HTMLResponse:
        """The page behind the mailed link. Looking at it uses nothing."""
        return confirm_page(VERIFY, VERIFY_PATH, token)

    @api.post("/verify-email", responses=answers("Verified"), openapi_extra=takes(LinkToken), response_model=Verified)
    async def verify_email(request: Request) -> Verified | HTMLResponse:
        """Use a mailed link. As JSON it answers JSON, as the page's form it answers a page."""
        limits.network(request)

        async def verify(body: LinkToken) -> Verified:
            found = await accounts.verify(body.token, cause(request))
            if found.return_to is None:
                return Verified()
            return Verified(return_to=f"/login?{urlencode({'return_to': found.return_to})}")

        def page(answer: Verified) -> HTMLResponse:
            return done_page("Your address is confirmed.", f"{public_url}{answer.return_to}")

        return await serve(request, LinkToken, verify, page)

    @api.post("/verify-email/resend", status_code=202, responses=problems("too-many-requests"))
    async def resend_verification(body: AddressOnly, request: Request) -> Accepted:
        """Ask for another link. The answer is the same whether or not there is anything to verify."""
        limits.mail(request, body.email, "verification")
        await accounts.resend(body.email, cause(request))
        return Accepted()

    @api.get("/me", responses=problems("token-missing", "404 account-not-found"))
    async def show_me(principal: CurrentUser) -> User:
        """The caller's account."""
        return User.of(await users.get(principal.user_id))

    @api.patch("/me", responses=problems("token-missing", "404 account-not-found", "too-many-requests"))
    async def change_me(body: Profile, principal: CurrentUser, request: Request) -> User:
        """Change the fields that are given."""
        limits.change(principal.user_id)
        fields = body.model_dump(exclude_none=True)
        change = Change(fields) if fields else None
        return User.of(await users.change(principal.user_id, lambda _: change, cause(request)))

    return api
