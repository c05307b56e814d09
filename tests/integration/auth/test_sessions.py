"""Logging in, staying logged in, logging out, and every way to do it wrongly."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from services.auth.main import build
from services.auth.tokens import RefreshToken, RefreshTokens
from shared.plumbing.keys import SigningKey
from shared.plumbing.mongo import Database
from tests.integration.auth.conftest import (
    API,
    MASTER,
    OWN_PAGE,
    PASSWORD,
    PUBLIC_URL,
    Auth,
    Session,
    platform,
    session_of,
    settings,
    slug,
    started,
)

COOKIE = "__Host-souk_refresh"


async def refresh(auth: Auth, token: str) -> httpx.Response:
    return await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": token})


async def test_an_access_token_says_who_and_for_how_long(auth: Auth) -> None:
    answer = await auth.http.get("/.well-known/souk/users.jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=150"
    (jwk,) = answer.json()["keys"]
    assert set(jwk) == {"kty", "use", "alg", "kid", "n", "e"}

    someone = await auth.person("ada@example.com")
    token = jwt.decode(someone.headers["Authorization"][7:], RSAKey.import_key(jwk), algorithms=["RS256"])
    assert token.header == {"typ": "at+jwt", "alg": "RS256", "kid": jwk["kid"]}
    claims = dict(token.claims)
    assert claims.pop("auth_time") == claims["iat"]
    assert claims.pop("exp") - claims.pop("iat") == 300
    assert len(claims.pop("jti")) == 24
    assert claims == {
        "iss": PUBLIC_URL,
        "aud": "souk",
        "sub": someone.user_id,
        "sid": someone.session_id,
        "roles": [],
        "amr": ["pwd"],
    }


async def test_log_in_says_the_same_of_a_wrong_password_and_an_unknown_address(auth: Auth) -> None:
    await auth.person("ada@example.com")
    wrong = await auth.http.post(f"{API}/sessions", json={"email": "ada@example.com", "password": "wrong password"})
    unknown = await auth.http.post(f"{API}/sessions", json={"email": "eve@example.com", "password": "wrong password"})
    for answer in (wrong, unknown):
        assert (answer.status_code, slug(answer)) == (401, "credentials-wrong")
    left, right = wrong.json(), unknown.json()
    left.pop("correlation_id"), right.pop("correlation_id")
    assert left == right


async def test_the_address_is_known_in_any_case_and_the_password_is_not(auth: Auth) -> None:
    await auth.person("ada@example.com")
    await auth.log_in("ADA@EXAMPLE.COM")
    wrong = {"email": "ada@example.com", "password": PASSWORD.upper()}
    assert (await auth.http.post(f"{API}/sessions", json=wrong)).status_code == 401


async def test_refresh_replaces_the_token(auth: Auth) -> None:
    someone = await auth.person()
    answer = await refresh(auth, someone.refresh_token)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    renewed = session_of(answer.json())
    assert renewed.session_id == someone.session_id
    assert renewed.refresh_token != someone.refresh_token
    assert (await refresh(auth, renewed.refresh_token)).status_code == 200


async def test_a_token_refreshed_side_by_side_gives_everybody_the_same_successor(auth: Auth) -> None:
    someone = await auth.person()
    answers = await asyncio.gather(*(refresh(auth, someone.refresh_token) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert (await refresh(auth, successors.pop())).status_code == 200


async def age_rotation(auth: Auth, session: Session) -> None:
    past = auth.service.clock.now() - timedelta(seconds=11)
    await auth.database["sessions"].update_one({"_id": session.session_id}, {"$set": {"rotated_at": past}})


async def test_a_token_used_again_later_ends_the_session_for_everybody(auth: Auth) -> None:
    someone = await auth.person()
    renewed = (await refresh(auth, someone.refresh_token)).json()["refresh_token"]
    await age_rotation(auth, someone)
    reused = await refresh(auth, someone.refresh_token)
    assert (reused.status_code, slug(reused)) == (401, "refresh-reused")
    dead = await refresh(auth, renewed)
    assert (dead.status_code, slug(dead)) == (401, "session-ended")
    document = await auth.database["sessions"].find_one({"_id": someone.session_id})
    assert document is not None
    assert document["ended_because"] == "refresh-reused"


async def test_a_token_two_generations_old_ends_the_session_at_once(auth: Auth) -> None:
    someone = await auth.person()
    second = (await refresh(auth, someone.refresh_token)).json()["refresh_token"]
    await refresh(auth, second)
    assert slug(await refresh(auth, someone.refresh_token)) == "refresh-reused"


async def test_other_sessions_of_the_same_person_stay(auth: Auth) -> None:
    one = await auth.person("ada@example.com")
    two = await auth.log_in("ada@example.com")
    await refresh(auth, one.refresh_token)
    await age_rotation(auth, one)
    assert slug(await refresh(auth, one.refresh_token)) == "refresh-reused"
    assert (await refresh(auth, two.refresh_token)).status_code == 200


@pytest.mark.parametrize(
    "token",
    [
        *("", "x", "a.b.c", "\ud83d", "é.1.é", "0123456789abcdef01234567.1.", "0123456789abcdef01234567.1." + "A" * 43),
        RefreshTokens(base64.b64encode(b"z" * 32).decode()).make(RefreshToken("0123456789abcdef01234567", 1)),
        RefreshTokens(MASTER).make(RefreshToken("0123456789abcdef01234567", 1)),
    ],
)
async def test_other_texts_refresh_nothing(auth: Auth, token: str) -> None:
    body = json.dumps({"refresh_token": token})
    answer = await auth.http.post(f"{API}/sessions/refresh", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (401, 422)
    assert slug(answer) in ("session-ended", "invalid-request")


async def test_a_token_that_was_not_handed_out_yet_is_a_thiefs(auth: Auth) -> None:
    """It cannot be made without the key; with a copy of the key, it ends the session."""
    someone = await auth.person()
    ahead = RefreshTokens(MASTER).make(RefreshToken(someone.session_id, 5))
    assert slug(await refresh(auth, ahead)) == "refresh-reused"


async def test_an_expired_session_has_ended(auth: Auth) -> None:
    someone = await auth.person()
    past = auth.service.clock.now() - timedelta(seconds=1)
    await auth.database["sessions"].update_one({"_id": someone.session_id}, {"$set": {"expires_at": past}})
    assert slug(await refresh(auth, someone.refresh_token)) == "session-ended"


async def test_sessions_from_before_the_accounts_line_have_ended(auth: Auth) -> None:
    someone = await auth.person()
    now = auth.service.clock.now() + timedelta(seconds=1)
    await auth.database["users"].update_one({"_id": someone.user_id}, {"$set": {"sessions_valid_from": now}})
    assert slug(await refresh(auth, someone.refresh_token)) == "session-ended"


async def test_log_out_ends_the_session(auth: Auth) -> None:
    someone = await auth.person()
    for _ in range(2):
        assert (await auth.http.delete(f"{API}/sessions/current", headers=someone.headers)).status_code == 204
    assert slug(await refresh(auth, someone.refresh_token)) == "session-ended"
    assert slug(await auth.http.delete(f"{API}/sessions/current")) == "token-missing"


async def test_sessions_are_listed_and_ended_by_their_owner_only(auth: Auth) -> None:
    one = await auth.person("ada@example.com")
    two = await auth.log_in("ada@example.com")
    eve = await auth.person("eve@example.com")
    rows = (await auth.http.get(f"{API}/sessions", headers=two.headers)).json()
    assert [(row["id"], row["current"]) for row in rows] == [(two.session_id, True), (one.session_id, False)]
    assert slug(await auth.http.delete(f"{API}/sessions/{one.session_id}", headers=eve.headers)) == "session-not-found"
    assert (await auth.http.delete(f"{API}/sessions/{one.session_id}", headers=two.headers)).status_code == 204
    assert slug(await refresh(auth, one.refresh_token)) == "session-ended"
    assert (await refresh(auth, two.refresh_token)).status_code == 200


# --- browsers ---


async def browser_log_in(auth: Auth) -> httpx.Response:
    body = {"email": "ada@example.com", "password": PASSWORD, "client": "browser"}
    return await auth.http.post(f"{API}/sessions", json=body, headers=OWN_PAGE)


async def test_a_browsers_refresh_token_is_in_a_cookie_that_no_script_reads(auth: Auth) -> None:
    await auth.person("ada@example.com")
    answer = await browser_log_in(auth)
    assert answer.status_code == 201
    assert answer.json()["refresh_token"] is None
    cookie = answer.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == COOKIE
    attributes = {part.strip().lower() for part in rest.split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= attributes
    assert not any(one.startswith("domain") for one in attributes)


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


async def test_a_browser_refreshes_and_logs_out_by_cookie(auth: Auth) -> None:
    await auth.person("ada@example.com")
    first = cookie_of(await browser_log_in(auth))
    auth.http.cookies.clear()
    answer = await auth.http.post(f"{API}/sessions/refresh", headers={**first, **OWN_PAGE})
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] is None
    second = cookie_of(answer)
    assert second != first
    auth.http.cookies.clear()
    out = await auth.http.delete(f"{API}/sessions/current", headers={**second, **OWN_PAGE})
    assert out.status_code == 204
    assert "max-age=0" in out.headers["set-cookie"].lower()
    auth.http.cookies.clear()
    assert slug(await auth.http.post(f"{API}/sessions/refresh", headers={**second, **OWN_PAGE})) == "session-ended"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Souk-CSRF": "1"},
        {"Origin": PUBLIC_URL},
        {"X-Souk-CSRF": "1", "Origin": "https://evil.example"},
        {"X-Souk-CSRF": "1", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_other_sites_cannot_use_the_cookie(auth: Auth, headers: dict[str, str]) -> None:
    await auth.person("ada@example.com")
    cookie = cookie_of(await browser_log_in(auth))
    auth.http.cookies.clear()
    for method, path in (("POST", "refresh"), ("DELETE", "current")):
        answer = await auth.http.request(method, f"{API}/sessions/{path}", headers={**cookie, **headers})
        assert (answer.status_code, slug(answer)) == (403, "cross-site-request")
    body = {"email": "ada@example.com", "password": PASSWORD, "client": "browser"}
    planted = await auth.http.post(f"{API}/sessions", json=body, headers=headers)
    assert slug(planted) == "cross-site-request"


async def test_a_planted_cookie_opens_nothing(auth: Auth) -> None:
    for value in ("", "x", "a" * 5000, '"; $where'):
        headers = {"Cookie": f"{COOKIE}={value}", **OWN_PAGE}
        assert slug(await auth.http.post(f"{API}/sessions/refresh", headers=headers)) == "session-ended"


# --- access tokens that are none ---


def forged(**changes: Any) -> dict[str, Any]:
    return {
        "iss": PUBLIC_URL,
        "aud": "souk",
        "sub": "a" * 24,
        "sid": "s",
        "jti": "j",
        "roles": ["operator"],
        "amr": [],
    } | changes


async def bad_tokens(auth: Auth) -> dict[str, tuple[str, str]]:
    """Name -> token and the slug that it must get."""
    (jwk,) = (await auth.http.get("/.well-known/souk/users.jwks.json")).json()["keys"]
    now = int(auth.service.clock.now().timestamp())
    good = forged(iat=now, exp=now + 300)
    document = await auth.database["signing_keys"].find_one({})
    assert document is not None
    from shared.plumbing.sealing import Sealer  # noqa: PLC0415

    pem = Sealer(MASTER).decrypt(document["private"], purpose=f"users-signing-key:{jwk['kid']}")
    ours = SigningKey.from_pem(pem, jwk["kid"])
    foreign = SigningKey.generate(jwk["kid"])
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps(good).encode()).decode().rstrip("=")
    secret = OctKey.import_key(jwk["n"])
    hs = jwt.encode({"alg": "HS256", "typ": "at+jwt", "kid": jwk["kid"]}, good, secret, algorithms=["HS256"])
    return {
        "alg none": (f"{head}.{body}.", "token-invalid"),
        "symmetric": (hs, "token-invalid"),
        "foreign key with our id": (foreign.sign(good), "token-invalid"),
        "unknown key": (SigningKey.generate("addons-1").sign(good), "token-invalid"),
        "another audience": (ours.sign(forged(iat=now, exp=now + 300, aud="addons")), "token-invalid"),
        "another issuer": (ours.sign(forged(iat=now, exp=now + 300, iss="https://evil.example")), "token-invalid"),
        "expired": (ours.sign(forged(iat=now - 600, exp=now - 300)), "token-expired"),
        "from the future": (ours.sign(forged(iat=now + 600, exp=now + 900)), "token-invalid"),
        "another kind": (ours.sign(good, typ="JWT"), "token-invalid"),
        "cut": (ours.sign(good)[:-4], "token-invalid"),
        "no token": ("nonsense", "token-invalid"),
        "too long": ("x" * 9000, "token-invalid"),
    }


async def test_every_bad_access_token_is_refused(auth: Auth) -> None:
    for name, (token, expected) in (await bad_tokens(auth)).items():
        for method, path in (("GET", "/me"), ("GET", "/workspaces"), ("GET", "/operator/accounts?email=a@example.com")):
            answer = await auth.http.request(method, f"{API}{path}", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, slug(answer)) == (401, expected), name
            assert token not in answer.text


async def test_without_a_token_nothing_opens(auth: Auth) -> None:
    for path in ("/me", "/workspaces", "/sessions", "/operator/accounts?email=a@example.com"):
        assert slug(await auth.http.get(f"{API}{path}")) == "token-missing"
        answer = await auth.http.get(f"{API}{path}", headers={"Authorization": "Basic eDp5"})
        assert slug(answer) == "token-missing"


async def test_a_refresh_token_is_no_access_token(auth: Auth) -> None:
    someone = await auth.person()
    answer = await auth.http.get(f"{API}/me", headers={"Authorization": f"Bearer {someone.refresh_token}"})
    assert slug(answer) == "token-invalid"


# --- limits and cost ---


async def test_guessing_is_limited_and_locks_out_nobody_else(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, log_ins_per_minute=3))
    async for auth in started(service, database):
        await auth.person("ada@example.com")
        guess = {"email": "ada@example.com", "password": "a wrong password"}
        guesser = {"X-Forwarded-For": "203.0.113.66"}
        answers = [await auth.http.post(f"{API}/sessions", json=guess, headers=guesser) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        right = {"email": "ada@example.com", "password": PASSWORD}
        owner = await auth.http.post(f"{API}/sessions", json=right, headers={"X-Forwarded-For": "203.0.113.7"})
        assert owner.status_code == 201


async def test_a_log_in_hashes_again_when_the_cost_has_changed(database: Database, mongo_url: str) -> None:
    async for auth in started(build(platform(mongo_url), settings(mongo_database=database.name)), database):
        await auth.person("ada@example.com")
        assert ",t=1," in (await auth.user("ada@example.com"))["password"]
    costlier = settings(mongo_database=database.name, password_passes=2)
    async for auth in started(build(platform(mongo_url), costlier), database):
        await auth.log_in("ada@example.com")
        assert ",t=2," in (await auth.user("ada@example.com"))["password"]
        await auth.log_in("ada@example.com")
