"""An access token outlives its session by minutes; the account does not go with it."""

import httpx
import pytest

from tests.integration.auth.conftest import API, PASSWORD, Auth, Session, slug
from tests.integration.auth.second_factor import protect

EMAIL = "ada@example.com"
TOKEN = {"name": "mine", "scopes": ["installer:read"], "expires_in_days": 365}
DANGERS = {
    "a personal token": ("POST", "/me/tokens", TOKEN),
    "a second factor": ("POST", "/me/two-factor", None),
    "another address": ("POST", "/me/email", {"email": "thief@evil.example"}),
    "another password": ("PUT", "/me/password", {"current_password": PASSWORD, "new_password": "the thief's own"}),
    "a copy of everything": ("GET", "/me/export", None),
    "the end of the account": ("POST", "/me/deletion", {"confirm": EMAIL}),
    "a proof": ("POST", "/sessions/current/step-up", {"password": PASSWORD}),
}


async def tried(auth: Auth, thief: Session, what: str) -> httpx.Response:
    """What the thief's access token, which is still valid, brings about."""
    method, path, body = DANGERS[what]
    return await auth.http.request(method, f"{API}{path}", json=body, headers=thief.headers)


@pytest.mark.parametrize("what", DANGERS)
async def test_log_out_everywhere_leaves_nothing_to_who_was_logged_in(auth: Auth, what: str) -> None:
    ada = await auth.person(EMAIL)
    thief = await auth.log_in(EMAIL)
    await auth.http.delete(f"{API}/sessions", headers=ada.headers)

    assert slug(await tried(auth, thief, what)) == "session-ended"


@pytest.mark.parametrize("what", DANGERS)
async def test_a_new_password_leaves_nothing_to_who_was_logged_in(auth: Auth, what: str) -> None:
    ada = await auth.person(EMAIL)
    thief = await auth.log_in(EMAIL)
    await auth.http.post(f"{API}/password-reset", json={"email": EMAIL})
    token = await auth.link(ada.user_id, "password-reset")
    body = {"token": token, "password": PASSWORD}  # the same again, so that it is not the password that refuses
    assert (await auth.http.post(f"{API}/password-reset/link", json=body)).status_code == 200

    assert slug(await tried(auth, thief, what)) == "session-ended"


@pytest.mark.parametrize("what", DANGERS)
async def test_a_second_factor_leaves_nothing_to_who_gave_none(auth: Auth, what: str) -> None:
    ada = await auth.person(EMAIL)
    thief = await auth.log_in(EMAIL)
    await protect(auth, ada)

    assert slug(await tried(auth, thief, what)) == "session-ended"


async def test_a_session_is_spared_by_its_own_change_of_password_only(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    body = {"current_password": PASSWORD, "new_password": "another good password"}
    assert (await auth.http.put(f"{API}/me/password", json=body, headers=ada.headers)).status_code == 204
    assert (await tried(auth, ada, "a copy of everything")).status_code == 200

    await auth.http.post(f"{API}/password-reset", json={"email": EMAIL})
    reset = {"token": await auth.link(ada.user_id, "password-reset"), "password": PASSWORD}
    assert (await auth.http.post(f"{API}/password-reset/link", json=reset)).status_code == 200
    assert slug(await tried(auth, ada, "a copy of everything")) == "session-ended"
