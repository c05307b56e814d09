"""A log-in with a product on its way: what the browser carries meanwhile, and what came back."""

import secrets
from datetime import datetime, timedelta

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.auth.domain import Identity
from services.auth.login.oidc import Attempt, Person
from services.auth.login.product_accounts import Newcomer
from services.auth.settings import ProviderSettings
from services.auth.texts import Address, DisplayName, Locale
from services.auth.tokens import same
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Forbidden, Unauthorized
from shared.plumbing.sealing import Sealer, SealError

COOKIE = "__Host-souk_login"
_LIFE = timedelta(minutes=10)
_PURPOSE = "product-log-in"

_ADDRESS: TypeAdapter[str] = TypeAdapter(Address)
_NAME: TypeAdapter[str] = TypeAdapter(DisplayName)
_LOCALE: TypeAdapter[str] = TypeAdapter(Locale)


class Trip(BaseModel):
    """One log-in: sealed in a cookie, so it ends where it began, in the same browser. The newest one counts."""

    model_config = ConfigDict(frozen=True)

    provider: str
    state: str
    nonce: str
    verifier: str
    return_to: str | None

    @property
    def attempt(self) -> Attempt:
        """The secrets that the provider's answer must match."""
        return Attempt(self.state, self.nonce, self.verifier)


class Trips:
    """Starts trips, and recognises those that come back."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    def start(self, provider: str, return_to: str | None) -> Trip:
        """With `return_to` a browser that shall go back there; without, a client that wants JSON."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return Trip(provider=provider, state=state, nonce=nonce, verifier=verifier, return_to=return_to)

    def send_along(self, response: Response, trip: Trip) -> None:
        """Give the browser its cookie. `Lax`, because it comes back from another site."""
        sealed = self._sealer.seal(trip.model_dump_json(), purpose=_PURPOSE, expires_at=self._clock.now() + _LIFE)
        seconds = int(_LIFE.total_seconds())
        response.set_cookie(COOKIE, sealed, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")

    def forget(self, response: Response) -> None:
        """A trip ends once."""
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")

    def find(self, request: Request) -> Trip | None:
        """The trip that this browser is on."""
        try:
            text = self._sealer.open(request.cookies.get(COOKIE, ""), purpose=_PURPOSE, now=self._clock.now())
            return Trip.model_validate_json(text)
        except (SealError, ValidationError):
            return None


def check(trip: Trip | None, provider: str, state: str | None) -> Trip:
    """The trip, if it is this one. Raises 401 `login-expired`."""
    if trip is None or trip.provider != provider or not same(trip.state, state or ""):
        raise Unauthorized(
            "login-expired",
            "This log-in did not begin in this browser, or took too long",
            "Start again.",
        )
    return trip


def newcomer(person: Person, provider: ProviderSettings, now: datetime) -> Newcomer:
    """What we believe of a provider's word. Raises 403 `email-missing`."""
    try:
        email = _ADDRESS.validate_python(person.email)
    except ValidationError:
        raise Forbidden("email-missing", f"{provider.label} told us no e-mail address that we can use") from None
    return Newcomer(
        identity=Identity(provider=provider.id, sub=person.sub, linked_at=now),
        email=email,
        display_name=_or(_NAME, person.name[:100], ""),
        locale=_or(_LOCALE, person.locale, "en"),
        proven=provider.trusted_email and person.email_verified,
    )


def _or(kind: TypeAdapter[str], given: str, otherwise: str) -> str:
    try:
        return kind.validate_python(given)
    except ValidationError:
        return otherwise
