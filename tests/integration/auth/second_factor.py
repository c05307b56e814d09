"""People with a second factor, and a clock whose hands a test turns."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pyotp
import pytest

from tests.integration.auth.conftest import API, PASSWORD, Auth, Session, session_of


class Hands:
    """The service's time, standing still until a test turns it."""

    def __init__(self, auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
        self._at = auth.service.clock.now()
        monkeypatch.setattr(auth.service.clock, "now", self.now)
        monkeypatch.setattr(auth.service.api.state.verifier, "_now", self.now)

    def now(self) -> datetime:
        return self._at

    def turn(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)


@dataclass
class Device:
    """What makes somebody's codes, and their session."""

    auth: Auth
    secret: str
    recovery_codes: list[str]
    session: Session

    def code(self, steps: int = 0) -> str:
        """The code of now, or of so many steps later."""
        moment = self.auth.service.clock.now().timestamp() + 30 * steps
        return pyotp.TOTP(self.secret).at(int(moment))


async def post(
    auth: Auth, path: str, body: Any = None, session: Session | None = None, /, **headers: str
) -> httpx.Response:
    """One request, as its answer."""
    known = session.headers if session else {}
    return await auth.http.post(f"{API}{path}", json=body, headers={**known, **headers})


async def protect(auth: Auth, session: Session) -> Device:
    """Switch the second factor on; the code of the step before is used for it."""
    begun = await post(auth, "/me/two-factor", None, session)
    assert begun.status_code == 201, begun.text
    device = Device(auth, begun.json()["secret"], [], session)
    for _ in range(2):  # a step may end between making the code and reading it, but not twice at once
        done = await post(auth, "/me/two-factor/confirm", {"code": device.code(-1)}, session)
        if done.status_code == 200:
            break
    assert done.status_code == 200, done.text
    device.recovery_codes = done.json()["recovery_codes"]
    return device


async def challenged(auth: Auth, email: str, client: str = "api", **headers: str) -> str:
    """The challenge that a right password gives."""
    body = {"email": email, "password": PASSWORD, "client": client}
    answer = await post(auth, "/sessions", body, **headers)
    assert answer.status_code == 403, answer.text
    assert answer.json()["slug"] == "two-factor-needed"
    return str(answer.json()["challenge"])


async def second(auth: Auth, challenge: str, **proof: str) -> httpx.Response:
    """The second step of a log-in."""
    return await post(auth, "/sessions/two-factor", {"challenge": challenge, **proof})


async def log_in(auth: Auth, email: str, **proof: str) -> Session:
    """Both steps."""
    answer = await second(auth, await challenged(auth, email), **proof)
    assert answer.status_code == 201, answer.text
    return session_of(answer.json())
