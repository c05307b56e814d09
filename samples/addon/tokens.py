"""Checks the marketplace's tokens with the public key that the marketplace publishes."""

import asyncio
import time
from typing import Any

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import extract_compact

KEYS_PATH = "/.well-known/souk/addons.jwks.json"
TRUST_SECONDS = 300.0  # a key that the marketplace withdrew is forgotten after this time
PAUSE_SECONDS = 1.0  # tokens with made-up key ids cause no more than one fetch in this time
LEEWAY_SECONDS = 30  # clocks differ


class TokenRefusedError(Exception):
    """The token is not one that the marketplace made for this add-on and this call."""


class KeysUnavailableError(Exception):
    """The marketplace's keys cannot be read now, so nothing can be said about the token."""


class PublishedKeys:
    """The marketplace's keys, kept in memory and fetched again when a token names a key that is not among them."""

    def __init__(self, http: aiohttp.ClientSession, marketplace_url: str) -> None:
        self._http = http
        self._url = marketplace_url + KEYS_PATH
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def get(self, kid: str) -> RSAKey:
        """The key with this id. Raises TokenRefusedError if there is none, KeysUnavailableError if nobody answers."""
        asked_at = time.monotonic()
        if kid not in self._keys or asked_at - self._fetched_at > TRUST_SECONDS:
            async with self._fetching:
                if self._fetched_at < asked_at:  # else another call fetched them while this one waited
                    await asyncio.sleep(max(0.0, self._fetched_at + PAUSE_SECONDS - asked_at))
                    await self._fetch()
        if kid not in self._keys:
            raise TokenRefusedError("the token names a key that the marketplace does not publish")
        return self._keys[kid]

    async def _fetch(self) -> None:
        try:
            async with self._http.get(self._url, timeout=aiohttp.ClientTimeout(total=3)) as response:
                response.raise_for_status()
                document = await response.json(content_type=None)
            keys = [RSAKey.import_key(entry) for entry in document["keys"] if entry.get("kty") == "RSA"]
        except (aiohttp.ClientError, TimeoutError, JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise KeysUnavailableError("the marketplace's keys cannot be read") from error
        self._keys = {key.kid: key for key in keys if key.kid}
        self._fetched_at = time.monotonic()


class Verifier:
    """Says whether a token was made by the marketplace for one of this process's add-ons."""

    def __init__(self, keys: PublishedKeys, issuer: str) -> None:
        self._keys = keys
        self._issuer = issuer

    async def claims(self, token: str, *, key: str, **expected: str) -> dict[str, Any]:
        """The claims of a token for the add-on `key`, with further claims exactly as expected.

        Raises TokenRefusedError, or KeysUnavailableError when the question cannot be answered now.
        """
        exact = {"iss": self._issuer, "type": "addon", "sub": key, **expected}
        rules: dict[str, jwt.ClaimsOption] = {"exp": {"essential": True}}
        rules |= {name: {"essential": True, "value": value} for name, value in exact.items()}
        try:
            header = extract_compact(token.encode()).headers()
            if header.get("alg") != "RS256":
                raise TokenRefusedError("the token is not signed with RS256")
            public_key = await self._keys.get(str(header.get("kid")))
            claims = jwt.decode(token, public_key, algorithms=["RS256"]).claims
            jwt.JWTClaimsRegistry(None, LEEWAY_SECONDS, **rules).validate(claims)
        except (JoseError, ValueError) as error:
            raise TokenRefusedError(f"the token is not valid: {error}") from error
        return claims
