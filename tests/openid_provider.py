"""A real OpenID provider that is not ours, beside the marketplace: tests/provider, run by Node.

Its packages are fetched once into `var/` and serve offline afterwards.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from deploy.local.paths import PROJECT, VAR
from tests.debian import program
from tests.waiting import PATIENCE_SECONDS, wait_until

SOURCE = PROJECT / "tests" / "provider"
HOME = VAR / "openid-provider"
INSTALL_SECONDS = 600


@dataclass
class OpenIdProvider:
    """One provider. Another host than the marketplace's, so that a browser takes the two for different sites.

    `create`: whether it offers `prompt=create`. `settings`: what else auth is told of it.
    """

    id: str
    port: int
    create: bool = True
    settings: dict[str, Any] = field(default_factory=dict)
    redirect_uri: str = ""
    client_id: str = "souk-of-tests"
    client_secret: str = "a secret of tests"
    process: subprocess.Popen[bytes] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def configured(self) -> dict[str, Any]:
        """As auth is told of it; `settings` are added."""
        own = {name: getattr(self, name) for name in ("id", "issuer", "client_id", "client_secret")}
        return {**own, "label": self.id.title(), **self.settings}

    def start(self) -> None:
        """Raises AssertionError if it does not answer in time."""
        given = {
            **{name: getattr(self, name) for name in ("issuer", "port", "redirect_uri", "create")},
            **{name: getattr(self, name) for name in ("client_id", "client_secret")},
        }
        self.process = subprocess.Popen(  # noqa: S603 -- ours
            [program("node", "nodejs"), HOME / "server.js"],
            env={"PATH": os.environ["PATH"], "PROVIDER": json.dumps(given)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        assert wait_until(self._answers), f"{self.issuer} does not answer"

    def stop(self) -> None:
        """At once; what it remembered is gone."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE_SECONDS)
            self.process = None

    def account(self, login: str, **claims: Any) -> str:
        """Make or change an account; `amr` is how it logs in. Returns its `sub`."""
        sub = f"{self.id}-{login}"
        self._control("accounts", {"login": login, "sub": sub, "name": login, **claims})
        return sub

    def rotate_keys(self) -> None:
        """From now on it signs with a new key, and publishes no other."""
        self._control("keys", {})

    def answer_after(self, seconds: float) -> None:
        """How long each answer takes from now on."""
        self._control("delay", {"seconds": seconds})

    def _control(self, what: str, body: dict[str, Any]) -> None:
        httpx.post(f"{self.issuer}/control/{what}", json=body, timeout=PATIENCE_SECONDS).raise_for_status()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.issuer}/.well-known/openid-configuration").is_success
        except httpx.TransportError:
            return False


def install() -> None:
    """Fetch what the provider needs, unless it is there. Raises AssertionError with npm's words."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of one run come here together
        files = sorted(path for path in SOURCE.iterdir() if path.is_file())
        wanted = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
        stamp = HOME / "complete"
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            for path in files:
                shutil.copy(path, HOME / path.name)
            command = [program("npm", "npm"), "ci", "--no-progress"]
            ran = subprocess.run(  # noqa: S603 -- from the PATH, and pinned
                command, cwd=HOME, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
            assert not ran.returncode, f"the test's OpenID provider could not be fetched:\n{ran.stderr}"
            stamp.write_text(wanted)


@contextmanager
def running(provider: OpenIdProvider, marketplace: str) -> Iterator[OpenIdProvider]:
    """The provider, with the marketplace at that address as its one client."""
    install()
    provider.redirect_uri = f"{marketplace}/login/callback/{provider.id}"
    try:
        provider.start()
        yield provider
    finally:
        provider.stop()
