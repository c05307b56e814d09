"""The secrets of one stack: generated once, kept beside its data, readable by its owner only."""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path


def key_256() -> str:
    """256 random bits for AES-GCM, in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def token() -> str:
    return secrets.token_urlsafe(32)


def ensure(file: Path, wanted: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """The secrets in the file; those that it lacks are made and added. What is there is never replaced."""
    kept = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line) if file.exists() else {}
    missing = {name: make() for name, make in wanted.items() if name not in kept}
    if missing:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
            output.writelines(f"{name}={value}\n" for name, value in (kept | missing).items())
        part.replace(file)
    return {name: (kept | missing)[name] for name in wanted}
