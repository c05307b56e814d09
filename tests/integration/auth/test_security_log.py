"""What happened to an account, kept with the change itself."""

import asyncio

import pytest
from pymongo.errors import AutoReconnect

from services.auth.security.store import SecurityLog
from tests.integration.auth.conftest import Auth, slug

EMAIL = "ada@example.com"


async def kinds(auth: Auth, user_id: str) -> list[str]:
    """What is in somebody's log, the oldest first."""
    found = auth.database["security_events"].find({"user_id": user_id}).sort("at", 1)
    return [one["kind"] async for one in found]


async def test_a_link_used_by_two_at_once_is_logged_once(auth: Auth) -> None:
    await auth.sign_up(EMAIL)
    token = await auth.link_token(EMAIL)

    answers = await asyncio.gather(*(auth.verify(token) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410, 410]
    assert {slug(answer) for answer in answers if answer.status_code == 410} == {"link-used"}
    assert await kinds(auth, (await auth.user(EMAIL))["_id"]) == ["email-verified"]


async def test_what_cannot_be_logged_is_not_done(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    await auth.sign_up(EMAIL)
    token = await auth.link_token(EMAIL)
    with monkeypatch.context() as broken:

        async def fail(*_: object) -> None:
            raise AutoReconnect("primary stepped down")

        broken.setattr(SecurityLog, "add", fail)
        assert (await auth.verify(token)).status_code == 503

    assert (await auth.user(EMAIL))["verified_at"] is None
    assert await kinds(auth, (await auth.user(EMAIL))["_id"]) == []
    assert (await auth.verify(token)).status_code == 200
