"""Keys that sign tokens (RSA, RS256), and their public form."""

from collections.abc import Mapping
from typing import Any, Self, cast

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

log = structlog.get_logger()

ALGORITHM = "RS256"
# Of 2048 to 8192 bits, in base64: shorter ones are weak, longer ones cost too much to verify with.
_MODULUS_LENGTH = range(342, 1367)


class SigningKey:
    """An RSA key pair and its `kid`. RS256 is deterministic: equal claims in equal order give equal bytes."""

    def __init__(self, key: RSAKey, kid: str) -> None:
        self._key = key
        self.kid = kid

    @classmethod
    def generate(cls, kid: str) -> Self:
        """Takes 50 to 500 ms of CPU."""
        return cls(RSAKey.generate_key(2048), kid)

    @classmethod
    def from_pem(cls, pem: str, kid: str) -> Self:
        """From `to_pem`, never from anybody else: its numbers are not proved again, which takes 60 ms of CPU."""
        key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
        return cls(RSAKey.import_key(cast("RSAPrivateKey", key)), kid)

    def to_pem(self) -> str:
        """Return the private key (PKCS 8): a secret, to be encrypted before it is stored."""
        return self._key.as_pem(private=True).decode()

    def public_pem(self) -> str:
        return self._key.as_pem(private=False).decode()

    def public_jwk(self) -> dict[str, str]:
        public = cast("dict[str, str]", self._key.as_dict(private=False))
        return {"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": self.kid, "n": public["n"], "e": public["e"]}

    def sign(self, claims: Mapping[str, Any], typ: str = "at+jwt") -> str:
        """Return a JWT. Costs about 0.3 ms of CPU. `typ` tells kinds of tokens apart, so none passes for another."""
        header = {"typ": typ, "alg": ALGORITHM, "kid": self.kid}
        return jwt.encode(header, dict(claims), self._key, algorithms=[ALGORITHM], default_type=None)


def usable_keys(document: Mapping[str, Any]) -> dict[str, RSAKey]:
    """Return the RS256 keys of a JWKS document by `kid`; what is no such key is left out."""
    keys: dict[str, RSAKey] = {}
    for entry in document.get("keys", ()):
        try:
            if entry["kty"] == "RSA" and entry.get("use", "sig") == "sig" and entry.get("alg", ALGORITHM) == ALGORITHM:
                if len(entry["n"]) not in _MODULUS_LENGTH or not isinstance(entry["kid"], str):
                    raise ValueError("not a key of ours")  # noqa: TRY301 - the same answer as below
                keys[entry["kid"]] = RSAKey.import_key({"kty": "RSA", "n": entry["n"], "e": entry["e"]})
        except (JoseError, LookupError, TypeError, ValueError, AttributeError):
            log.warning("jwks_entry_ignored")
    return keys
