"""The product's database: a few small files that only their owner can read."""

import os
import secrets
from pathlib import Path

from joserfc.jwk import RSAKey


def write(path: Path, text: str) -> None:
    """Replaces the file in one step, so that a crash leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def signing_key(path: Path) -> RSAKey:
    """The key of the ID tokens; made at the first start, so that tokens outlive a restart."""
    if not path.exists():
        write(path, RSAKey.generate_key(2048).as_pem(private=True).decode())
    key = RSAKey.import_key(path.read_text(), {"use": "sig", "alg": "RS256"})
    key.ensure_kid()  # its thumbprint
    return key


def secret(path: Path) -> str:
    if not path.exists():
        write(path, secrets.token_urlsafe(32))
    return path.read_text()
