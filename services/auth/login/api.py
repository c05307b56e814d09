"""Log in with a product: the way there, and the way back."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.auth.login.journeys import Journeys
from services.auth.login.pages import onward_page
from services.auth.login.trips import check
from services.auth.login.views import Departure, LoginOptions, ProviderAnswer, ProviderRow
from services.auth.sessions.views import OpenSession
from services.auth.web import Browser, Limits
from shared.plumbing.errors import Problem
from shared.plumbing.http import problems

_DEPARTURES = problems(
    *("401 session-ended", "403 cross-site-request", "403 step-up-required", "404 provider-unknown"),
    *("404 registration-unknown", "422 return-to-refused", "too-many-requests", "503 provider-unavailable"),
)
_CALLBACK_ANSWERS = {303: {"description": "To `return_to`, or to `/login?error=<slug>`"}} | problems(
    *("401 login-expired", "401 login-refused", "401 login-failed", "401 session-ended", "403 email-missing"),
    "403 two-factor-needed",
    *(
        "403 code-needed",
        "403 email-not-verified",
        "403 other-account",
        "404 provider-unknown",
        "409 email-taken",
        "409 taken",
    ),
    *("409 product-account-taken", "409 too-many-product-accounts", "too-many-requests", "503 provider-unavailable"),
)


def router(journeys: Journeys, browser: Browser, limits: Limits, *, local_accounts: bool) -> APIRouter:
    """Routes of the log-in with a product."""
    api = APIRouter(tags=["log-in"])

    def rows() -> list[ProviderRow]:
        settings = [client.settings for client in journeys.providers.values()]
        return [ProviderRow.of(one, journeys.login_url(one.id)) for one in settings]

    @api.get("/api/auth/v1/providers")
    async def list_providers() -> list[ProviderRow]:
        """The products that one can log in with."""
        return rows()

    @api.get("/api/auth/v1/login-options")
    async def show_login_options() -> LoginOptions:
        """What a log-in page may offer."""
        return LoginOptions(local_accounts=local_accounts, providers=rows())

    @api.get("/api/auth/v1/login/{provider}", status_code=302, response_class=RedirectResponse, responses=_DEPARTURES)
    async def begin_login(provider: str, request: Request, wish: Annotated[Departure, Query()]) -> Response:
        """Go to the product's log-in. `return_to` is a path of ours; without it the way back ends in JSON.

        - `silent=1`: without a form. Once a visit; whatever comes of it, the browser ends at `return_to`, with
          `login=<slug>` in its query if nobody was logged in. A session that stands stays.
        - `register=1`: to the product's sign-up, and on to `return_to`.
        - `another=1`: as somebody else than whoever is logged in at the product.
        - `link=1`: add the product account to whoever is logged in. Opened by our own pages only, after a fresh proof.
        - `again=1`: prove once more who is logged in, for actions that ask for it. Opened by our own pages only.
        """
        limits.network(request)
        client = journeys.provider(provider)
        try:
            return await journeys.depart(client, wish, request)
        except Problem as problem:
            if wish.return_to is None or problem.slug == "return-to-refused" or not _is_page(request):
                raise
            trip = journeys.trips.start(provider, wish.return_to, wish.kind)
            return journeys.refused(problem, trip, request)

    @api.get("/login/callback/{provider}", response_model=OpenSession, responses=_CALLBACK_ANSWERS)
    async def finish_login(provider: str, request: Request, answer: Annotated[ProviderAnswer, Query()]) -> Response:
        """Where the product sends the visitor back to.

        A browser ends at `return_to` with its session in the cookie, or at `/login?error=<slug>`; a client that gave
        no `return_to` gets the session, or the problem, as JSON.
        """
        limits.network(request)
        trip = journeys.trips.find(request)
        try:
            client = journeys.provider(provider)
            trip = check(trip, provider, answer.state)
            if trip.own_business and answer.seen is None and browser.came_from_elsewhere(request):
                return onward_page(f"{request.url.path}?{request.url.query}&seen=1")
            response = await journeys.come_back(client, trip, answer, request)
        except Problem as problem:
            response = journeys.refused(problem, trip, request)
        journeys.trips.forget(response)
        return response

    return api


def _is_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
