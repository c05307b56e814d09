"""Transfer, archive, deletion, the 2FA rule, and where to add a workspace."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.auth.main import build
from shared.plumbing.mongo import Database
from tests.integration.auth.conftest import API, Auth, Session, platform, settings, slug, started
from tests.integration.auth.test_invites import events_of, members
from tests.integration.auth.test_workspaces import WORKSPACES, create, put_in

ROUTES: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("POST", "/transfer", {"user_id": "b" * 24}),
    ("POST", "/archive", None),
    ("POST", "/restore", None),
    ("GET", "/deletion", None),
    ("DELETE", "", None),
    ("POST", "/invites", {"email": "x@example.com"}),
    ("GET", "/invites", None),
    ("POST", "/invites/abc/resend", None),
    ("DELETE", "/invites/abc", None),
)


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_every_route_is_closed_to_strangers_and_to_plain_members(
    auth: Auth, method: str, path: str, body: dict[str, Any] | None
) -> None:
    ada, eve, mia = await auth.person(), await auth.person(), await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    await put_in(auth, workspace_id, mia, "member")

    async def ask(who: Session, there: str) -> tuple[int, dict[str, Any]]:
        answer = await auth.http.request(method, f"{WORKSPACES}/{there}{path}", json=body, headers=who.headers)
        document = answer.json()
        return answer.status_code, {name: document.get(name) for name in ("slug", "title", "detail")}

    status, hidden = await ask(eve, workspace_id)
    assert (status, hidden["slug"]) == (404, "workspace-not-found")
    assert (status, hidden) == await ask(eve, "0" * 24)
    assert (status, hidden) == await ask(eve, "nonsense")
    status, refused = await ask(mia, workspace_id)
    assert (status, refused["slug"]) == (403, "not-admin")
    pushed = {"$set": {"provider": "acme", "directory_version": 1}}
    await auth.database["workspaces"].update_one({"_id": workspace_id}, pushed)
    status, owned = await ask(ada, workspace_id)
    assert (status, owned["slug"]) == (409, "workspace-owned-by-product")


async def test_the_owner_gives_it_away_and_can_leave_then(auth: Auth) -> None:
    ada, bob = await auth.person(), await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    await put_in(auth, workspace_id, bob, "member")
    url, me = f"{WORKSPACES}/{workspace_id}", f"{WORKSPACES}/{workspace_id}/members/{ada.user_id}"

    stays = await auth.http.delete(me, headers=ada.headers)
    assert (stays.status_code, slug(stays)) == (409, "last-owner")
    assert stays.json()["transfer"] == f"{url}/transfer"
    given = await auth.http.post(stays.json()["transfer"], json={"user_id": bob.user_id}, headers=ada.headers)
    assert (given.status_code, given.json()["role"]) == (200, "admin")
    assert await members(auth, workspace_id) == {ada.user_id: "admin", bob.user_id: "owner"}
    assert (await auth.http.delete(me, headers=ada.headers)).status_code == 204
    assert await events_of(auth, ada) == ["workspace-ownership-transferred", "workspace-left"]
    assert await events_of(auth, bob) == ["workspace-ownership-transferred"]


async def test_a_transfer_to_somebody_who_leaves_meanwhile_never_loses_the_owner(auth: Auth) -> None:
    ada, bob = await auth.person(), await auth.person()
    for _ in range(5):
        workspace_id = (await create(auth, ada))["id"]
        await put_in(auth, workspace_id, bob, "member")
        url = f"{WORKSPACES}/{workspace_id}"
        transfer, leave = await asyncio.gather(
            auth.http.post(f"{url}/transfer", json={"user_id": bob.user_id}, headers=ada.headers),
            auth.http.delete(f"{url}/members/{bob.user_id}", headers=bob.headers),
        )
        assert sorted((transfer.status_code, leave.status_code)) in ([200, 409], [204, 404])
        assert "owner" in (await members(auth, workspace_id)).values()


async def test_archived_restored_archived_deleted(auth: Auth) -> None:
    ada, bob = await auth.person(), await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    await put_in(auth, workspace_id, bob, "member")
    url = f"{WORKSPACES}/{workspace_id}"
    invite = {"email": "x@example.com"}
    assert (await auth.http.post(f"{url}/invites", json=invite, headers=ada.headers)).status_code == 201

    early = await auth.http.delete(url, headers=ada.headers)
    assert (early.status_code, slug(early)) == (409, "workspace-not-archived")
    for path, active in (("archive", False), ("archive", False), ("restore", True), ("archive", False)):
        answer = await auth.http.post(f"{url}/{path}", headers=ada.headers)
        assert (answer.status_code, answer.json()["active"]) == (200, active)
        seen = (await auth.http.get(url, headers=bob.headers)).json()
        assert (seen["active"], seen["can"]) == (active, ["leave"])
    assert slug(await auth.http.post(f"{url}/invites", json=invite, headers=ada.headers)) == "workspace-archived"
    effects = (await auth.http.get(f"{url}/deletion", headers=ada.headers)).json()
    assert effects == {
        "members": 2,
        "open_invites": 1,
        "must_archive_first": False,
        "installations": f"/api/installer/v1/installations?workspace={workspace_id}",
    }
    assert (await auth.http.delete(url, headers=ada.headers)).status_code == 204
    for gone in (await auth.http.get(url, headers=ada.headers), await auth.http.delete(url, headers=ada.headers)):
        assert (gone.status_code, slug(gone)) == (404, "workspace-not-found")
    stored = await auth.database["workspaces"].find_one({"_id": workspace_id}, {"outbox": 0})
    assert stored is not None
    assert (stored["members"], stored["invites"], stored["name"]) == ([], [], "")
    assert stored["state_marked_at"] is not None
    assert (await events_of(auth, ada))[-1] == "workspace-deleted"


async def test_what_endangers_a_workspace_asks_for_a_fresh_proof(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, fresh_seconds=30))
    async for auth in started(service, database):
        ada = await auth.person()
        workspace_id = (await create(auth, ada))["id"]
        long_ago = auth.service.clock.now() - timedelta(hours=1)
        await database["sessions"].update_many({}, {"$set": {"proved_at": long_ago}})
        answer = await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": ada.refresh_token})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        for method, path, body in ROUTES[:2] + ROUTES[4:5]:
            url = f"{WORKSPACES}/{workspace_id}{path}"
            refused = await auth.http.request(method, url, json=body, headers=headers)
            assert (refused.status_code, slug(refused)) == (403, "step-up-required")


async def test_the_rule_is_made_and_lifted_only_with_a_second_factor_of_ones_own(auth: Auth) -> None:
    ada = await auth.person()
    url = f"{WORKSPACES}/{(await create(auth, ada))['id']}"
    on, off = {"requires_two_factor": True}, {"requires_two_factor": False}
    refused = await auth.http.patch(url, json={"name": "Safe", **on}, headers=ada.headers)
    assert (refused.status_code, slug(refused)) == (409, "two-factor-off")
    assert (await auth.http.get(url, headers=ada.headers)).json()["name"] == "Ada's"
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"vouched_by": "a product"}})
    assert (await auth.http.patch(url, json=on, headers=ada.headers)).json()["requires_two_factor"] is True
    bob = await auth.person()
    await put_in(auth, url.rpartition("/")[2], bob, "admin")
    locked_out = await auth.http.patch(url, json=off, headers=bob.headers)
    assert (locked_out.status_code, slug(locked_out)) == (409, "two-factor-off")
    assert (await auth.http.patch(url, json=off, headers=ada.headers)).json()["requires_two_factor"] is False


async def test_roles_that_change_are_in_the_log_of_whom_they_concern(auth: Auth) -> None:
    ada, bob = await auth.person(), await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    await put_in(auth, workspace_id, bob, "member")
    member = f"{WORKSPACES}/{workspace_id}/members/{bob.user_id}"
    for _ in range(2):  # the second time it is the same, and no news
        assert (await auth.http.put(member, json={"role": "admin"}, headers=ada.headers)).status_code == 204
    assert (await auth.http.delete(member, headers=ada.headers)).status_code == 204
    assert await events_of(auth, bob) == ["workspace-role-changed", "workspace-removed-from"]
    found = await auth.database["security_events"].find_one({"kind": "workspace-role-changed"})
    assert found is not None
    assert found["details"] == {
        "workspace_id": workspace_id,
        "workspace": "Ada's",
        "role": "admin",
        "by": ada.user_id,
    }


async def test_where_to_add_a_workspace(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    url = f"{WORKSPACES}/ways-to-add"
    plain = (await auth.http.get(url, headers=ada.headers)).json()
    assert plain == {"local": {"create": WORKSPACES, "regions": []}, "products": [], "back": None}
    identity = {"provider": "acme", "sub": "s1", "linked_at": auth.service.clock.now()}
    gone = {**identity, "provider": "gone"}
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"identities": [identity, gone]}})
    params = {"return_to": "/addons/timer/install?workspace=old"}
    full = (await auth.http.get(url, params=params, headers=ada.headers)).json()
    assert full["products"] == [
        {
            "provider": "acme",
            "label": "Acme",
            "product": "acme",
            "region": "eu",
            "create_workspace_url": "https://acme.example/new",
        }
    ]
    assert full["back"] == "/addons/timer/install?workspace={id}"
    for evil in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"):
        answer = await auth.http.get(url, params={"return_to": evil}, headers=ada.headers)
        assert (answer.status_code, slug(answer)) == (422, "return-to-refused")
    assert (await auth.http.get(url)).status_code == 401


async def test_what_the_operator_allows(database: Database, mongo_url: str) -> None:
    fields = {"mongo_database": database.name, "regions": ["eu", "us"]}
    async for auth in started(build(platform(mongo_url), settings(**fields)), database):
        ada = await auth.person()
        refused = await auth.http.post(WORKSPACES, json={"name": "x", "region": "mars"}, headers=ada.headers)
        assert (refused.status_code, slug(refused), refused.json()["regions"]) == (422, "region-unknown", ["eu", "us"])
        await create(auth, ada, region="eu")
        async for closed in started(build(platform(mongo_url), settings(**fields, local_workspaces=False)), database):
            answer = await closed.http.post(WORKSPACES, json={"name": "x"}, headers=ada.headers)
            assert (answer.status_code, slug(answer)) == (403, "local-workspaces-off")
            assert (await closed.http.get(answer.json()["ways_to_add"], headers=ada.headers)).json()["local"] is None


async def test_the_workspaces_of_a_busy_person(auth: Auth) -> None:
    ada = await auth.person()
    workspace_id = (await create(auth, ada))["id"]
    one = await auth.database["workspaces"].find_one({"_id": workspace_id})
    assert one is not None
    many = [{**one, "_id": f"{n:024x}", "provider": "acme" if n % 2 else None, "name": f"w{n}"} for n in range(1, 500)]
    await auth.database["workspaces"].insert_many(many)
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while not found or cursor:
        params: dict[str, str | int] = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = (await auth.http.get(WORKSPACES, params=params, headers=ada.headers)).json()
        found, cursor = found + page["items"], page["next"]
    assert len({row["id"] for row in found}) == 500
    assert {row["provider_label"] for row in found} == {"Acme", None}
    assert {"transfer" in row["can"] for row in found if row["provider"]} == {False}


async def test_nobody_changes_things_without_end(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name))
    async for auth in started(service, database):
        ada, bob = await auth.person(), await auth.person()
        here = f"{WORKSPACES}/{(workspace_id := (await create(auth, ada))['id'])}"
        await put_in(auth, workspace_id, bob, "member")
        strict = build(platform(mongo_url), settings(mongo_database=database.name, changes_per_hour=1))
        async for limited in started(strict, database):
            first = await limited.http.patch(f"{API}/me", json={"display_name": "Ada"}, headers=ada.headers)
            assert first.status_code == 200
            for method, url, body in (
                ("PATCH", f"{API}/me", {"display_name": "Eve"}),
                ("DELETE", f"{API}/sessions?except=current", None),
                ("PATCH", here, {"name": "Another"}),
                ("PUT", f"{here}/members/{bob.user_id}", {"role": "admin"}),
                ("DELETE", f"{here}/members/{bob.user_id}", None),
                ("POST", f"{here}/archive", None),
                ("POST", f"{here}/restore", None),
            ):
                answer = await limited.http.request(method, url, json=body, headers=ada.headers)
                assert (answer.status_code, slug(answer)) == (429, "too-many-requests"), (method, url)
