"""Personal access tokens: made, used within their scopes, ended, and tried for what they do not open."""

import asyncio
import json
import secrets
from typing import Any

import httpx
import pytest

from services.auth.personal_tokens.texts import new_personal_token
from tests.integration.auth.conftest import API, Auth, Session, session_of, slug
from tests.integration.auth.second_factor import Hands, post

EMAIL = "ada@example.com"
ALL = [
    *("auth:read", "catalog:read", "catalog:write", "installer:read", "installer:write"),
    *("notifier:read", "notifier:write"),
]


@pytest.fixture
def hands(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(auth, monkeypatch)


def wish(*scopes: str, **more: Any) -> dict[str, Any]:
    return {"name": "Nightly build", "scopes": list(scopes), "expires_in_days": 90, **more}


async def make(auth: Auth, someone: Session, *scopes: str, **more: Any) -> tuple[str, dict[str, Any]]:
    answer = await post(auth, "/me/tokens", wish(*scopes, **more), someone)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    return made["token"], made["personal_token"]


async def exchange(auth: Auth, token: str) -> httpx.Response:
    return await post(auth, "/sessions/token", {"token": token})


async def program(auth: Auth, token: str) -> dict[str, str]:
    """Headers of a program that has exchanged its token."""
    answer = await exchange(auth, token)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def rows(auth: Auth, someone: Session) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await auth.http.get(f"{API}/me/tokens", headers=someone.headers)).json()
    return found


async def test_a_token_is_shown_once_and_exchanged_for_minutes(auth: Auth) -> None:
    someone = await auth.person(EMAIL)
    text, row = await make(auth, someone, "auth:read", "installer:write", "auth:read")
    assert text.startswith(row["hint"])
    assert len(row["hint"]) < len(text) // 3
    assert row["scopes"] == ["auth:read", "installer:write"]
    assert text not in json.dumps(await auth.user(EMAIL), default=str)
    assert text not in json.dumps(await rows(auth, someone))
    assert (await rows(auth, someone))[0]["last_used_at"] is None

    answer = await exchange(auth, text)
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert set(told) == {"access_token", "token_type", "expires_in", "scope"}
    assert (told["expires_in"], told["scope"]) == (300, "auth:read installer:write")
    me = await auth.http.get(f"{API}/me", headers={"Authorization": f"Bearer {told['access_token']}"})
    assert me.json()["id"] == someone.user_id
    assert (await rows(auth, someone))[0]["last_used_at"] is not None


async def test_no_program_changes_anything_at_auth(auth: Auth) -> None:
    someone = await auth.person(EMAIL)
    headers = await program(auth, (await make(auth, someone, *ALL))[0])
    tried = 0
    for path, operations in auth.service.api.openapi()["paths"].items():
        for method, operation in operations.items():
            if {"user": []} not in operation.get("security", ()) or method == "get":
                continue
            where = path
            for part in ("{session_id}", "{token_id}", "{workspace_id}", "{user_id}", "{role}"):
                where = where.replace(part, "a" * 24)
            answer = await auth.http.request(method, where, headers=headers, json={})
            assert (answer.status_code, slug(answer)) == (403, "scope-missing"), (method, path)
            assert answer.json()["scope"] == "auth:write"
            assert "auth:write" in answer.headers["www-authenticate"]
            tried += 1
    assert tried > 10
    assert len(await rows(auth, someone)) == 1


async def test_without_its_scope_a_program_sees_nothing(auth: Auth) -> None:
    someone = await auth.person(EMAIL)
    headers = await program(auth, (await make(auth, someone, "catalog:read", "installer:write"))[0])
    for path in ("/me", "/sessions", "/workspaces", "/me/tokens", "/me/security-log"):
        answer = await auth.http.get(f"{API}{path}", headers=headers)
        assert (answer.status_code, slug(answer), answer.json()["scope"]) == (403, "scope-missing", "auth:read")


async def test_a_role_counts_within_the_scopes_only(auth: Auth) -> None:
    operator = await auth.operator()
    headers = await program(auth, (await make(auth, operator, "auth:read"))[0])
    looked = await auth.http.get(f"{API}/operator/accounts?email={EMAIL}", headers=headers)
    assert looked.status_code in (200, 404)
    changed = await auth.http.put(f"{API}/operator/accounts/{operator.user_id}/roles/publisher", headers=headers)
    assert slug(changed) == "scope-missing"


@pytest.mark.parametrize("how", ["revoked", "logged out everywhere", "expired", "deleted account"])
async def test_an_ended_token_is_exchanged_no_more(auth: Auth, hands: Hands, how: str) -> None:
    someone = await auth.person(EMAIL)
    text, row = await make(auth, someone, "auth:read", expires_in_days=1)
    headers = await program(auth, text)
    hands.turn(1)
    match how:
        case "revoked":
            gone = await auth.http.delete(f"{API}/me/tokens/{row['id']}", headers=someone.headers)
            assert gone.status_code == 204
        case "logged out everywhere":
            assert (await auth.http.delete(f"{API}/sessions", headers=someone.headers)).status_code == 204
        case "expired":
            hands.turn(86_400)
        case _:
            gone_at = {"$set": {"deleted_at": hands.now()}}
            await auth.database["users"].update_one({"_id": someone.user_id}, gone_at)
    answer = await exchange(auth, text)
    expected = "personal-token-expired" if how == "expired" else "personal-token-invalid"
    assert (answer.status_code, slug(answer)) == (401, expected)
    if how == "revoked":
        assert (await auth.http.get(f"{API}/me", headers=headers)).status_code == 200, "for the minutes that it has"
        assert await rows(auth, someone) == []


async def test_ones_own_tokens_only(auth: Auth) -> None:
    ada, eve = await auth.person(EMAIL), await auth.person("eve@example.com")
    _, row = await make(auth, ada, "auth:read")
    answer = await auth.http.delete(f"{API}/me/tokens/{row['id']}", headers=eve.headers)
    assert (answer.status_code, slug(answer)) == (404, "personal-token-not-found")
    assert await rows(auth, eve) == []
    assert len(await rows(auth, ada)) == 1


async def test_twenty_tokens_at_most_also_when_made_at_once(auth: Auth) -> None:
    someone = await auth.person(EMAIL)
    for _ in range(18):
        await make(auth, someone, "auth:read")
    answers = await asyncio.gather(*(post(auth, "/me/tokens", wish("auth:read"), someone) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409]
    assert {slug(answer) for answer in answers if answer.status_code == 409} == {"too-many-personal-tokens"}
    assert len(await rows(auth, someone)) == 20


@pytest.mark.parametrize(
    "body",
    [
        wish("auth:write"),
        wish("everything"),
        wish(),
        wish("auth:read", expires_in_days=0),
        wish("auth:read", expires_in_days=366),
        wish("auth:read", name=""),
        wish("auth:read", name="a\x00b"),
        wish("auth:read", roles=["operator"]),
        wish("auth:read", user_id="a" * 24),
        {"name": "x", "scopes": ["auth:read"]},
    ],
)
async def test_what_no_token_can_be_is_refused(auth: Auth, body: dict[str, Any]) -> None:
    answer = await post(auth, "/me/tokens", body, await auth.person(EMAIL))
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")


async def test_tokens_in_place_of_one_another_open_nothing(auth: Auth) -> None:
    someone = await auth.person(EMAIL)
    text, _ = await make(auth, someone, *ALL)
    as_access = await auth.http.get(f"{API}/me", headers={"Authorization": f"Bearer {text}"})
    assert (as_access.status_code, slug(as_access)) == (401, "token-invalid")
    assert slug(await post(auth, "/sessions/refresh", {"refresh_token": text})) == "session-ended"
    own = (await program(auth, text))["Authorization"].removeprefix("Bearer ")
    for other in (
        someone.headers["Authorization"].removeprefix("Bearer "),
        someone.refresh_token,
        own,
        new_personal_token(),
        text[:-1] + ("0" if text[-1] != "0" else "1"),
        text + "0",
        text.upper(),
        "souk_pat_" + secrets.token_urlsafe(40),
        "",
        "\x00",
        "{'$ne': null}",
    ):
        answer = await exchange(auth, other)
        assert answer.status_code in (401, 422), other
        assert slug(answer) in ("personal-token-invalid", "invalid-request")
        assert not other or other not in answer.text


async def test_a_token_is_made_by_a_session_of_a_moment_ago_only(auth: Auth, hands: Hands) -> None:
    someone = await auth.person(EMAIL)
    token = someone.refresh_token
    for _ in range(3):
        hands.turn(280)
        answer = await post(auth, "/sessions/refresh", {"refresh_token": token})
        token = answer.json()["refresh_token"]
    refused = await post(auth, "/me/tokens", wish("auth:read"), session_of(answer.json()))
    assert (refused.status_code, slug(refused)) == (403, "step-up-required")


async def test_its_owner_is_told_by_mail(auth: Auth) -> None:
    await make(auth, await auth.person(EMAIL), "auth:read")
    mail = (await auth.mails(EMAIL))[-1]
    assert (mail["template"], mail["parameters"]["kind"], mail["address"]) == (
        *("security-notice", "personal-token-made"),
        EMAIL,
    )
