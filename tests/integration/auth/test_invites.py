"""Invites by mail: who sends them, whom they let in, and what they tell to nobody."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.auth.main import build
from services.auth.workspaces.store import Workspaces
from shared.plumbing.mongo import Database
from tests.integration.auth.conftest import API, Auth, Session, platform, settings, slug, started
from tests.integration.auth.test_workspaces import WORKSPACES, create, put_in

INVITES = f"{API}/invites"
FORGED = "a" * 24 + "x" * 43


async def invited(auth: Auth, by: Session, workspace_id: str, email: str, role: str = "member") -> str:
    """Invite, and the secret of the mailed link."""
    answer = await invite(auth, by, workspace_id, email, role)
    assert answer.status_code == 201, answer.text
    return await token_to(auth, workspace_id)


async def invite(auth: Auth, by: Session, workspace_id: str, email: str, role: str = "member") -> httpx.Response:
    url = f"{WORKSPACES}/{workspace_id}/invites"
    return await auth.http.post(url, json={"email": email, "role": role}, headers=by.headers)


async def token_to(auth: Auth, workspace_id: str) -> str:
    return str((await auth.invites(workspace_id))[-1]["link"]).partition("/invite#token=")[2]


async def accept(auth: Auth, by: Session, token: str) -> httpx.Response:
    return await auth.http.post(f"{INVITES}/accept", json={"token": token}, headers=by.headers)


async def members(auth: Auth, workspace_id: str) -> dict[str, str]:
    found = await auth.database["workspaces"].find_one({"_id": workspace_id})
    assert found is not None
    return {one["user_id"]: one["role"] for one in found["members"]}


async def events_of(auth: Auth, someone: Session) -> list[str]:
    found = auth.database["security_events"].find({"user_id": someone.user_id}).sort("at", 1)
    return [one["kind"] async for one in found if one["kind"].startswith("workspace-")]


async def test_a_stranger_is_invited_signs_up_and_joins(auth: Auth) -> None:
    ada = await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    answer = await invite(auth, ada, workspace_id, "Bob@Example.com", "admin")
    assert answer.status_code == 201
    row = answer.json()
    assert (row["email"], row["role"], row["status"]) == ("Bob@example.com", "admin", "open")
    (mail,) = await auth.invites(workspace_id)
    assert (mail["template"], mail["address"], mail["user_id"]) == ("workspace-invite", "Bob@example.com", row["id"])
    assert mail["parameters"] == {"workspace": "Ada's", "inviter": "", "days": "7"}
    token = await token_to(auth, workspace_id)
    stored = await auth.database["workspaces"].find_one({"_id": workspace_id}, {"outbox": 0})
    assert token not in repr(stored)

    shown = await auth.http.post(f"{INVITES}/show", json={"token": token})
    assert (shown.json()["workspace"], shown.json()["role"]) == ("Ada's", "admin")
    bob = await auth.person("bob@example.com")
    joined = await accept(auth, bob, token)
    assert joined.status_code == 200, joined.text
    assert (joined.json()["id"], joined.json()["role"]) == (workspace_id, "admin")
    assert await members(auth, workspace_id) == {ada.user_id: "owner", bob.user_id: "admin"}
    assert await events_of(auth, bob) == ["workspace-joined"]
    assert await events_of(auth, ada) == ["workspace-invite-accepted"]
    assert (await auth.http.get(f"{WORKSPACES}/{workspace_id}/invites", headers=ada.headers)).json() == []
    document = await auth.database["workspaces"].find_one({"_id": workspace_id}, {"outbox": 0})
    assert "bob@example.com" not in repr(document).lower()
    for use in ("show", "decline"):
        again = await auth.http.post(f"{INVITES}/{use}", json={"token": token})
        assert again.status_code == (410 if use == "show" else 204)
    assert (await accept(auth, bob, token)).status_code == 200
    assert await members(auth, workspace_id) == {ada.user_id: "owner", bob.user_id: "admin"}


async def test_the_answer_does_not_tell_who_has_an_account(auth: Auth) -> None:
    ada, _ = await auth.person(), await auth.person("known@example.com")
    await auth.sign_up("unverified@example.com")
    workspace_id = (await create(auth, ada))["id"]
    rows = []
    for name in ("known", "unverified", "nobody"):
        answer = await invite(auth, ada, workspace_id, f"{name}@example.com")
        assert answer.status_code == 201
        rows.append(
            {field: value for field, value in answer.json().items() if field in ("role", "status", "invited_by")}
        )
    assert rows[0] == rows[1] == rows[2]


async def test_accepting_twice_in_parallel_makes_one_member(auth: Auth) -> None:
    ada, bob = await auth.person(), await auth.person("bob@example.com")
    for _ in range(3):
        workspace_id = (await create(auth, ada))["id"]
        token = await invited(auth, ada, workspace_id, "bob@example.com")
        answers = await asyncio.gather(*(accept(auth, bob, token) for _ in range(4)))
        assert [answer.status_code for answer in answers] == [200] * 4
        found = await auth.database["workspaces"].find_one({"_id": workspace_id})
        assert found is not None
        assert [one["user_id"] for one in found["members"]] == [ada.user_id, bob.user_id]


async def test_only_the_invited_address_gets_in(auth: Auth) -> None:
    ada, eve = await auth.person(), await auth.person("eve@example.com")
    workspace_id = (await create(auth, ada))["id"]
    token = await invited(auth, ada, workspace_id, "bob@example.com", "admin")
    refused = await accept(auth, eve, token)
    assert (refused.status_code, slug(refused)) == (403, "invite-for-another-address")
    assert "bob" not in refused.text
    assert (await auth.http.post(f"{INVITES}/accept", json={"token": token})).status_code == 401
    assert list(await members(auth, workspace_id)) == [ada.user_id]


@pytest.mark.parametrize("token", ["", "x", FORGED, "$where", "é" * 67, "0" * 200])
async def test_no_other_link_opens_anything(auth: Auth, token: str) -> None:
    ada = await auth.person()
    for use in ("show", "decline"):
        answer = await auth.http.post(f"{INVITES}/{use}", json={"token": token})
        assert (answer.status_code, slug(answer)) == (404, "invite-unknown")
    assert slug(await accept(auth, ada, token)) == "invite-unknown"


async def test_what_ends_an_invite(auth: Auth) -> None:
    ada, bob, eve = await auth.person(), await auth.person("bob@example.com"), await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    url = f"{WORKSPACES}/{workspace_id}/invites"
    await put_in(auth, workspace_id, eve, "admin")

    first = await invited(auth, eve, workspace_id, "bob@example.com")
    (row,) = (await auth.http.get(url, headers=ada.headers)).json()
    assert row["invited_by"] == eve.user_id
    member = f"{WORKSPACES}/{workspace_id}/members/{eve.user_id}"
    assert (await auth.http.put(member, json={"role": "member"}, headers=ada.headers)).status_code == 204
    assert slug(await accept(auth, bob, first)) == "invite-void"
    assert (await auth.http.get(url, headers=ada.headers)).json()[0]["status"] == "void"

    again = await auth.http.post(f"{url}/{row['id']}/resend", headers=ada.headers)
    assert (again.json()["status"], again.json()["invited_by"]) == ("open", ada.user_id)
    assert slug(await accept(auth, bob, first)) == "invite-unknown"
    second = await token_to(auth, workspace_id)

    assert (await auth.http.delete(f"{url}/{row['id']}", headers=ada.headers)).status_code == 204
    assert slug(await accept(auth, bob, second)) == "invite-unknown"
    assert slug(await auth.http.delete(f"{url}/{row['id']}", headers=ada.headers)) == "invite-not-found"

    third = await invited(auth, ada, workspace_id, "bob@example.com")
    assert (await auth.http.post(f"{INVITES}/decline", json={"token": third})).status_code == 204
    assert slug(await accept(auth, bob, third)) == "invite-unknown"

    fourth = await invited(auth, ada, workspace_id, "bob@example.com")
    past = auth.service.clock.now() - timedelta(seconds=1)
    await auth.database["workspaces"].update_one({"_id": workspace_id}, {"$set": {"invites.0.expires_at": past}})
    assert slug(await accept(auth, bob, fourth)) == "invite-expired"
    assert (await auth.http.get(url, headers=ada.headers)).json()[0]["status"] == "expired"
    assert list(await members(auth, workspace_id)) == [ada.user_id, eve.user_id]


async def test_old_invites_are_forgotten_with_their_addresses(auth: Auth, database: Database) -> None:
    ada = await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    await invited(auth, ada, workspace_id, "old@example.com")
    old = auth.service.clock.now() - timedelta(days=8)
    await database["workspaces"].update_one({"_id": workspace_id}, {"$set": {"invites.0.expires_at": old}})
    await database["workspaces"].update_one(
        {"_id": workspace_id},
        {"$push": {"invites": {"id": "b", "hash": "b", "expires_at": auth.service.clock.now()}}},
    )
    workspaces = Workspaces(database, auth.service.clock, auth.service.states[1])
    for expected in (1, 0):
        assert await workspaces.forget_invites(auth.service.clock.now() - timedelta(days=7)) == expected
    found = await database["workspaces"].find_one({"_id": workspace_id})
    assert found is not None
    assert [one["id"] for one in found["invites"]] == ["b"]


async def test_bad_invites(auth: Auth) -> None:
    ada, bob, mia = await auth.person(), await auth.person("bob@example.com"), await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    await put_in(auth, workspace_id, bob, "admin")
    await put_in(auth, workspace_id, mia, "member")
    assert slug(await invite(auth, ada, workspace_id, "BOB@example.com")) == "already-member"
    assert slug(await invite(auth, mia, workspace_id, "new@example.com")) == "not-admin"
    await invited(auth, ada, workspace_id, "new@example.com")
    twice = await invite(auth, bob, workspace_id, "NEW@example.com")
    assert (twice.status_code, slug(twice)) == (409, "already-invited")
    for body in (
        {"email": "x@example.com", "role": "owner"},
        {"email": "x@example.com", "role": "king"},
        {"email": "not an address"},
        {"email": "x@example.com\x00"},
        {"email": "x@example.com", "invited_by": bob.user_id},
        {},
    ):
        answer = await auth.http.post(f"{WORKSPACES}/{workspace_id}/invites", json=body, headers=ada.headers)
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")


async def test_nobody_mails_without_end(database: Database, mongo_url: str) -> None:
    fields: dict[str, Any] = {"mongo_database": database.name, "invites_per_hour": 3, "open_invites": 2}
    service = build(platform(mongo_url), settings(**fields))
    async for auth in started(service, database):
        ada, bob = await auth.person(), await auth.person()
        workspace_id, other = (await create(auth, ada))["id"], (await create(auth, ada))["id"]
        await put_in(auth, workspace_id, bob, "admin")
        for name in ("one", "two"):
            await invited(auth, ada, workspace_id, f"{name}@example.com")
        full = await invite(auth, bob, workspace_id, "three@example.com")
        assert (full.status_code, slug(full)) == (409, "too-many-invites")
        await invited(auth, ada, other, "three@example.com")
        often = await invite(auth, ada, other, "four@example.com")
        assert (often.status_code, slug(often)) == (429, "too-many-requests")
        assert int(often.headers["retry-after"]) > 0


async def test_one_address_is_not_mailed_by_everybody(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name))
    async for auth in started(service, database):
        people = [await auth.person() for _ in range(9)]
        rooms = [(await create(auth, one))["id"] for one in people]
        async for strict in started(
            build(platform(mongo_url), settings(mongo_database=database.name, mails_per_hour=2)), database
        ):
            answers = [
                await invite(strict, one, room, "victim@example.com") for one, room in zip(people, rooms, strict=True)
            ]
            assert [answer.status_code for answer in answers] == [201] * 8 + [429]
            # Their own links still reach them.
            resend = await strict.http.post(f"{API}/verify-email/resend", json={"email": "victim@example.com"})
            assert resend.status_code == 202


async def test_an_account_that_goes_while_it_accepts_leaves_no_member(auth: Auth) -> None:
    ada, bob = await auth.person(), await auth.person("bob@example.com")
    workspace_id = (await create(auth, ada))["id"]
    token = await invited(auth, ada, workspace_id, "bob@example.com")
    now = auth.service.clock.now()
    await auth.database["users"].update_one({"_id": bob.user_id}, {"$set": {"deleted_at": now}})
    assert (await accept(auth, bob, token)).status_code == 404
    assert list(await members(auth, workspace_id)) == [ada.user_id]


async def test_a_wrong_role_is_told_in_the_clients_words(auth: Auth) -> None:
    ada = await auth.person()
    answer = await invite(auth, ada, (await create(auth, ada))["id"], "bob@example.com", "owner")
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    assert "'admin' or 'member'" in answer.text
    assert "Role." not in answer.text
