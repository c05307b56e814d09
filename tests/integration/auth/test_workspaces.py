"""Workspaces as their members see them, and as strangers do not."""

import asyncio
from typing import Any

import httpx
import pytest

from services.auth.main import build
from shared.plumbing.http import encode_cursor
from shared.plumbing.mongo import Database
from tests.integration.auth.conftest import API, Auth, Session, platform, settings, slug, started

WORKSPACES = f"{API}/workspaces"


async def create(auth: Auth, someone: Session, **fields: Any) -> dict[str, Any]:
    answer = await auth.http.post(WORKSPACES, json={"name": "Ada's", **fields}, headers=someone.headers)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def put_in(auth: Auth, workspace_id: str, someone: Session, role: str) -> None:
    """As if invited and joined long ago."""
    member = {"user_id": someone.user_id, "role": role}
    await auth.database["workspaces"].update_one({"_id": workspace_id}, {"$push": {"members": member}})


async def test_a_workspace_belongs_to_its_creator(auth: Auth) -> None:
    ada = await auth.person()
    made = await create(auth, ada, name="  Ada's  ", region="eu")
    workspace_id = made.pop("id")
    assert made == {
        "name": "Ada's",
        "provider": None,
        "provider_label": None,
        "product": "",
        "region": "eu",
        "plan": "FREE",
        "requires_two_factor": False,
        "active": True,
        "role": "owner",
        "read_only": False,
        "can": [
            *("install", "see-members", "rename", "set-two-factor-rule", "change-roles", "remove-members", "invite"),
            *("make-owners", "transfer", "archive"),
        ],
        "version": 1,
    }
    answer = await auth.http.get(f"{WORKSPACES}/{workspace_id}", headers=ada.headers)
    assert answer.json() == {"id": workspace_id, **made}
    document = await auth.database["workspaces"].find_one({"_id": workspace_id})
    assert document is not None
    assert document["state_marked_at"] is not None


async def test_nobody_makes_workspaces_without_end(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, workspaces_per_hour=2))
    async for auth in started(service, database):
        ada, bob = await auth.person(), await auth.person()
        await create(auth, ada)
        await create(auth, ada)

        refused = await auth.http.post(WORKSPACES, json={"name": "One more"}, headers=ada.headers)

        assert (refused.status_code, slug(refused)) == (429, "too-many-requests")
        assert 0 < int(refused.headers["retry-after"]) <= 1800
        assert await database["workspaces"].count_documents({}) == 2
        await create(auth, bob)


async def test_for_others_it_does_not_exist(auth: Auth) -> None:
    ada, eve = await auth.person(), await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    answers = [
        await auth.http.get(f"{WORKSPACES}/{workspace_id}", headers=eve.headers),
        await auth.http.patch(f"{WORKSPACES}/{workspace_id}", json={"name": "Eve's"}, headers=eve.headers),
        await auth.http.get(f"{WORKSPACES}/{workspace_id}/members", headers=eve.headers),
        await auth.http.put(
            f"{WORKSPACES}/{workspace_id}/members/{eve.user_id}", json={"role": "owner"}, headers=eve.headers
        ),
        await auth.http.delete(f"{WORKSPACES}/{workspace_id}/members/{ada.user_id}", headers=eve.headers),
        await auth.http.delete(f"{WORKSPACES}/{workspace_id}/members/{eve.user_id}", headers=eve.headers),
        await auth.http.get(f"{WORKSPACES}/{'0' * 24}", headers=eve.headers),
        await auth.http.get(f"{WORKSPACES}/nonsense", headers=eve.headers),
        await auth.http.patch(f"{WORKSPACES}/$where", json={"name": "x"}, headers=eve.headers),
    ]
    assert [(answer.status_code, slug(answer)) for answer in answers] == [(404, "workspace-not-found")] * len(answers)
    assert (await auth.http.get(WORKSPACES, headers=eve.headers)).json() == {"items": [], "next": None}


async def test_members_read_and_only_admins_change(auth: Auth) -> None:
    ada, bob = await auth.person(), await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    await put_in(auth, workspace_id, bob, "member")
    seen = (await auth.http.get(f"{WORKSPACES}/{workspace_id}", headers=bob.headers)).json()
    assert (seen["role"], seen["read_only"]) == ("member", True)
    refused = await auth.http.patch(f"{WORKSPACES}/{workspace_id}", json={"name": "Bob's"}, headers=bob.headers)
    assert (refused.status_code, slug(refused)) == (403, "not-admin")
    assert slug(await auth.http.get(f"{WORKSPACES}/{workspace_id}/members", headers=bob.headers)) == "not-admin"


async def test_changes_are_versioned_and_marked_for_the_others(auth: Auth) -> None:
    ada = await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    await auth.database["workspaces"].update_one({"_id": workspace_id}, {"$unset": {"state_marked_at": ""}})
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"vouched_by": "a product"}})
    body = {"name": "Renamed", "requires_two_factor": True}
    changed = (await auth.http.patch(f"{WORKSPACES}/{workspace_id}", json=body, headers=ada.headers)).json()
    assert (changed["name"], changed["requires_two_factor"], changed["version"]) == ("Renamed", True, 2)
    document = await auth.database["workspaces"].find_one({"_id": workspace_id})
    assert document is not None
    assert document["state_marked_at"] is not None
    same = (await auth.http.patch(f"{WORKSPACES}/{workspace_id}", json={}, headers=ada.headers)).json()
    assert same["version"] == 2


@pytest.mark.parametrize("field", ["plan", "region", "members", "provider", "version", "active", "_id"])
async def test_nobody_gives_oneself_what_only_others_give(auth: Auth, field: str) -> None:
    ada = await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    answer = await auth.http.patch(f"{WORKSPACES}/{workspace_id}", json={field: "ENTERPRISE"}, headers=ada.headers)
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    if field != "region":
        made = await auth.http.post(WORKSPACES, json={"name": "x", field: "ENTERPRISE"}, headers=ada.headers)
        assert slug(made) == "invalid-request"


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": " "}, {"name": "x" * 101}, {"name": "a\x00b"}, {"name": 1}]
)
async def test_a_workspace_needs_a_name(auth: Auth, body: dict[str, Any]) -> None:
    ada = await auth.person()
    assert slug(await auth.http.post(WORKSPACES, json=body, headers=ada.headers)) == "invalid-request"


async def test_many_workspaces_come_in_pages(auth: Auth) -> None:
    ada = await auth.person()
    made = sorted([(await create(auth, ada, name=f"n{n}"))["id"] for n in range(5)])
    found: list[str] = []
    cursor: str | None = None
    pages = 0
    while pages == 0 or cursor:
        params: dict[str, str | int] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await auth.http.get(WORKSPACES, params=params, headers=ada.headers)).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
        pages += 1
    assert found == made
    assert pages == 3
    for bad in ("x", "bm9uc2Vuc2U", "eyIkZ3QiOiIifQ"):
        answer = await auth.http.get(WORKSPACES, params={"cursor": bad}, headers=ada.headers)
        assert (answer.status_code, slug(answer)) == (400, "invalid-cursor")
    for limit in (0, 501, "x"):
        answer = await auth.http.get(WORKSPACES, params={"limit": limit}, headers=ada.headers)
        assert slug(answer) == "invalid-request"


async def change_member(auth: Auth, actor: Session, workspace_id: str, user_id: str, role: str) -> httpx.Response:
    url = f"{WORKSPACES}/{workspace_id}/members/{user_id}"
    return await auth.http.put(url, json={"role": role}, headers=actor.headers)


async def test_roles_and_leaving(auth: Auth) -> None:
    ada, bob, eve = await auth.person(), await auth.person(), await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    await put_in(auth, workspace_id, bob, "admin")
    await put_in(auth, workspace_id, eve, "member")
    assert slug(await change_member(auth, bob, workspace_id, eve.user_id, "owner")) == "not-owner"
    assert slug(await change_member(auth, bob, workspace_id, "f" * 24, "admin")) == "member-not-found"
    assert (await change_member(auth, bob, workspace_id, eve.user_id, "admin")).status_code == 204
    assert slug(await change_member(auth, ada, workspace_id, ada.user_id, "member")) == "last-owner"
    rows = (await auth.http.get(f"{WORKSPACES}/{workspace_id}/members", headers=bob.headers)).json()["items"]
    assert [(row["user_id"], row["role"]) for row in rows] == [
        (ada.user_id, "owner"),
        (bob.user_id, "admin"),
        (eve.user_id, "admin"),
    ]
    left = await auth.http.delete(f"{WORKSPACES}/{workspace_id}/members/{eve.user_id}", headers=eve.headers)
    assert left.status_code == 204
    assert slug(await auth.http.get(f"{WORKSPACES}/{workspace_id}", headers=eve.headers)) == "workspace-not-found"


async def test_two_owners_who_leave_at_once_do_not_both_succeed(auth: Auth) -> None:
    ada, bob = await auth.person(), await auth.person()
    for _ in range(5):
        workspace_id = (await create(auth, ada))["id"]
        await put_in(auth, workspace_id, bob, "owner")
        answers = await asyncio.gather(
            *(
                auth.http.delete(f"{WORKSPACES}/{workspace_id}/members/{one.user_id}", headers=one.headers)
                for one in (ada, bob)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [204, 409]
        document = await auth.database["workspaces"].find_one({"_id": workspace_id})
        assert document is not None
        assert [member["role"] for member in document["members"]] == ["owner"]


async def test_parallel_changes_of_one_workspace_all_take_effect(auth: Auth) -> None:
    ada = await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    url = f"{WORKSPACES}/{workspace_id}"
    answers = await asyncio.gather(
        *(auth.http.patch(url, json={"name": f"n{n}"}, headers=ada.headers) for n in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 10))


@pytest.mark.parametrize("position", [-1, 10_001, 2**31, 2**62])
async def test_a_forged_position_among_the_members_is_refused(auth: Auth, position: int) -> None:
    ada = await auth.person()
    workspace = (await auth.http.post(WORKSPACES, json={"name": "East"}, headers=ada.headers)).json()["id"]
    params = {"cursor": encode_cursor((position,))}

    answer = await auth.http.get(f"{WORKSPACES}/{workspace}/members", params=params, headers=ada.headers)

    assert (answer.status_code, answer.json()["slug"]) == (400, "invalid-cursor")
