"""Texts that travel or rest encrypted: AES-256-GCM under a key that only their writer and reader hold.

A text is bound to its purpose (as additional authenticated data): sealed for one, it cannot be opened for another.

    SealError
    ├── SealBroken     not ours, changed, of another purpose, or of a key that we do not have
    └── SealExpired    authentic, and too old
"""

import base64
import binascii
import os
import struct
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# Whoever sees one of these prefixes knows not to show the rest; shared.plumbing.logging masks both.
_TRAVELLING = "sealed:v1:"
_RESTING = "stored:v1:"
_KEY_BYTES = 32
# 96 bits, random: good for 2^32 texts a key (NIST SP 800-38D §8.3).
_NONCE_BYTES = 12
_EXPIRY = struct.Struct(">Q")  # milliseconds since 1970


class SealError(Exception):
    pass


class SealBroken(SealError):  # noqa: N818 - reads as what happened
    pass


class SealExpired(SealError):  # noqa: N818 - as above
    pass


class Sealer:
    """`keys` are base64 of 32 bytes each, comma separated; the first one seals, all of them open (key rotation)."""

    def __init__(self, keys: str) -> None:
        """Raise ValueError, without quoting it, for what is no key."""
        self._ciphers = [AESGCM(_key(part)) for part in keys.split(",")]

    def seal(self, plain: str, *, purpose: str, expires_at: datetime) -> str:
        """Return a text that travels and opens until `expires_at`."""
        expiry = _EXPIRY.pack(int(expires_at.timestamp() * 1000))
        return self._write(_TRAVELLING, purpose, expiry + plain.encode())

    def open(self, sealed: str, *, purpose: str, now: datetime) -> str:
        """Raise SealBroken or SealExpired; neither tells anything about the content."""
        plain = self._read(_TRAVELLING, purpose, sealed)
        (expires_at,) = _EXPIRY.unpack_from(plain)
        if now >= datetime.fromtimestamp(expires_at / 1000, UTC):
            raise SealExpired("expired")
        return plain[_EXPIRY.size :].decode()

    def encrypt(self, plain: str, *, purpose: str) -> str:
        """Return a text to be stored; it never expires and `open` does not take it."""
        return self._write(_RESTING, purpose, plain.encode())

    def decrypt(self, stored: str, *, purpose: str) -> str:
        """Raise SealBroken."""
        return self._read(_RESTING, purpose, stored).decode()

    def _write(self, prefix: str, purpose: str, plain: bytes) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        secret = self._ciphers[0].encrypt(nonce, plain, (prefix + purpose).encode())
        return prefix + base64.urlsafe_b64encode(nonce + secret).decode().rstrip("=")

    def _read(self, prefix: str, purpose: str, text: str) -> bytes:
        if not text.startswith(prefix) or not text.isascii():
            raise SealBroken("not sealed text")
        encoded = text[len(prefix) :]
        try:
            data = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars="-_", validate=True)
        except binascii.Error:
            raise SealBroken("not sealed text") from None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], (prefix + purpose).encode())
            except (InvalidTag, ValueError):  # the latter: too short
                continue
        raise SealBroken("changed, of another purpose, or of an unknown key")


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError("each key must be base64 of 32 bytes") from None
    return key
