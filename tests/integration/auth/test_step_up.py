"""Proving once more who one is, and what that opens."""

from typing import Any

import pytest

from services.auth.main import build
from shared.plumbing.mongo import Database
from tests.integration.auth.conftest import API, PASSWORD, Auth, Session, platform, settings, slug, started
from tests.integration.auth.second_factor import Device, Hands, log_in, post, protect
from tests.integration.auth.test_passwords import by_product_only
from tests.integration.auth.test_workspaces import WORKSPACES, create, put_in

EMAIL = "ada@example.com"


@pytest.fixture
def hands(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(auth, monkeypatch)


async def stale(auth: Auth, hands: Hands, session: Session) -> dict[str, str]:
    """Headers of the session, carried on until its proof is old."""
    token = session.refresh_token
    for _ in range(3):
        hands.turn(280)
        answer = await post(auth, "/sessions/refresh", {"refresh_token": token})
        token = answer.json()["refresh_token"]
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def begin(auth: Auth, headers: dict[str, str]) -> int:
    """A sensitive action."""
    answer = await post(auth, "/me/two-factor", **headers)
    return answer.status_code


async def test_a_password_makes_a_session_fresh_again(auth: Auth, hands: Hands) -> None:
    someone = await auth.person(EMAIL)
    headers = await stale(auth, hands, someone)
    assert await begin(auth, headers) == 403
    wrong = await post(auth, "/sessions/current/step-up", {"password": "a wrong password"}, **headers)
    assert (wrong.status_code, slug(wrong)) == (403, "password-wrong")
    no_factor = await post(auth, "/sessions/current/step-up", {"code": "123456"}, **headers)
    assert (no_factor.status_code, slug(no_factor)) == (409, "two-factor-not-enrolled")
    answer = await post(auth, "/sessions/current/step-up", {"password": PASSWORD}, **headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert set(answer.json()) == {"access_token", "token_type", "expires_in"}
    assert await begin(auth, headers) == 403, "the old token says what it said"
    assert await begin(auth, {"Authorization": f"Bearer {answer.json()['access_token']}"}) == 201


async def test_with_a_second_factor_it_takes_a_code(auth: Auth, hands: Hands) -> None:
    device = await protect(auth, await auth.person(EMAIL))
    headers = await stale(auth, hands, device.session)
    by_password = await post(auth, "/sessions/current/step-up", {"password": PASSWORD}, **headers)
    assert (by_password.status_code, slug(by_password)) == (403, "code-needed")
    body = {"code": device.code()}
    answer = await post(auth, "/sessions/current/step-up", body, **headers)
    fresh = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert slug(await post(auth, "/sessions/current/step-up", body, **headers)) == "code-used"
    off = await post(auth, "/me/two-factor/disable", {"recovery_code": device.recovery_codes[0]}, **fresh)
    assert off.status_code == 204


async def test_without_a_password_it_leads_to_the_product(auth: Auth, hands: Hands) -> None:
    someone = await by_product_only(auth, EMAIL)
    answer = await post(auth, "/sessions/current/step-up", {"password": PASSWORD}, someone)
    assert (answer.status_code, slug(answer)) == (409, "password-not-set")
    assert answer.json()["step_up"] == {"acme": "/api/auth/v1/login/acme?again=1"}
    hands.turn(1)


async def test_a_first_password_asks_for_a_fresh_proof(auth: Auth, hands: Hands) -> None:
    old = await stale(auth, hands, await by_product_only(auth, EMAIL))
    answer = await auth.http.put(f"{API}/me/password", json={"new_password": PASSWORD}, headers=old)
    assert (answer.status_code, slug(answer)) == (403, "step-up-required")
    assert (await auth.user(EMAIL))["password"] is None


async def test_an_ended_session_is_not_made_fresh(auth: Auth, hands: Hands) -> None:
    device = await protect(auth, await auth.person(EMAIL))
    other = await log_in(auth, EMAIL, code=device.code())
    await auth.http.delete(f"{API}/sessions/{device.session.session_id}", headers=other.headers)
    hands.turn(30)
    answer = await post(auth, "/sessions/current/step-up", {"code": device.code()}, device.session)
    assert (answer.status_code, slug(answer)) == (401, "session-ended")
    answer = await post(auth, "/sessions/current/step-up", {"code": device.code()}, other)
    assert answer.status_code == 200, "the code was not used up in vain"


@pytest.mark.parametrize("body", [{}, {"password": "x", "code": "123456"}, {"code": "1"}, {"password": None}])
async def test_what_proves_nothing_is_refused_as_input(auth: Auth, body: dict[str, str]) -> None:
    someone = await auth.person(EMAIL)
    answer = await post(auth, "/sessions/current/step-up", body, someone)
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")


async def test_somebody_elses_device_proves_nothing(auth: Auth, hands: Hands) -> None:
    ada = await protect(auth, await auth.person(EMAIL))
    eve: Device = await protect(auth, await auth.person("eve@example.com"))
    answer = await post(auth, "/sessions/current/step-up", {"code": eve.code()}, ada.session)
    assert slug(answer) == "code-wrong"
    hands.turn(1)


async def test_an_old_password_proves_nothing_where_passwords_open_nothing(database: Database, mongo_url: str) -> None:
    known: dict[str, Any] = {"mongo_database": database.name}
    async for auth in started(build(platform(mongo_url), settings(**known)), database):
        someone = await auth.person(EMAIL)
        async for off in started(build(platform(mongo_url), settings(**known, local_accounts=False)), database):
            answer = await post(off, "/sessions/current/step-up", {"password": PASSWORD}, someone)
            assert (answer.status_code, slug(answer)) == (409, "password-not-set")
        answer = await post(auth, "/sessions/current/step-up", {"password": PASSWORD}, someone)
        assert answer.status_code == 200


async def test_power_over_others_in_a_workspace_asks_for_a_fresh_proof(auth: Auth, hands: Hands) -> None:
    ada, bob = await auth.person(EMAIL), await auth.person()
    here = f"{WORKSPACES}/{(workspace_id := (await create(auth, ada))['id'])}"
    await put_in(auth, workspace_id, bob, "member")
    sent = await auth.http.post(f"{here}/invites", json={"email": "c@example.com"}, headers=ada.headers)
    old = await stale(auth, hands, ada)
    for method, url, body in (
        ("PUT", f"{here}/members/{bob.user_id}", {"role": "admin"}),
        ("DELETE", f"{here}/members/{bob.user_id}", None),
        ("PATCH", here, {"requires_two_factor": False}),
        ("POST", f"{here}/invites", {"email": "d@example.com"}),
        ("POST", f"{here}/invites/{sent.json()['id']}/resend", None),
    ):
        answer = await auth.http.request(method, url, json=body, headers=old)
        assert (answer.status_code, slug(answer)) == (403, "step-up-required"), (method, url)

    assert (await auth.http.patch(here, json={"name": "Hers"}, headers=old)).status_code == 200
    bobs = await stale(auth, hands, bob)
    assert (await auth.http.delete(f"{here}/members/{bob.user_id}", headers=bobs)).status_code == 204, "to leave"


async def test_operators_change_nothing_without_a_fresh_proof(auth: Auth, hands: Hands) -> None:
    operator, bob = await auth.operator(), await auth.person(EMAIL)
    workspace_id = (await create(auth, bob))["id"]
    old = await stale(auth, hands, operator)
    for method, path, body in (
        ("PUT", f"/accounts/{bob.user_id}/roles/publisher", None),
        ("DELETE", f"/accounts/{bob.user_id}/roles/publisher", None),
        ("DELETE", f"/accounts/{bob.user_id}/two-factor", None),
        ("PATCH", f"/workspaces/{workspace_id}", {"plan": "PRO"}),
    ):
        answer = await auth.http.request(method, f"{API}/operator{path}", json=body, headers=old)
        assert (answer.status_code, slug(answer)) == (403, "step-up-required"), path
    look = await auth.http.get(f"{API}/operator/accounts", params={"email": EMAIL}, headers=old)
    assert look.status_code == 200


async def test_an_operator_proves_it_once_more_before_touching_dead_letters(auth: Auth, hands: Hands) -> None:
    operator = await auth.operator()
    headers = await stale(auth, hands, operator)
    letters = f"{API}/operator/dead-letters"

    assert (await auth.http.get(letters, headers=headers)).status_code == 200
    refused = await auth.http.post(f"{letters}/{'a' * 24}/replay", headers=headers)
    assert (refused.status_code, slug(refused)) == (403, "step-up-required")
    order = {"which": {"reason": "schema"}, "because": "no use"}
    assert slug(await auth.http.post(f"{letters}/discard", json=order, headers=headers)) == "step-up-required"
