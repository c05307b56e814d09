"""The tokens of add-ons: what each says, and what one that comes back may be believed.

The claims are the platform's (RS256, `type: addon`, `sub` = manifest key), so add-ons verify them unchanged.
`tokenUse` is ours: it keeps a token of one use from passing for another. No token text is stored anywhere,
because equal claims signed with the same key give equal bytes: it is made again whenever it is needed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, RSAKey

from services.installer.addresses import Addresses
from shared.plumbing.keys import ALGORITHM, SigningKey

# The platform's installation and webhook tokens end when the add-on is removed, and carry an `exp` a hundred
# years away; verifiers that insist on one are satisfied.
LASTING = timedelta(days=36_500)
# Longer than any call is repeated, because every attempt of a call carries the same token.
LIFECYCLE_LIFE = timedelta(days=8)
USER_LIFE = timedelta(minutes=30)
_MAX_TOKEN = 8192


class Use(StrEnum):
    """What a token is for."""

    LIFECYCLE = "lifecycle"
    """Proves that a lifecycle call is ours; opens nothing."""
    INSTALLATION = "installation"
    """The add-on's own access, until it is removed."""
    USER = "user"
    """The access of one person, inside the add-on's pages."""
    WEBHOOK = "webhook"
    """Proves that an event is ours; opens nothing."""


class TokenRefusedError(Exception):
    """Not a token that we made for an add-on, or no longer one."""


class UnknownKidError(TokenRefusedError):
    """The token names a key that is not known here, or is forged."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The installation that a token speaks for."""

    issuer: str
    addon_key: str
    workspace_id: str
    installation_id: str

    def claims(self, use: Use, issued_at: datetime, life: timedelta) -> dict[str, Any]:
        """What every token says, in this order: the order is part of the bytes."""
        seconds = int(issued_at.timestamp())
        return {
            "iss": self.issuer,
            "sub": self.addon_key,
            "type": "addon",
            "tokenUse": use.value,
            "workspaceId": self.workspace_id,
            "addonId": self.installation_id,
            "iat": seconds,
            "exp": seconds + int(life.total_seconds()),
        }


def lifecycle_token(key: SigningKey, holder: Holder, issued_at: datetime) -> str:
    """The token of one lifecycle call: for `X-Addon-Lifecycle-Token`."""
    return _sign(key, holder.claims(Use.LIFECYCLE, issued_at, LIFECYCLE_LIFE))


def installation_token(
    key: SigningKey, holder: Holder, issued_at: datetime, *, jti: str, user_id: str, addresses: Addresses
) -> str:
    """The `authToken` of `INSTALLED`. `user_id` is whom the add-on acts as until it asks for another."""
    claims = holder.claims(Use.INSTALLATION, issued_at, LASTING)
    return _sign(key, claims | {"jti": jti, "user": user_id} | addresses.claims())


def webhook_token(key: SigningKey, holder: Holder, issued_at: datetime, *, jti: str, path: str) -> str:
    """The token of one webhook: the same text with each of its events, so the path is what tells two apart."""
    claims = holder.claims(Use.WEBHOOK, issued_at, LASTING)
    return _sign(key, claims | {"jti": jti, "path": path})


def user_token(
    key: SigningKey,
    holder: Holder,
    issued_at: datetime,
    *,
    jti: str,
    user_id: str,
    workspace_role: str,
    language: str,
    addresses: Addresses,
) -> str:
    """A person's token for the add-on's pages, good for half an hour."""
    claims = holder.claims(Use.USER, issued_at, USER_LIFE)
    person = {"jti": jti, "user": user_id, "workspaceRole": workspace_role, "language": language, "theme": "DEFAULT"}
    return _sign(key, claims | person | addresses.claims())


@dataclass(frozen=True, slots=True)
class AddOnToken:
    """A token whose signature is ours. Whether its installation still stands is another question."""

    use: Use
    kid: str
    jti: str
    addon_key: str
    workspace_id: str
    installation_id: str
    user_id: str
    issued_at: int
    expires_at: int


def read(token: str, find_key: Callable[[str], RSAKey | None], issuer: str, now: datetime) -> AddOnToken:
    """Verify a token that an add-on presented. Raises TokenRefusedError, which never quotes it."""
    if len(token) > _MAX_TOKEN or not token.isascii():
        raise TokenRefusedError("too long or not ASCII")
    used: list[str] = []

    def key_of(parsed: GuestProtocol) -> RSAKey:
        kid = parsed.headers().get("kid")
        key = find_key(kid) if isinstance(kid, str) else None
        if key is None:
            raise UnknownKidError("of an unknown key")
        used.append(str(kid))
        return key

    try:
        found = _token(used, jwt.decode(token, key_of, algorithms=[ALGORITHM]).claims, issuer)
    except (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        # `from None`: library texts may quote the token.
        raise TokenRefusedError("malformed, or its signature is wrong") from None
    if found.expires_at <= now.timestamp():
        raise TokenRefusedError("expired")
    return found


def _token(used: list[str], claims: Mapping[str, Any], issuer: str) -> AddOnToken:
    if claims["iss"] != issuer or claims["type"] != "addon":
        raise TokenRefusedError("of another issuer or type")
    issued_at, expires_at = claims["iat"], claims["exp"]
    if type(issued_at) is not int or type(expires_at) is not int:  # a bool is an int too
        raise TokenRefusedError("without usable times")
    return AddOnToken(
        use=Use(claims["tokenUse"]),
        kid=used[0],
        jti=str(claims.get("jti", "")),
        addon_key=str(claims["sub"]),
        workspace_id=str(claims["workspaceId"]),
        installation_id=str(claims["addonId"]),
        user_id=str(claims.get("user", "")),
        issued_at=issued_at,
        expires_at=expires_at,
    )


def _sign(key: SigningKey, claims: Mapping[str, Any]) -> str:
    # "JWT" and nothing finer: libraries of add-ons may look at it.
    return key.sign(claims, typ="JWT")
