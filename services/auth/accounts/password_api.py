"""Another password: by a mailed link, or by somebody logged in."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from services.auth.accounts import pages
from services.auth.accounts.forms import answers, serve, takes
from services.auth.accounts.local import LOCAL_ONLY
from services.auth.accounts.mails import RESET_PATH
from services.auth.accounts.recovery import Recovery
from services.auth.accounts.views import Accepted, AddressOnly, ChangePassword, Done, NewPassword
from services.auth.sessions.fresh import FreshUser
from services.auth.sessions.sessions import Sessions
from services.auth.web import Limits, cause
from shared.plumbing.http import problems


def router(recovery: Recovery, sessions: Sessions, limits: Limits, public_url: str) -> APIRouter:
    """Routes of passwords."""
    api = APIRouter(tags=["accounts"])
    home = f"{public_url}/"

    @api.post(
        "/api/auth/v1/password-reset",
        status_code=202,
        dependencies=LOCAL_ONLY,
        responses=problems("403 local-accounts-off", "too-many-requests"),
    )
    async def ask_for_reset(body: AddressOnly, request: Request) -> Accepted:
        """Ask for a link that sets a password. The answer is the same whether or not there is such an account."""
        limits.mail(request, body.email, "password-reset")
        await recovery.ask(body.email, cause(request))
        return Accepted()

    @api.get(RESET_PATH, response_class=HTMLResponse)
    async def show_reset(token: Annotated[str, Query(max_length=200)]) -> HTMLResponse:
        """The page behind the link. Looking at it uses nothing."""
        return pages.confirm_page(pages.RESET, RESET_PATH, token)

    @api.post(
        RESET_PATH,
        dependencies=LOCAL_ONLY,
        responses=answers("Set", "403 local-accounts-off", "409 changed-meanwhile", "503 too-busy"),
        openapi_extra=takes(NewPassword),
        response_model=Done,
    )
    async def reset_password(request: Request) -> Done | HTMLResponse:
        """Use the link. All sessions end; a second factor stays on."""
        limits.network(request)

        async def reset(body: NewPassword) -> Done:
            await recovery.reset(body.token, body.password, cause(request))
            return Done()

        return await serve(request, NewPassword, reset, lambda _: pages.done_page("Your password is set.", home))

    @api.put(
        "/api/auth/v1/me/password",
        status_code=204,
        dependencies=LOCAL_ONLY,
        responses=problems(
            *("token-missing", "403 step-up-required", "403 current-password-wrong", "403 local-accounts-off"),
            *("404 account-not-found", "409 password-not-set", "409 changed-meanwhile"),
            *("too-many-requests", "503 too-busy"),
        ),
    )
    async def change_password(body: ChangePassword, principal: FreshUser, request: Request) -> None:
        """Set another password, or a first one, which takes no current one. All other sessions end."""
        limits.guess(request, principal.user_id)
        account = await recovery.change(principal.user_id, body.current_password, body.new_password, cause(request))
        await sessions.keep(account, principal.session_id)

    return api
