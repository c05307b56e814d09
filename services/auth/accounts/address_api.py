"""Another address: asked for here, and made so, or undone, behind the mailed links."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from services.auth.accounts import pages
from services.auth.accounts.address import Addresses
from services.auth.accounts.forms import answers, serve, takes
from services.auth.accounts.mails import EMAIL_CHANGE_PATH, EMAIL_UNDO_PATH
from services.auth.accounts.views import Accepted, AddressOnly, Done, LinkToken
from services.auth.domain import Cause
from services.auth.sessions.fresh import FreshUser
from services.auth.web import Limits, cause
from shared.plumbing.http import problems

_Token = Annotated[str, Query(max_length=200)]


def router(addresses: Addresses, limits: Limits, public_url: str) -> APIRouter:
    """Routes of changes of address."""
    api = APIRouter(tags=["accounts"])

    async def use(request: Request, what: Callable[[str, Cause], Awaitable[None]], done: str) -> Done | HTMLResponse:
        limits.network(request)

        async def using(body: LinkToken) -> Done:
            await what(body.token, cause(request))
            return Done()

        return await serve(request, LinkToken, using, lambda _: pages.done_page(done, f"{public_url}/"))

    @api.post(
        "/api/auth/v1/me/email",
        status_code=202,
        responses=problems("token-missing", "403 step-up-required", "404 account-not-found", "too-many-requests"),
    )
    async def change_email(body: AddressOnly, principal: FreshUser, request: Request) -> Accepted:
        """Ask for another address. The old one stays until the link that is mailed to the new one is used.

        The answer is the same whether or not somebody else has the address; the old one is told at once.
        """
        limits.account_mail(principal.user_id)
        limits.mail(request, body.email)
        await addresses.ask(principal.user_id, body.email, cause(request))
        return Accepted()

    @api.get(EMAIL_CHANGE_PATH, response_class=HTMLResponse)
    async def show_email_change(token: _Token) -> HTMLResponse:
        """The page behind the link to a new address. Looking at it uses nothing."""
        return pages.confirm_page(pages.CHANGE, EMAIL_CHANGE_PATH, token)

    @api.post(
        EMAIL_CHANGE_PATH,
        responses=answers("Changed", "409 email-taken", "409 changed-meanwhile"),
        openapi_extra=takes(LinkToken),
        response_model=Done,
    )
    async def confirm_email_change(request: Request) -> Done | HTMLResponse:
        """Use the link to a new address: it is the account's, and the old one is told how to take it back."""
        return await use(request, addresses.confirm, "Your account has its new address.")

    @api.get(EMAIL_UNDO_PATH, response_class=HTMLResponse)
    async def show_email_undo(token: _Token) -> HTMLResponse:
        """The page behind the link to an old address. Looking at it uses nothing."""
        return pages.confirm_page(pages.UNDO, EMAIL_UNDO_PATH, token)

    @api.post(
        EMAIL_UNDO_PATH,
        responses=answers("Undone", "409 email-taken", "409 changed-meanwhile"),
        openapi_extra=takes(LinkToken),
        response_model=Done,
    )
    async def undo_email_change(request: Request) -> Done | HTMLResponse:
        """Take a change of address back, asked for or done: all sessions end, and the password counts no more."""
        return await use(request, addresses.undo, "Your account is yours again; look for our next mail.")

    return api
