"""Users' tokens as auth would issue them, for tests of the services that only verify."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from fastapi import FastAPI

from shared.plumbing.clock import Clock
from shared.plumbing.jwks import JwksSource
from shared.plumbing.keys import SigningKey
from shared.plumbing.tokens import TokenVerifier
from shared.plumbing.user_tokens import AUDIENCE

PUBLIC_URL = "http://localhost:8080"
_KEY = SigningKey.generate("test-users")


def new_id() -> str:
    """A fresh id: 24 hex."""
    return secrets.token_hex(12)


def claims(user_id: str, now: datetime, *roles: str) -> dict[str, Any]:
    """The claims of a good token."""
    return {
        "iss": PUBLIC_URL,
        "aud": AUDIENCE,
        "sub": user_id,
        "sid": "s",
        "jti": secrets.token_hex(8),
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=5)).timestamp()),
        "roles": list(roles),
        "amr": ["pwd"],
    }


def bearer(user_id: str, now: datetime, *roles: str, **more: Any) -> dict[str, str]:
    """The header of a request by this user; `more` are claims."""
    return {"Authorization": f"Bearer {_KEY.sign(claims(user_id, now, *roles) | more)}"}


def jwks() -> dict[str, Any]:
    """What auth would publish."""
    return {"keys": [_KEY.public_jwk()]}


def trust_test_users(api: FastAPI, clock: Clock) -> None:
    """Let `api` accept the tokens made here, without a JWKS address."""
    source = JwksSource("http://127.0.0.1:1/unused")
    source.replace(jwks())
    api.state.verifier = TokenVerifier(source, PUBLIC_URL, AUDIENCE, clock.now)
