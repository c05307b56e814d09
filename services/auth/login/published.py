"""What a provider publishes about itself: its addresses and its keys, fetched and kept."""

import asyncio
import time
from typing import Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.auth.settings import ProviderSettings
from shared.plumbing.errors import Unavailable
from shared.plumbing.outgoing import OutgoingClient, OutgoingError, OutgoingResponse

log = structlog.get_logger()

CALL_SECONDS = 5.0
_MAX_BODY = 262_144
_FRESH_SECONDS = 3600.0
# A key that is not known may be new, or made up by whoever sent the token.
_UNKNOWN_KEY_SECONDS = 10.0
# Whoever comes while a provider is down or slow does not wait in line for one more try each.
_DOWN_SECONDS = 2.0
_OK = 200

PublicKey = RSAKey | ECKey | OKPKey
_JSON_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


class Metadata(BaseModel):
    """The part of OpenID Connect Discovery §3 that we use."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False
    prompt_values_supported: tuple[str, ...] = ()


class Published:
    """Metadata and keys of one provider; the last good ones stay while it is away."""

    def __init__(self, settings: ProviderSettings, outgoing: OutgoingClient) -> None:
        self._settings = settings
        self._outgoing = outgoing
        self._metadata: Metadata | None = None
        self._keys: dict[str | None, PublicKey] = {}
        self._read_at = float("-inf")
        self._keys_read_at = float("-inf")
        self._unknown_at = float("-inf")
        self._failed_at = float("-inf")
        self._keys_failed_at = float("-inf")
        self._reading = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """Raises Unavailable `provider-unavailable` if it was never read and cannot be now."""
        async with self._reading:
            if time.monotonic() - self._read_at > _FRESH_SECONDS:
                if self._metadata is None and time.monotonic() - self._failed_at < _DOWN_SECONDS:
                    raise self.unavailable("it did not answer a moment ago")
                try:
                    self._metadata = await self._discover()
                except Unavailable:
                    self._failed_at = time.monotonic()
                    if self._metadata is None:
                        raise
                self._read_at = time.monotonic()
            if self._metadata is None:
                raise self.unavailable("no metadata")
            return self._metadata

    async def key(self, kid: str | None) -> PublicKey | None:
        """The key of this id (without one: the only key there is). An unknown one is looked for, every 10 s at most.

        So a rotation is met by the next log-in, however short before the keys were read.
        """
        metadata = await self.metadata()
        async with self._reading:
            now = time.monotonic()
            stale = now - self._keys_read_at > _FRESH_SECONDS
            unknown = kid not in self._keys and now - self._unknown_at > _UNKNOWN_KEY_SECONDS
            if stale or unknown:
                if not self._keys and now - self._keys_failed_at < _DOWN_SECONDS:
                    raise self.unavailable("it did not tell its keys a moment ago")
                if not stale:
                    self._unknown_at = now
                try:
                    self._keys = _keys(await self._get_json(metadata.jwks_uri))
                except Unavailable:
                    self._keys_failed_at = time.monotonic()
                    if not self._keys:
                        raise
                self._keys_read_at = time.monotonic()
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    async def call(self, method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> OutgoingResponse:
        """One call, bounded in time and length. Raises Unavailable `provider-unavailable`."""
        try:
            answer = await self._outgoing.request(
                method, url, headers=headers, body=body, deadline=CALL_SECONDS, max_response=_MAX_BODY
            )
        except OutgoingError as exc:
            raise self.unavailable(str(exc)) from exc
        if not answer.body_complete:
            raise self.unavailable("the answer broke off or is too long")
        return answer

    def unavailable(self, reason: str) -> Unavailable:
        """The client is told that the provider is at fault; the log says what it did."""
        log.warning("provider_unavailable", provider=self._settings.id, error=reason[:300])
        label = self._settings.label
        return Unavailable("provider-unavailable", f"{label} cannot be reached", "Try again later.", retry_after=5)

    def json(self, answer: OutgoingResponse) -> dict[str, Any]:
        """The object in an answer. Raises Unavailable `provider-unavailable`."""
        try:
            return _JSON_OBJECT.validate_json(answer.body)
        except ValidationError:
            raise self.unavailable(f"status {answer.status} and no JSON object") from None

    async def _get_json(self, url: str) -> dict[str, Any]:
        answer = await self.call("GET", url, {"Accept": "application/json"})
        if answer.status != _OK:
            raise self.unavailable(f"status {answer.status} at {url}")
        return self.json(answer)

    async def _discover(self) -> Metadata:
        issuer = self._settings.issuer
        document = await self._get_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            metadata = Metadata.model_validate(document)
        except ValidationError as exc:
            raise self.unavailable(f"metadata: {exc.errors()[0]['loc']}") from None
        if metadata.issuer != issuer:  # Discovery §4.3: otherwise one provider could speak for another
            raise self.unavailable(f"metadata of another issuer: {metadata.issuer}")
        return metadata


def _keys(document: dict[str, Any]) -> dict[str | None, PublicKey]:
    keys: dict[str | None, PublicKey] = {}
    entries = document.get("keys")
    for entry in entries if isinstance(entries, list) else ():
        try:
            if entry.get("use", "sig") == "sig" and entry["kty"] in ("RSA", "EC", "OKP"):
                key = JWKRegistry.import_key(entry)
                if isinstance(key, RSAKey | ECKey | OKPKey):
                    keys[entry.get("kid")] = key
        except (JoseError, LookupError, TypeError, ValueError, AttributeError):
            log.warning("provider_key_ignored")
    return keys
