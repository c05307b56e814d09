"""Log in with a product: the way there, and the way back."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from services.auth.login.oidc import OidcClient
from services.auth.login.product_accounts import ProductAccounts
from services.auth.login.trips import Trip, Trips, check, newcomer
from services.auth.login.views import ProviderRow
from services.auth.sessions.desk import Desk
from services.auth.sessions.views import OpenSession
from services.auth.texts import is_own_path
from services.auth.web import Browser, Limits, cause
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Invalid, NotFound, Problem, Unauthorized
from shared.plumbing.http import problems

log = structlog.get_logger()

_CALLBACK_ANSWERS = {303: {"description": "To `return_to`, or to `/login?error=<slug>`"}} | problems(
    *(
        "401 login-expired",
        "401 login-refused",
        "401 login-failed",
        "403 email-missing",
        "403 email-not-verified",
        "403 two-factor-needed",
    ),
    *("404 provider-unknown", "409 email-taken", "409 taken", "too-many-requests", "503 provider-unavailable"),
)
_Text = Annotated[str | None, Field(max_length=4096)]


class ProviderAnswer(BaseModel):
    """What the product sends along; it may send more than we know (OAuth 2.0 §4.1.2)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: _Text = None
    state: _Text = None
    iss: _Text = None
    error: _Text = None


def router(
    *,
    providers: Mapping[str, OidcClient],
    people: ProductAccounts,
    desk: Desk,
    trips: Trips,
    browser: Browser,
    limits: Limits,
    clock: Clock,
    public_url: str,
) -> APIRouter:
    """Routes of the log-in with a product."""
    api = APIRouter(tags=["log-in"])

    def provider_of(provider_id: str) -> OidcClient:
        found = providers.get(provider_id)
        if found is None:
            raise NotFound("provider-unknown", "There is no such product to log in with")
        return found

    @api.get("/api/auth/v1/providers")
    async def list_providers() -> list[ProviderRow]:
        """The products that one can log in with."""
        return [
            ProviderRow(
                id=one.id,
                label=one.label,
                product=one.product,
                region=one.region,
                login_url=f"{public_url}/api/auth/v1/login/{one.id}",
                create_workspace_url=one.create_workspace_url,
            )
            for one in (client.settings for client in providers.values())
        ]

    @api.get(
        "/api/auth/v1/login/{provider}",
        status_code=302,
        response_class=RedirectResponse,
        responses=problems(
            "404 provider-unknown", "422 return-to-refused", "too-many-requests", "503 provider-unavailable"
        ),
    )
    async def begin_login(
        provider: str, request: Request, return_to: Annotated[str | None, Query(max_length=4096)] = None
    ) -> RedirectResponse:
        """Go to the product's log-in. `return_to` is a path of ours; without it the way back ends in JSON."""
        limits.network(request)
        client = provider_of(provider)
        if return_to is not None and not is_own_path(return_to):
            raise Invalid("return-to-refused", "This is no path of ours", "It begins with one slash.")
        trip = trips.start(provider, return_to)
        response = RedirectResponse(await client.authorization_url(trip.attempt), 302, {"Cache-Control": "no-store"})
        trips.send_along(response, trip)
        return response

    @api.get("/login/callback/{provider}", response_model=OpenSession, responses=_CALLBACK_ANSWERS)
    async def finish_login(provider: str, request: Request, answer: Annotated[ProviderAnswer, Query()]) -> Response:
        """Where the product sends the visitor back to.

        A browser ends at `return_to` with its session in the cookie, or at `/login?error=<slug>`; a client that gave
        no `return_to` gets the session, or the problem, as JSON.
        """
        limits.network(request)
        trip = trips.find(request)
        try:
            client = provider_of(provider)
            trip = check(trip, provider, answer.state)
            response = await _arrive(client, trip, answer, request)
        except Problem as problem:
            response = _refused(problem, trip, request)
        trips.forget(response)
        return response

    async def _arrive(client: OidcClient, trip: Trip, answer: ProviderAnswer, request: Request) -> Response:
        if answer.error is not None or not answer.code:
            error = (answer.error or "no code")[:100]
            log.info("login_refused", provider=client.settings.id, error=error)
            raise Unauthorized("login-refused", f"{client.settings.label} did not log you in", error)
        person = await client.person(answer.code, answer.iss, trip.attempt)
        account = await people.arrive(newcomer(person, client.settings, clock.now()), cause(request))
        if trip.return_to is not None:
            response: Response = RedirectResponse(f"{public_url}{trip.return_to}", 303)
            await desk.open(account, "browser", request, response, ())
            return response
        response = Response(media_type="application/json")
        session = await desk.open(account, "api", request, response, ())
        response.body = session.model_dump_json().encode()
        response.headers["Content-Length"] = str(len(response.body))
        return response

    def _refused(problem: Problem, trip: Trip | None, request: Request) -> Response:
        return_to = trip.return_to if trip is not None else None
        if return_to is None and (trip is not None or "text/html" not in request.headers.get("accept", "")):
            raise problem
        request.state.error_slug = problem.slug
        query = {"error": problem.slug} | ({"return_to": return_to} if return_to else {})
        response = RedirectResponse(f"{public_url}/login?{urlencode(query)}", 303, {"Cache-Control": "no-store"})
        browser.keep_challenge(response, problem)
        return response

    return api
