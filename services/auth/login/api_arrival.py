"""Arriving: which product knows a visitor, and log-ins that a product begins."""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from services.auth.login.arrival import Arrival, recognise
from services.auth.login.journeys import Journeys
from services.auth.login.trips import Trip
from services.auth.login.views import ArrivalQuery, ArrivalView, Departure, Initiation, ProviderRow
from services.auth.texts import is_own_path, refuse_foreign_path
from services.auth.web import SILENT_COOKIE, Limits
from shared.plumbing.errors import Invalid, NotFound, Problem
from shared.plumbing.http import problems

_FORM = "application/x-www-form-urlencoded"
_INITIATIONS = problems(
    "404 provider-unknown", "422 return-to-refused", "too-many-requests", "503 provider-unavailable"
)


def router(journeys: Journeys, limits: Limits) -> APIRouter:
    """Routes of arrivals."""
    api = APIRouter(tags=["log-in"])
    settings = [client.settings for client in journeys.providers.values()]

    @api.get("/api/auth/v1/arrival", responses=problems("422 return-to-refused"))
    async def recognise_arrival(
        request: Request, response: Response, given: Annotated[ArrivalQuery, Query()]
    ) -> ArrivalView:
        """Which product knows a visitor who is not logged in, for the page that they opened.

        Tried in this order: `iss`, `region`, `subdomain` (a host, or what stands for the star of a provider's
        pattern), and `referrer`, the page's `document.referrer`. Nobody is logged in by asking: if there is a
        `silent_url`, the page sends the whole browser there, and nothing in a frame.
        """
        response.headers["Cache-Control"] = "no-store"
        return_to = given.return_to or journeys.trips.errand(request) or "/"
        refuse_foreign_path(return_to)
        found = recognise(settings, _arrival(given, request))
        if found is None:
            return ArrivalView()
        row = ProviderRow.of(found[0], journeys.login_url(found[0].id))
        silent = SILENT_COOKIE not in request.cookies
        return ArrivalView.of(row, found[1], return_to, given.login_hint, silent=silent)

    @api.get("/login/initiate", status_code=302, response_class=RedirectResponse, responses=_INITIATIONS)
    async def initiate_login(request: Request, given: Annotated[Initiation, Query()]) -> Response:
        """A log-in that a product begins (OpenID Connect Core §4): silently, to `target_link_uri`, an address of ours.

        Whoever is logged in stays who they are.
        """
        return await _initiate(given, request)

    @api.post(
        "/login/initiate",
        status_code=302,
        response_class=RedirectResponse,
        responses=_INITIATIONS,
        openapi_extra={
            "requestBody": {"required": True, "content": {_FORM: {"schema": Initiation.model_json_schema()}}}
        },
    )
    async def initiate_login_by_form(request: Request) -> Response:
        """The same, as a form."""
        try:
            fields = parse_qs((await request.body()).decode("ascii", "replace"), max_num_fields=10)
            given = Initiation.model_validate({name: values[0] for name, values in fields.items()})
        except ValidationError as exc:
            raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in exc.errors()]) from None
        except ValueError:
            raise RequestValidationError([{"type": "too_long", "loc": ("body",), "msg": "Too many fields"}]) from None
        return await _initiate(given, request)

    async def _initiate(given: Initiation, request: Request) -> Response:
        limits.network(request)
        found = next((one for one in settings if one.issuer == given.iss), None)
        if found is None:
            raise NotFound("provider-unknown", "There is no such product to log in with")
        return_to = _path(given.target_link_uri) or journeys.trips.errand(request) or "/"
        wish = Departure(return_to=return_to, login_hint=given.login_hint, silent=True)
        try:
            return await journeys.depart(journeys.provider(found.id), wish, request, insist=True)
        except Problem as problem:
            return journeys.refused(problem, _quiet(found.id, return_to), request)

    def _path(target: str | None) -> str | None:
        """The path of an address of ours; of any other, none. Raises 422 `return-to-refused`."""
        if target is None:
            return None
        path = target.removeprefix(journeys.public_url) or "/"
        if not is_own_path(path):
            raise Invalid("return-to-refused", "This is no address of ours", f"It begins with {journeys.public_url}/.")
        return path

    def _quiet(provider_id: str, return_to: str) -> Trip:
        return journeys.trips.start(provider_id, return_to, "silent")

    return api


def _arrival(given: ArrivalQuery, request: Request) -> Arrival:
    return Arrival(given.iss, given.region, given.subdomain, given.referrer or request.headers.get("referer"))
