"""A log-in with a product on its way: what the browser carries meanwhile, and what came back."""

import secrets
from datetime import datetime, timedelta
from typing import Literal

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.auth.domain import Identity
from services.auth.login.oidc import Attempt, Person
from services.auth.login.product_accounts import Newcomer
from services.auth.settings import ProviderSettings
from services.auth.texts import Address, DisplayName, Locale, Region
from services.auth.tokens import same
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Forbidden, Unauthorized
from shared.plumbing.sealing import Sealer, SealError

COOKIE = "__Host-souk_login"
_LIFE = timedelta(minutes=10)
_PURPOSE = "product-log-in"
_ERRAND_COOKIE = "__Host-souk_errand"
_ERRAND_PURPOSE = "sign-up-errand"
_ERRAND_LIFE = timedelta(hours=1)
CLOCKS_DIFFER_SECONDS = 60

Kind = Literal["log-in", "silent", "register", "another", "link", "step-up"]
"""`silent` shows no form, `another` always one, `link` adds the product account to whoever is logged in, `step-up`
proves once more."""

_ADDRESS: TypeAdapter[str] = TypeAdapter(Address)
_NAME: TypeAdapter[str] = TypeAdapter(DisplayName)
_LOCALE: TypeAdapter[str] = TypeAdapter(Locale)
_REGION: TypeAdapter[str] = TypeAdapter(Region)
_PLACE: TypeAdapter[str] = TypeAdapter(DisplayName)


class Trip(BaseModel):
    """One log-in: sealed in a cookie, so it ends where it began, in the same browser. The newest one counts."""

    model_config = ConfigDict(frozen=True)

    provider: str
    state: str
    nonce: str
    verifier: str
    return_to: str | None
    kind: Kind = "log-in"
    session_id: str | None = None
    """Whose errand it is: the session that has to be this browser's still when it comes back."""
    began_at: datetime | None = None

    @property
    def own_business(self) -> bool:
        """Whether it matters who is logged in in this browser when it comes back."""
        return self.kind in ("silent", "link", "step-up")

    @property
    def quiet(self) -> bool:
        """Whether the visitor asked for nothing, so that a refusal leads back to where they were."""
        return self.kind == "silent"

    @property
    def attempt(self) -> Attempt:
        """The secrets that the provider's answer must match."""
        return Attempt(self.state, self.nonce, self.verifier)


class Trips:
    """Starts trips, and recognises those that come back."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    def start(self, provider: str, return_to: str | None, kind: Kind = "log-in", session_id: str | None = None) -> Trip:
        """With `return_to` a browser that shall go back there; without, a client that wants JSON."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return Trip(
            provider=provider,
            state=state,
            nonce=nonce,
            verifier=verifier,
            return_to=return_to,
            kind=kind,
            session_id=session_id,
            began_at=self._clock.now(),
        )

    def send_along(self, response: Response, trip: Trip) -> None:
        """Give the browser its cookie. `Lax`, because it comes back from another site."""
        sealed = self._sealer.seal(trip.model_dump_json(), purpose=_PURPOSE, expires_at=self._clock.now() + _LIFE)
        seconds = int(_LIFE.total_seconds())
        response.set_cookie(COOKIE, sealed, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")

    def forget(self, response: Response) -> None:
        """A trip ends once."""
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")

    def keep_errand(self, response: Response, return_to: str) -> None:
        """What somebody came for who signs up elsewhere first, and who may come back by any way."""
        until = self._clock.now() + _ERRAND_LIFE
        sealed = self._sealer.seal(return_to, purpose=_ERRAND_PURPOSE, expires_at=until)
        seconds = int(_ERRAND_LIFE.total_seconds())
        response.set_cookie(
            _ERRAND_COOKIE, sealed, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax"
        )

    def errand(self, request: Request) -> str | None:
        """The path that `keep_errand` was told."""
        try:
            return self._sealer.open(
                request.cookies.get(_ERRAND_COOKIE, ""), purpose=_ERRAND_PURPOSE, now=self._clock.now()
            )
        except SealError:
            return None

    def end_errand(self, response: Response) -> None:
        """They are where they wanted to be."""
        response.delete_cookie(_ERRAND_COOKIE, path="/", secure=True, httponly=True, samesite="lax")

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
        identity=identity(person, provider, now),
        email=email,
        display_name=_or(_NAME, person.name[:100], ""),
        locale=_or(_LOCALE, person.locale, "en"),
        proven=provider.trusted_email and person.email_verified,
        vouched=vouched(person, provider),
    )


def identity(person: Person, provider: ProviderSettings, now: datetime) -> Identity:
    """The product account of somebody who has just come back."""
    return Identity(
        provider=provider.id,
        sub=person.sub,
        linked_at=now,
        used_at=now,
        region=_or(_REGION, person.region, provider.region) or provider.region,
        address=_or(_PLACE, person.address, ""),
    )


def vouched(person: Person, provider: ProviderSettings) -> bool:
    """Whether the provider says that a second factor was used, and may say so."""
    return bool(person.amr & provider.second_factor_amr)


def refuse_stale(person: Person, trip: Trip) -> None:
    """For an errand, whatever the provider makes of `max_age`. Raises 401 `login-failed`."""
    began = trip.began_at.timestamp() if trip.began_at else 0.0
    if person.auth_time is None or person.auth_time < began - CLOCKS_DIFFER_SECONDS:
        raise Unauthorized("login-failed", "The product did not ask you to log in again", "Start again.")


def _or(kind: TypeAdapter[str], given: str, otherwise: str) -> str:
    try:
        return kind.validate_python(given)
    except ValidationError:
        return otherwise
