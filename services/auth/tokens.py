"""The texts that prove something: links in mails, refresh tokens, and the claims of access tokens. Pure."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.auth.texts import is_id
from shared.plumbing.user_tokens import AUDIENCE

_ID_LENGTH = 24
_SECRET_BYTES = 32
_MAX_COUNTER_DIGITS = 9


def new_id() -> str:
    """An id of a user, workspace or session."""
    return secrets.token_hex(_ID_LENGTH // 2)


def new_link_token(user_id: str) -> str:
    """What a link carries: whose it is, and a secret. Only `digest` of it is stored."""
    return user_id + secrets.token_urlsafe(_SECRET_BYTES)


def new_opaque_token() -> str:
    """What names something that only `digest` of is stored."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def link_owner(token: str) -> str | None:
    """Whose link this claims to be; None for what no link of ours looks like."""
    owner = token[:_ID_LENGTH]
    fits = len(token) == _ID_LENGTH + 43 and token.isascii()
    return owner if fits and is_id(owner) else None


def digest(token: str) -> str:
    """What is stored of an opaque token. It has 256 bits of chance, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare secrets without telling by time how much of them agrees."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The `count`-th token of one session."""

    session_id: str
    count: int


class RefreshTokens:
    """Makes and reads refresh tokens: session, count, and a MAC over both.

    Nothing of them is stored but the count. So the same token can be made again for a client whose answer was
    lost, a forged one never reaches the database, and a stolen database opens no session.
    """

    def __init__(self, master_keys: str) -> None:
        """As `Sealer`: base64, comma separated, the first one makes, all of them read."""
        # A key of its own: the same bytes never serve two algorithms.
        self._keys = [
            hmac.digest(base64.b64decode(part.strip()), b"souk refresh tokens v1", "sha256")
            for part in master_keys.split(",")
        ]

    def make(self, token: RefreshToken) -> str:
        """The text for the client."""
        head = f"{token.session_id}.{token.count}"
        return f"{head}.{_mac(self._keys[0], head)}"

    def read(self, text: str) -> RefreshToken | None:
        """What a text that we made says; None for any other."""
        head, _, mac = text.rpartition(".")
        session_id, _, count = head.partition(".")
        if not any(same(_mac(key, head), mac) for key in self._keys) or not is_id(session_id):
            return None
        return RefreshToken(session_id, int(count)) if len(count) <= _MAX_COUNTER_DIGITS else None


def _mac(key: bytes, head: str) -> str:
    mac = hmac.digest(key, head.encode("utf-8", "surrogatepass"), "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def access_claims(
    *,
    issuer: str,
    user_id: str,
    session_id: str,
    roles: Sequence[str],
    amr: Sequence[str],
    proved_at: datetime,
    now: datetime,
    life: timedelta,
    scopes: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The claims of an access token (RFC 9068). With `scopes` it is a program's, and does no more than they say."""
    issued_at = int(now.timestamp())
    return {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": user_id,
        "sid": session_id,
        "jti": new_id(),
        "iat": issued_at,
        "exp": issued_at + int(life.total_seconds()),
        "roles": list(roles),
        "amr": list(amr),
        "auth_time": int(proved_at.timestamp()),
        **({"scope": " ".join(scopes)} if scopes is not None else {}),
    }
