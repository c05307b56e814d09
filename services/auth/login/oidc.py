"""Log-in with a product: OpenID Connect, authorization code with PKCE. Authlib and joserfc know the protocol.

Refusals: 401 `login-failed` for an answer that cannot be trusted, 503 `provider-unavailable`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn
from urllib.parse import quote

import structlog
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError
from pydantic import BaseModel, ConfigDict, ValidationError

from services.auth.login.published import Metadata, Published
from services.auth.settings import ProviderSettings
from services.auth.texts import Subject
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Unauthorized
from shared.plumbing.outgoing import OutgoingClient

log = structlog.get_logger()

SCOPE = "openid profile email"
# Public-key signatures only: with a symmetric one, whoever knows the client's secret could speak for the provider.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
_LEEWAY_SECONDS = 60
_OK = 200
_SERVER_ERROR = 500


class Person(BaseModel):
    """Who the provider says has logged in."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sub: Subject
    email: str | None = None
    email_verified: bool = False
    name: str = ""
    locale: str = ""
    region: str = ""
    address: str = ""
    amr: frozenset[str] = frozenset()
    """How they proved who they are (RFC 8176)."""
    auth_time: int | None = None
    """When they did, in seconds since 1970; a provider tells it when it was asked for a fresh log-in."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The secrets of one log-in, which only its browser and we know."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of the provider beside who somebody is (OpenID Connect Core §3.1.2.1)."""

    prompt: Literal["none", "login", "create"] | None = None
    fresh: bool = False
    """Whether only a log-in of this moment counts (`max_age=0`)."""
    login_hint: str | None = None


class OidcClient:
    """One provider, seen from here."""

    def __init__(self, settings: ProviderSettings, redirect_uri: str, outgoing: OutgoingClient, clock: Clock) -> None:
        self.settings = settings
        self._redirect_uri = redirect_uri
        self._published = Published(settings, outgoing)
        self._clock = clock

    async def offers_sign_up(self) -> bool:
        """Whether its log-in can begin with its sign-up (Initiating User Registration via OpenID Connect 1.0)."""
        return "create" in (await self._published.metadata()).prompt_values_supported

    async def authorization_url(self, attempt: Attempt, asking: Asking = Asking()) -> str:
        """Where to send the browser."""
        metadata = await self._published.metadata()
        more = {
            "prompt": asking.prompt,
            "max_age": "0" if asking.fresh else None,
            "login_hint": asking.login_hint,
        }
        url: str = prepare_grant_uri(
            metadata.authorization_endpoint,
            client_id=self.settings.client_id,
            response_type="code",
            redirect_uri=self._redirect_uri,
            scope=SCOPE,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
            **{name: value for name, value in more.items() if value is not None},
        )
        return url

    async def person(self, code: str, iss: str | None, attempt: Attempt) -> Person:
        """Who came back with this code. `iss` is the parameter of the same name (RFC 9207), against mix-up."""
        metadata = await self._published.metadata()
        if iss != metadata.issuer and (iss is not None or metadata.authorization_response_iss_parameter_supported):
            self._refuse("the answer is of another issuer")
        tokens = await self._exchange(metadata, code, attempt)
        claims = await self._verified(str(tokens.get("id_token")), tokens, attempt)
        if "email" not in claims and metadata.userinfo_endpoint:
            # What is signed wins, above all how and when somebody logged in.
            claims = await self._userinfo(metadata.userinfo_endpoint, tokens, claims["sub"]) | claims
        claims |= {
            "region": _text(claims.get(self.settings.region_claim)),
            "address": _text(claims.get(self.settings.address_claim)),
            "amr": frozenset(one for one in _list(claims.get("amr")) if isinstance(one, str)),
        }
        try:
            return Person.model_validate({name: value for name, value in claims.items() if value is not None})
        except ValidationError as exc:
            self._refuse(f"unusable claim {exc.errors()[0]['loc']}")

    async def _exchange(self, metadata: Metadata, code: str, attempt: Attempt) -> dict[str, Any]:
        client_id, secret = self.settings.client_id, self.settings.client_secret.get_secret_value()
        method = "client_secret_post"
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            method = "client_secret_basic"
            client_id, secret = quote(client_id, safe=""), quote(secret, safe="")  # RFC 6749 §2.3.1
        request = prepare_token_request(
            "authorization_code", code=code, redirect_uri=self._redirect_uri, code_verifier=attempt.verifier
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        url, headers, body = ClientAuth(client_id, secret, method).prepare(
            "POST", metadata.token_endpoint, headers, request
        )
        answer = await self._published.call("POST", url, headers, body.encode())
        if answer.status >= _SERVER_ERROR:
            raise self._published.unavailable(f"status {answer.status} at the token endpoint")
        tokens = self._published.json(answer)
        if answer.status != _OK:
            self._refuse(f"the code was refused: {tokens.get('error')}")
        return tokens

    async def _verified(self, id_token: str, tokens: Mapping[str, Any], attempt: Attempt) -> dict[str, Any]:
        """The claims of an ID token that was made for us and for this very log-in."""
        try:
            header = jws.extract_compact(id_token.encode()).headers()
            key = await self._published.key(header.get("kid"))
            if key is None:
                self._refuse("the ID token is signed with an unknown key")
            token = jwt.decode(id_token, key, algorithms=_ALGORITHMS)
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": self.settings.issuer},
                    "aud": {"essential": True, "value": self.settings.client_id},
                    "nonce": {"essential": True, "value": attempt.nonce},
                },
                params={
                    "nonce": attempt.nonce,
                    "client_id": self.settings.client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(now=int(self._clock.now().timestamp()), leeway=_LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as exc:
            self._refuse(f"the ID token is not valid: {type(exc).__name__} {getattr(exc, 'description', '') or ''}")
        return dict(claims)

    async def _userinfo(self, url: str, tokens: Mapping[str, Any], sub: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {tokens.get('access_token')}", "Accept": "application/json"}
        answer = await self._published.call("GET", url, headers)
        if answer.status in (401, 403):  # such as after a code that was brought twice: both lose what it gave
            self._refuse("the access token was refused at the userinfo endpoint")
        if answer.status != _OK:
            raise self._published.unavailable(f"status {answer.status} at the userinfo endpoint")
        found = self._published.json(answer)
        if found.get("sub") != sub:  # OpenID Connect Core §5.3.2: token substitution
            self._refuse("the userinfo is of another user")
        return found

    def _refuse(self, reason: str) -> NoReturn:
        log.warning("login_failed", provider=self.settings.id, reason=reason[:300])
        raise Unauthorized(
            "login-failed", f"The log-in with {self.settings.label} did not succeed", "Start again."
        ) from None


def _text(claim: object) -> str:
    """A claim that is only shown; one of another kind is nobody's reason to be refused."""
    return claim if isinstance(claim, str) else ""


def _list(claim: object) -> list[object]:
    return claim if isinstance(claim, list) else []
