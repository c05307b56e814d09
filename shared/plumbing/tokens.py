"""Access tokens of users, verified with the issuer's public keys only.

Refusals: 401 `token-invalid`, `token-expired`; 503 `keys-unavailable` until the issuer's keys were first seen.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NoReturn

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, RSAKey

from shared.plumbing.errors import Unauthorized, Unavailable
from shared.plumbing.jwks import JwksSource
from shared.plumbing.keys import ALGORITHM

ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type, RFC 9068
_MAX_TOKEN = 8192
_CACHED_TOKENS = 4096
# Issuer and verifier both follow the database clock, each by its own estimate.
_CLOCK_SKEW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Principal:
    user_id: str
    session_id: str
    roles: frozenset[str]
    token_id: str
    expires_at: datetime
    amr: tuple[str, ...]  # how the user proved who they are, RFC 8176
    proved_at: datetime  # when they last did so (`auth_time`)
    scopes: frozenset[str] | None = None  # what a token for programs may do; None: all that its user may


class _UnknownKey(Unauthorized):
    pass


class TokenVerifier:
    """Accepts RS256 access tokens (RFC 9068) of one issuer for one audience; no leeway on their end."""

    def __init__(self, jwks: JwksSource, issuer: str, audience: str, now: Callable[[], datetime]) -> None:
        self._jwks = jwks
        self._issuer = issuer
        self._audience = audience
        self._now = now
        # By digest, so that no token text stays in memory; with the key, so that a withdrawn key ends its tokens.
        self._verified: OrderedDict[bytes, tuple[Principal, str, RSAKey]] = OrderedDict()

    def verify(self, token: str) -> Principal:
        """Return who this token speaks for. Raises Unauthorized, or Unavailable while no key is known."""
        if len(token) > _MAX_TOKEN or not token.isascii():
            _refuse("The token is too long or not ASCII.")
        digest = sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and self._jwks.get(known[1]) is known[2]:
            self._verified.move_to_end(digest)
            principal = known[0]
        else:
            principal = self._remember(digest, *self._check(token))
        if principal.expires_at <= self._now():
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="expired"'}
            raise Unauthorized("token-expired", "The access token has expired", headers=challenge)
        return principal

    async def authenticate(self, token: str) -> Principal:
        """Verify; a token of a key not seen yet may first wait up to 2 s for the issuer's new keys."""
        try:
            return self.verify(token)
        except (_UnknownKey, Unavailable):
            await self._jwks.learn()
        return self.verify(token)

    def proved_within(self, principal: Principal, age: timedelta) -> bool:
        """Whether its user has proved who they are so lately."""
        return self._now() - principal.proved_at <= age

    def _remember(self, digest: bytes, principal: Principal, kid: str, key: RSAKey) -> Principal:
        self._verified[digest] = (principal, kid, key)
        if len(self._verified) > _CACHED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    def _check(self, token: str) -> tuple[Principal, str, RSAKey]:
        used: list[tuple[str, RSAKey]] = []

        def find_key(parsed: GuestProtocol) -> RSAKey:
            header = parsed.headers()
            if header.get("typ") != ACCESS_TOKEN_TYPE:
                _refuse("This is not an access token.")
            kid = header.get("kid")
            if not isinstance(kid, str):
                _refuse("The token names no key.")
            key = self._jwks.get(kid)
            if key is None:
                self._refuse_key()
            used.append((kid, key))
            return key

        try:
            claims = jwt.decode(token, find_key, algorithms=[ALGORITHM]).claims
            return self._principal(claims), *used[0]
        except (JoseError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
            # `from None`: library texts may quote the token.
            _refuse("The token is malformed or its signature is wrong.")

    def _refuse_key(self) -> NoReturn:
        if not self._jwks.known:
            raise Unavailable("keys-unavailable", "The keys that verify tokens are not known yet", retry_after=2)
        raise _UnknownKey("token-invalid", "The access token is not valid", "It is signed with an unknown key.")

    def _principal(self, claims: dict[str, Any]) -> Principal:
        audience = claims["aud"]
        if claims["iss"] != self._issuer:
            _refuse("The token is from another issuer.")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            _refuse("The token is for another audience.")
        if _instant(claims["iat"]).timestamp() > self._now().timestamp() + _CLOCK_SKEW_SECONDS:
            _refuse("The token was issued in the future.")
        return Principal(
            user_id=_text(claims["sub"]),
            session_id=_text(claims.get("sid", "")),
            roles=frozenset(_text(role) for role in claims.get("roles", ())),
            token_id=_text(claims.get("jti", "")),
            expires_at=_instant(claims["exp"]),
            amr=tuple(_text(method) for method in claims.get("amr", ())),
            # Tokens of a release before this claim was known prove what they prove since they were issued.
            proved_at=_instant(claims.get("auth_time", claims["iat"])),
            scopes=frozenset(_text(claims["scope"]).split()) if "scope" in claims else None,
        )


def _instant(seconds: object) -> datetime:
    if type(seconds) is not int:  # a bool is an int too
        raise TypeError
    return datetime.fromtimestamp(seconds, UTC)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _refuse(reason: str) -> NoReturn:
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    raise Unauthorized("token-invalid", "The access token is not valid", reason, headers=challenge) from None
