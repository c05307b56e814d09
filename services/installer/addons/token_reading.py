"""Add-on tokens that come back: whether they are ours, and what they say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, RSAKey

from services.installer.addons.tokens import Use
from shared.plumbing.keys import ALGORITHM

_MAX_TOKEN = 8192


class TokenRefusedError(Exception):
    """Not a token that we made for an add-on, or no longer one."""


class UnknownKidError(TokenRefusedError):
    """The token names a key that is not known here, or is forged."""


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
