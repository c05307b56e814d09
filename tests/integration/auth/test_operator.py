"""Operators, publishers, and one's own profile."""

import argparse

import pytest

from services.auth.operators.commands import make_operator, rotate_keys
from tests.integration.auth.conftest import API, Auth, slug
from tests.integration.auth.second_factor import protect

OPERATOR = f"{API}/operator"


async def test_the_command_makes_an_operator_of_a_verified_account(
    auth: Auth, capsys: pytest.CaptureFixture[str]
) -> None:
    await auth.person("ada@example.com")
    await make_operator(auth.service, argparse.Namespace(email="ADA@example.com"))
    assert "is an operator" in capsys.readouterr().out
    assert (await auth.user("ada@example.com"))["roles"] == ["operator"]
    session = await auth.log_in("ada@example.com")
    found = await auth.http.get(f"{OPERATOR}/accounts", params={"email": "ada@example.com"}, headers=session.headers)
    assert found.status_code == 200
    await make_operator(auth.service, argparse.Namespace(email="ada@example.com"))


@pytest.mark.parametrize("email", ["nobody@example.com", "unverified@example.com", "nonsense"])
async def test_the_command_says_why_it_cannot(auth: Auth, email: str) -> None:
    await auth.sign_up("unverified@example.com")
    with pytest.raises(SystemExit) as caught:
        await make_operator(auth.service, argparse.Namespace(email=email))
    assert email in str(caught.value)


async def test_operators_say_who_publishes(auth: Auth) -> None:
    operator = await auth.operator()
    bob = await auth.person("bob@example.com")
    found = await auth.http.get(f"{OPERATOR}/accounts", params={"email": "BOB@example.com"}, headers=operator.headers)
    assert found.json()["id"] == bob.user_id
    url = f"{OPERATOR}/accounts/{bob.user_id}/roles/publisher"
    for _ in range(2):
        assert (await auth.http.put(url, headers=operator.headers)).json()["roles"] == ["publisher"]
    session = await auth.log_in("bob@example.com")
    assert (await auth.http.get(f"{API}/me", headers=session.headers)).json()["roles"] == ["publisher"]
    for _ in range(2):
        assert (await auth.http.delete(url, headers=operator.headers)).json()["roles"] == []


async def test_operators_help_somebody_who_lost_device_and_recovery_codes(auth: Auth) -> None:
    operator = await auth.operator()
    bob = (await protect(auth, await auth.person("bob@example.com"))).session
    url = f"{OPERATOR}/accounts/{bob.user_id}/two-factor"
    assert (await auth.http.delete(url, headers=operator.headers)).status_code == 200
    assert slug(await auth.http.delete(url, headers=operator.headers)) == "two-factor-not-enrolled"

    old = await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": bob.refresh_token})
    assert slug(old) == "session-ended"
    session = await auth.log_in("bob@example.com")  # the password alone will do
    assert not (await auth.http.get(f"{API}/me", headers=session.headers)).json()["two_factor"]
    assert [event for event, _ in await auth.events("bob@example.com")].count("TwoFactorChanged") == 2
    assert (await auth.log_of(bob.user_id)).count("two-factor-off") == 1
    assert [kind for kind, _, _ in await auth.mails_of(bob.user_id)].count("security-notice") == 2


async def test_nobody_else_does(auth: Auth) -> None:
    eve = await auth.person()
    for method, path in (
        ("GET", "/accounts?email=a@example.com"),
        ("PUT", f"/accounts/{eve.user_id}/roles/publisher"),
        ("DELETE", f"/accounts/{eve.user_id}/roles/publisher"),
        ("PATCH", f"/workspaces/{'a' * 24}"),
    ):
        body = {"plan": "PRO"} if method == "PATCH" else None
        answer = await auth.http.request(method, f"{OPERATOR}{path}", json=body, headers=eve.headers)
        assert (answer.status_code, slug(answer)) == (403, "role-required")


async def test_the_operators_role_is_given_on_the_machine_only(auth: Auth) -> None:
    operator = await auth.operator()
    answer = await auth.http.put(f"{OPERATOR}/accounts/{operator.user_id}/roles/operator", headers=operator.headers)
    assert slug(answer) == "not-found"


async def test_accounts_that_are_not_there(auth: Auth) -> None:
    operator = await auth.operator()
    nobody = await auth.http.get(f"{OPERATOR}/accounts?email=nobody@example.com", headers=operator.headers)
    assert (nobody.status_code, slug(nobody)) == (404, "account-not-found")
    for user_id in ("f" * 24, "x", "$where"):
        answer = await auth.http.put(f"{OPERATOR}/accounts/{user_id}/roles/publisher", headers=operator.headers)
        assert (answer.status_code, slug(answer)) == (404, "account-not-found")
    unverified = "new@example.com"
    await auth.sign_up(unverified)
    user_id = (await auth.user(unverified))["_id"]
    answer = await auth.http.put(f"{OPERATOR}/accounts/{user_id}/roles/publisher", headers=operator.headers)
    assert (answer.status_code, slug(answer)) == (409, "email-not-verified")


async def test_operators_set_plan_and_region_of_local_workspaces(auth: Auth) -> None:
    operator, bob = await auth.operator(), await auth.person()
    made = (await auth.http.post(f"{API}/workspaces", json={"name": "Bob's"}, headers=bob.headers)).json()
    url = f"{OPERATOR}/workspaces/{made['id']}"
    changed = (await auth.http.patch(url, json={"plan": "PRO", "region": "eu"}, headers=operator.headers)).json()
    assert (changed["plan"], changed["region"], changed["version"], changed["role"]) == ("PRO", "eu", 2, None)
    for bad in ({"plan": "GOLD"}, {"plan": 1}, {"name": "Mine"}, {"region": "?"}):
        assert slug(await auth.http.patch(url, json=bad, headers=operator.headers)) == "invalid-request"
    unknown = await auth.http.patch(f"{OPERATOR}/workspaces/{'f' * 24}", json={}, headers=operator.headers)
    assert slug(unknown) == "workspace-not-found"


async def test_people_change_their_own_profile(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    changed = await auth.http.patch(
        f"{API}/me", json={"display_name": " Ada L. ", "locale": "de-CH"}, headers=ada.headers
    )
    assert changed.json() == {
        "id": ada.user_id,
        "email": "ada@example.com",
        "display_name": "Ada L.",
        "locale": "de-CH",
        "verified": True,
        "two_factor": False,
        "has_password": True,
        "roles": [],
    }
    assert (await auth.http.get(f"{API}/me", headers=ada.headers)).json() == changed.json()
    assert (await auth.user("ada@example.com"))["state_marked_at"] is not None
    for bad in ({"email": "eve@example.com"}, {"roles": ["operator"]}, {"verified_at": 1}, {"two_factor": True}):
        assert slug(await auth.http.patch(f"{API}/me", json=bad, headers=ada.headers)) == "invalid-request"


async def test_the_next_key_is_published_before_it_signs(auth: Auth, capsys: pytest.CaptureFixture[str]) -> None:
    ada = await auth.person()
    before = (await auth.http.get("/.well-known/souk/users.jwks.json")).json()["keys"]
    await rotate_keys(auth.service, argparse.Namespace())
    assert "signs in 10 minutes" in capsys.readouterr().out
    # An unknown key id makes the service look, as one of its own would.
    verifier = auth.service.api.state.verifier
    assert await verifier._jwks.refresh()
    after = (await auth.http.get("/.well-known/souk/users.jwks.json")).json()["keys"]
    assert [key["kid"] for key in after][:1] == [key["kid"] for key in before]
    assert len(after) == 2
    assert (await auth.http.get(f"{API}/me", headers=ada.headers)).status_code == 200
