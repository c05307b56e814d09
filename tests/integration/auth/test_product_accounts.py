"""Manage accounts: what removing a product account takes, and what is announced before."""

from datetime import UTC, datetime
from typing import Any

from services.auth.domain import Identity
from shared.plumbing.mongo import Document
from tests.integration.auth.conftest import API, Auth, Session, slug

MINE = f"{API}/me/product-accounts"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def identity(sub: str, provider: str = "acme") -> Identity:
    return Identity(provider=provider, sub=sub, linked_at=NOW)


async def with_identities(auth: Auth, *identities: Identity) -> Session:
    """Somebody with a password and these product accounts."""
    someone = await auth.person()
    rows = [one.model_dump() for one in identities]
    await auth.database["users"].update_one({"_id": someone.user_id}, {"$set": {"identities": rows}})
    return someone


async def push(auth: Auth, number: int, members: dict[str, str], provider: str = "acme") -> str:
    body = {
        "version": 1,
        "name": f"Room {number}",
        "region": "eu",
        "plan": "PRO",
        "requires_two_factor": False,
        "active": True,
        "members": [{"subject": subject, "role": role} for subject, role in members.items()],
    }
    workspace_id = f"{number:024x}"
    answer = await auth.http.put(
        f"{API}/directory/{provider}/workspaces/{workspace_id}",
        json=body,
        headers={"Authorization": f"Bearer {provider}-directory-token"},
    )
    assert answer.status_code == 200, answer.text
    return workspace_id


async def roles(auth: Auth, someone: Session) -> dict[str, str]:
    answer = await auth.http.get(f"{API}/workspaces", headers=someone.headers)
    return {row["name"]: row["role"] for row in answer.json()["items"]}


async def stored(auth: Auth, someone: Session) -> Document:
    found = await auth.database["users"].find_one({"_id": someone.user_id})
    assert found is not None
    return found


async def test_the_rows_are_the_callers_own(auth: Auth) -> None:
    someone = await with_identities(auth, identity("ada"), identity("x", "gone"))
    other = await auth.person()
    rows: list[dict[str, Any]] = (await auth.http.get(MINE, headers=someone.headers)).json()
    assert [(one["provider"], one["label"], one["region"]) for one in rows] == [
        ("acme", "Acme", "eu"),
        ("gone", "gone", ""),
    ]
    assert (await auth.http.get(MINE, headers=other.headers)).json() == []
    for method, path in (("GET", f"{MINE}/{rows[0]['id']}/effects"), ("DELETE", f"{MINE}/{rows[0]['id']}")):
        answer = await auth.http.request(method, path, headers=other.headers)
        assert (answer.status_code, slug(answer)) == (404, "product-account-not-found")
    assert slug(await auth.http.get(MINE)) == "token-missing"


async def test_what_is_lost_is_announced_and_is_lost(auth: Auth) -> None:
    other = await with_identities(auth, identity("bob"))
    someone = await with_identities(auth, identity("ada"), identity("ada2"))
    await push(auth, 1, {"ada": "owner", "nobody-here": "owner", "bob": "member"})
    await push(auth, 2, {"ada": "admin", "bob": "owner"})
    await push(auth, 3, {"ada": "member"})
    await push(auth, 4, {"ada": "admin", "ada2": "owner"})
    await push(auth, 5, {"ada": "owner", "ada2": "member"})
    await push(auth, 6, {"ada2": "owner"})

    path = f"{MINE}/{identity('ada').id}"
    announced = (await auth.http.get(f"{path}/effects", headers=someone.headers)).json()
    assert [(one["name"], one["role"], one["left_without_admin"]) for one in announced["workspaces"]] == [
        ("Room 1", "owner", True),
        ("Room 2", "admin", False),
        ("Room 3", "member", False),
        ("Room 5", "owner", True),
    ]
    assert (announced["left_without_admin"], announced["last_way_to_log_in"]) == (2, False)

    answer = await auth.http.delete(path, headers=someone.headers)
    assert (answer.status_code, answer.json()) == (200, announced)
    assert await roles(auth, someone) == {"Room 4": "owner", "Room 5": "member", "Room 6": "owner"}
    assert await roles(auth, other) == {"Room 1": "member", "Room 2": "owner"}
    assert slug(await auth.http.delete(path, headers=someone.headers)) == "product-account-not-found"


async def test_removing_ends_the_other_sessions_and_is_in_the_security_log(auth: Auth) -> None:
    someone = await with_identities(auth, identity("ada"))
    again = await auth.log_in((await stored(auth, someone))["email"])
    wish = {"name": "Mine?", "scopes": ["auth:read"], "expires_in_days": 1}
    token = (await auth.http.post(f"{API}/me/tokens", json=wish, headers=again.headers)).json()["token"]
    answer = await auth.http.delete(f"{MINE}/{identity('ada').id}", headers=again.headers)
    assert answer.status_code == 200
    program = await auth.http.post(f"{API}/sessions/token", json={"token": token})
    assert slug(program) == "personal-token-invalid"
    ended = await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": someone.refresh_token})
    assert slug(ended) == "session-ended"
    kept = await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": again.refresh_token})
    assert kept.status_code == 200
    event = await auth.database["security_events"].find_one({"kind": "product-account-removed"})
    assert event is not None
    assert (event["user_id"], event["details"]) == (someone.user_id, {"provider": "acme"})
    notice = (await auth.mails((await stored(auth, someone))["email"]))[-1]
    assert (notice["template"], notice["parameters"]["kind"]) == ("security-notice", "product-account-removed")


async def test_the_last_way_in_stays(auth: Auth) -> None:
    someone = await with_identities(auth, identity("ada"))
    await auth.database["users"].update_one({"_id": someone.user_id}, {"$set": {"password": None}})
    path = f"{MINE}/{identity('ada').id}"
    assert (await auth.http.get(f"{path}/effects", headers=someone.headers)).json()["last_way_to_log_in"] is True
    answer = await auth.http.delete(path, headers=someone.headers)
    assert (answer.status_code, slug(answer)) == (409, "last-way-to-log-in")
    assert len((await stored(auth, someone))["identities"]) == 1


async def test_removing_asks_for_a_fresh_proof(auth: Auth) -> None:
    someone = await with_identities(auth, identity("ada"))
    long_ago = auth.service.clock.now().replace(year=2020)
    await auth.database["sessions"].update_many({}, {"$set": {"proved_at": long_ago}})
    refreshed = await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": someone.refresh_token})
    headers = {"Authorization": f"Bearer {refreshed.json()['access_token']}"}
    answer = await auth.http.delete(f"{MINE}/{identity('ada').id}", headers=headers)
    assert (answer.status_code, slug(answer)) == (403, "step-up-required")


async def test_a_log_in_with_a_password_alone_ends_what_a_product_vouched_for(auth: Auth) -> None:
    someone = await with_identities(auth, identity("ada"))
    vouched = {"$set": {"vouched_by": identity("ada").id}}
    await auth.database["users"].update_one({"_id": someone.user_id}, vouched)
    assert (await auth.http.get(f"{API}/me", headers=someone.headers)).json()["two_factor"] is True
    await auth.log_in((await stored(auth, someone))["email"])
    assert (await auth.http.get(f"{API}/me", headers=someone.headers)).json()["two_factor"] is False
