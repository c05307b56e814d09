"""An OpenID provider that says what a test wants it to say, without a network."""

import base64
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from shared.plumbing.outgoing import NotSent, OutgoingResponse

ISSUER = "https://login.acme.example"
NOW = datetime.now(UTC).replace(microsecond=0)
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
NEXT_RSA = RSAKey.generate_key(2048, {"kid": "next"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})

Call = tuple[str, str, dict[str, str], dict[str, str]]


@dataclass
class Provider:
    """Its `request` has the shape of `OutgoingClient.request`."""

    client_id: str = "souk"
    client_secret: str = "client-secret"
    issuer: str = ISSUER
    keys: list[Any] = field(default_factory=lambda: [RSA])
    signing: Any = field(default_factory=lambda: RSA)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "rsa"})
    claims: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    user: dict[str, Any] = field(
        default_factory=lambda: {"sub": "ada", "email": "ada@example.com", "email_verified": True, "name": "Ada"}
    )
    sign: Callable[["Provider", dict[str, Any]], str] | None = None
    down: bool = False
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    now: Callable[[], float] = time.time
    _asked: dict[str, dict[str, str]] = field(default_factory=dict)

    def log_in(self, authorization_url: str) -> dict[str, str]:
        """What the browser brings back after the log-in form."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(authorization_url).query).items()}
        code = f"code-{len(self._asked)}"
        self._asked[code] = asked
        return {"code": code, "state": asked["state"]}

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        deadline: float,
        max_response: int,
    ) -> OutgoingResponse:
        del deadline, max_response
        if self.down:
            raise NotSent("refused")
        path = url.removeprefix(self.issuer)
        form = {name: values[0] for name, values in parse_qs((body or b"").decode()).items()}
        self.calls.append((method, path, dict(headers or {}), form))
        status, content = self.answers.get(path) or self._answer(path, dict(headers or {}), form)
        return OutgoingResponse(status, {}, content, truncated=False, body_complete=True, duration=0.0)

    def _answer(self, path: str, headers: dict[str, str], form: dict[str, str]) -> tuple[int, bytes]:
        match path:
            case "/.well-known/openid-configuration":
                return 200, orjson.dumps(self._metadata())
            case "/jwks":
                return 200, orjson.dumps({"keys": [key.as_dict(private=False) for key in self.keys]})
            case "/userinfo":
                return 200, orjson.dumps(self.userinfo)
            case "/token":
                return self._token(headers, form)
        return 404, b"not here"

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            **self.metadata,
        }

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, bytes]:
        asked = self._asked.pop(form.get("code", ""), None)
        proven = asked and create_s256_code_challenge(form.get("code_verifier", "")) == asked["code_challenge"]
        authenticated = headers.get("Authorization") or form.get("client_secret") == self.client_secret
        if asked is None or not proven or not authenticated or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, b'{"error":"invalid_grant"}'
        now = int(self.now())
        claims = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.user,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if name not in self.without}
        id_token = self.sign(self, claims) if self.sign else self.signed(claims)
        tokens = {"access_token": "at", "token_type": "Bearer", "id_token": id_token}
        return 200, orjson.dumps(tokens)

    def signed(self, claims: dict[str, Any]) -> str:
        """The ID token as configured."""
        return jwt.encode(self.header, claims, self.signing, algorithms=[self.header["alg"]])


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None) -> str:
    """What no library would make: unsigned, or signed with a published key as a shared secret."""
    head = ".".join(base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=") for part in (header, claims))
    mac = b"" if secret is None else hmac.digest(secret, head.encode(), "sha256")
    return f"{head}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def unsigned(_: Provider, claims: dict[str, Any]) -> str:
    """`alg: none`."""
    return by_hand({"alg": "none"}, claims, None)


def signed_with_public_key(_: Provider, claims: dict[str, Any]) -> str:
    """HS256 with the published key as the secret: the classic confusion."""
    return by_hand({"alg": "HS256", "kid": "rsa"}, claims, RSA.as_pem(private=False))


def signed_with_client_secret(provider: Provider, claims: dict[str, Any]) -> str:
    """HS256 with the client's secret, which OpenID Connect would allow and we do not."""
    return by_hand({"alg": "HS256", "kid": "rsa"}, claims, provider.client_secret.encode())
