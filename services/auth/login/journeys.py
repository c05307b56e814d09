"""The ways to a product's log-in and back: where the browser goes, and what it brings about."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import structlog
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from services.auth.domain import SECOND_FACTOR
from services.auth.login.arrival import with_parameter
from services.auth.login.oidc import Asking, OidcClient, Person
from services.auth.login.own import OwnBrowser, Owner
from services.auth.login.product_accounts import ProductAccounts
from services.auth.login.rules import refuse_another, refuse_one_factor
from services.auth.login.trips import Kind, Trip, Trips, identity, newcomer, refuse_stale, vouched
from services.auth.login.views import Departure, ProviderAnswer
from services.auth.sessions.desk import Desk
from services.auth.sessions.fresh import Freshness
from services.auth.sessions.sessions import Sessions, session_ended
from services.auth.texts import refuse_foreign_path
from services.auth.web import SILENT_COOKIE, Browser, Limits, cause
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Forbidden, NotFound, Problem, Unauthorized

log = structlog.get_logger()

NO_STORE = {"Cache-Control": "no-store"}
_ERRANDS: Sequence[Kind] = ("link", "step-up")
_ASKED: Mapping[Kind, Asking] = {
    "log-in": Asking(),
    "silent": Asking(prompt="none"),
    "register": Asking(prompt="create"),
    "another": Asking(prompt="login"),  # whoever is logged in there is not meant
    # Not by a session there that may be somebody else's.
    "link": Asking(prompt="login", fresh=True),
    "step-up": Asking(prompt="login", fresh=True),
}


class Journeys:
    """Sends browsers off, and takes in those that come back."""

    def __init__(
        self,
        *,
        providers: Sequence[OidcClient],
        people: ProductAccounts,
        own: OwnBrowser,
        sessions: Sessions,
        desk: Desk,
        trips: Trips,
        browser: Browser,
        limits: Limits,
        freshness: Freshness,
        clock: Clock,
        public_url: str,
    ) -> None:
        self.providers = {one.settings.id: one for one in providers}
        self.trips = trips
        self.public_url = public_url
        self._people = people
        self._own = own
        self._sessions = sessions
        self._desk = desk
        self._browser = browser
        self._limits = limits
        self._freshness = freshness
        self._clock = clock

    def provider(self, provider_id: str) -> OidcClient:
        """Raises 404 `provider-unknown`."""
        found = self.providers.get(provider_id)
        if found is None:
            raise NotFound("provider-unknown", "There is no such product to log in with")
        return found

    def login_url(self, provider_id: str, **query: str) -> str:
        """Where a log-in with this provider begins."""
        url = f"{self.public_url}/api/auth/v1/login/{provider_id}"
        return f"{url}?{urlencode(query)}" if query else url

    def home(self, path: str) -> RedirectResponse:
        """To a path of ours."""
        return RedirectResponse(f"{self.public_url}{path}", 303, NO_STORE)

    async def depart(
        self, client: OidcClient, wish: Departure, request: Request, *, insist: bool = False
    ) -> RedirectResponse:
        """Off to the provider. `insist`: silently even if it was tried before.

        Raises 422 `return-to-refused`, 503 `provider-unavailable`, 404 `registration-unknown`, and for what belongs
        to a session 403 `cross-site-request`, 401 `session-ended`, 403 `step-up-required`.
        """
        kind, return_to = wish.kind, wish.return_to
        refuse_foreign_path(return_to)
        owner = None
        if kind in ("silent", *_ERRANDS):
            return_to = return_to or "/"
            owner = await self._own.owner(request)
        if kind == "silent" and (owner is not None or (SILENT_COOKIE in request.cookies and not insist)):
            return self.home(return_to or "/")
        if kind in _ERRANDS:
            self._refuse_foreign_errand(kind, owner, request)
        if kind == "register" and not await client.offers_sign_up():
            return self._to_registration(client, return_to or "/")
        trip = self.trips.start(client.settings.id, return_to, kind, owner.session.id if owner else None)
        asked = _ASKED[kind]
        asking = Asking(asked.prompt, asked.fresh, wish.login_hint)
        response = RedirectResponse(await client.authorization_url(trip.attempt, asking), 302, NO_STORE)
        self.trips.send_along(response, trip)
        if kind == "silent":
            self._browser.try_silently(response)
        return response

    async def come_back(self, client: OidcClient, trip: Trip, answer: ProviderAnswer, request: Request) -> Response:
        """In from the provider. Raises what the log-in ends with instead."""
        owner = await self._own.owner(request) if trip.kind in ("silent", *_ERRANDS) else None
        if trip.kind == "silent" and owner is not None:
            return self.home(trip.return_to or "/")  # logged in meanwhile, perhaps as somebody else
        if answer.error is not None or not answer.code:
            error = (answer.error or "no code")[:100]
            log.info("login_refused", provider=client.settings.id, error=error)
            raise Unauthorized("login-refused", f"{client.settings.label} did not log you in", error)
        if trip.kind in _ERRANDS and (owner is None or owner.session.id != trip.session_id):
            raise session_ended()
        person = await client.person(answer.code, answer.iss, trip.attempt)
        if owner is not None:
            await self._run_errand(client, trip, owner, person, request)
            return self.home(trip.return_to or "/")
        return await self._open(client, trip, person, request)

    async def _open(self, client: OidcClient, trip: Trip, person: Person, request: Request) -> Response:
        arriving = newcomer(person, client.settings, self._clock.now())
        account = await self._people.arrive(
            arriving, cause(request), trip.return_to, lambda: self._limits.mail(request, arriving.email)
        )
        amr = (SECOND_FACTOR,) if arriving.vouched else ()
        if trip.return_to is not None:
            response: Response = self.home(trip.return_to)
            await self._desk.open(account, "browser", request, response, amr)
            self.trips.end_errand(response)
            return response
        response = Response(media_type="application/json")
        session = await self._desk.open(account, "api", request, response, amr)
        response.body = session.model_dump_json().encode()
        response.headers["Content-Length"] = str(len(response.body))
        return response

    async def _run_errand(self, client: OidcClient, trip: Trip, owner: Owner, person: Person, request: Request) -> None:
        known = identity(person, client.settings, self._clock.now())
        refuse_stale(person, trip)
        if trip.kind == "link":
            await self._people.add(owner.account.id, known, cause(request))
            return
        refuse_another(owner.account, known)
        amr = (SECOND_FACTOR,) if vouched(person, client.settings) else ()
        refuse_one_factor(owner.account, amr)
        await self._sessions.prove(owner.session.id, amr)
        log.info("stepped_up", user_id=owner.account.id, session_id=owner.session.id, method="product", amr=amr)

    def _refuse_foreign_errand(self, kind: Kind, owner: Owner | None, request: Request) -> None:
        if not self._browser.was_opened_here(request):
            raise Forbidden("cross-site-request", "Only our own pages lead here", "Open it from your account's page.")
        if owner is None:
            raise session_ended()
        if kind == "link":
            self._freshness.check_proof(owner.session.proved_at or owner.session.created_at)

    def _to_registration(self, client: OidcClient, return_to: str) -> RedirectResponse:
        url = client.settings.registration_url
        if url is None:
            raise NotFound("registration-unknown", f"{client.settings.label} has told us of no sign-up")
        back = urlencode({"": self.login_url(client.settings.id, return_to=return_to)})[1:]
        response = RedirectResponse(url.replace("{back}", back), 302, NO_STORE)
        self.trips.keep_errand(response, return_to)
        return response

    def refused(self, problem: Problem, trip: Trip | None, request: Request) -> Response:
        """Where a refusal leads: a browser to a page that tells of it, quietly if nobody had asked."""
        return_to = trip.return_to if trip is not None else None
        if return_to is None and (trip is not None or "text/html" not in request.headers.get("accept", "")):
            raise problem
        request.state.error_slug = problem.slug
        if trip is not None and trip.quiet and return_to is not None:
            response = self.home(with_parameter(return_to, "login", problem.slug))
        else:
            query = {"error": problem.slug} | ({"return_to": return_to} if return_to else {})
            response = self.home(f"/login?{urlencode(query)}")
        self._browser.keep_challenge(response, problem)
        return response
