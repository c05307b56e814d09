"""A product pushes its workspaces: whole, versioned, and before or after their members log in."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.auth.accounts.links import Links
from services.auth.accounts.mails import Mails
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, Identity
from services.auth.login.product_accounts import Newcomer, ProductAccounts
from services.auth.workspaces.membership import Membership
from services.auth.workspaces.rules import state_of
from services.auth.workspaces.store import Workspaces
from shared.plumbing.mongo import Document
from shared.plumbing.sealing import Sealer
from tests.integration.auth.conftest import API, PUBLIC_URL, SEALING, Auth, Session, slug

ID = "64a000000000000000000001"
TOKEN = {"Authorization": "Bearer acme-directory-token"}
OTHER = {"Authorization": "Bearer other-directory-token"}
CAUSE = Cause("test")


def workspace(**fields: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "Acme HQ",
        "region": "eu",
        "plan": "PRO",
        "requires_two_factor": False,
        "active": True,
        "members": [{"subject": "ada", "role": "owner"}, {"subject": "bob", "role": "member"}],
    } | fields


async def push(auth: Auth, headers: dict[str, str] = TOKEN, provider: str = "acme", **fields: Any) -> httpx.Response:
    url = f"{API}/directory/{provider}/workspaces/{ID}"
    return await auth.http.put(url, json=workspace(**fields), headers=headers)


async def pushed(auth: Auth, **fields: Any) -> dict[str, Any]:
    answer = await push(auth, **fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def stored(auth: Auth) -> Document:
    found = await auth.database["workspaces"].find_one({"_id": ID})
    assert found is not None
    return found


def people(auth: Auth) -> ProductAccounts:
    """What the callback of a log-in uses."""
    membership, users = membership_of(auth)
    clock = auth.service.clock
    links = Links(Mails(Sealer(SEALING), PUBLIC_URL), clock, timedelta(hours=1))
    return ProductAccounts(users, membership, links, clock, passwords=True, quiet_seconds=0)


def membership_of(auth: Auth) -> tuple[Membership, Users]:
    clock, (user_states, workspace_states) = auth.service.clock, auth.service.states
    users = Users(auth.database, clock, user_states, auth.service.outboxes[0])
    workspaces = Workspaces(auth.database, clock, workspace_states)
    return Membership(users, workspaces, ["acme", "other"], clock), users


async def arrive(auth: Auth, sub: str, provider: str = "acme") -> Account:
    """Somebody logs in with the product, whose word on the address counts."""
    identity = Identity(provider=provider, sub=sub, linked_at=auth.service.clock.now())
    newcomer = Newcomer(identity, f"{sub}@acme.example", sub.title(), "en", proven=True)
    return await people(auth).arrive(newcomer, CAUSE, None, lambda: None)


async def roles(auth: Auth) -> dict[str, str]:
    """User id -> role, as the other services will hear it."""
    state = state_of(await stored(auth))
    return {one.user_id: str(one.role) for one in state.admins} | dict.fromkeys(state.members, "member")


async def test_a_push_makes_the_workspace(auth: Auth) -> None:
    assert await pushed(auth) == {"applied": True, "version": 1}
    document = await stored(auth)
    assert (document["name"], document["plan"], document["provider"], document["product"]) == (
        "Acme HQ",
        "PRO",
        "acme",
        "acme",
    )
    assert document["members"] == [{"subject": "ada", "role": "owner"}, {"subject": "bob", "role": "member"}]
    assert "unresolved_at" not in document
    assert document["state_marked_at"] is not None


async def test_only_what_is_newer_counts(auth: Auth) -> None:
    await pushed(auth, version=5)
    before = await stored(auth)
    assert await pushed(auth, version=5) == {"applied": False, "version": 5}
    assert await pushed(auth, version=4, name="Old") == {"applied": False, "version": 5}
    reordered = list(reversed(workspace()["members"]))
    assert await pushed(auth, version=5, members=reordered) == {"applied": False, "version": 5}
    assert await stored(auth) == before
    assert await pushed(auth, version=6, name="New") == {"applied": True, "version": 6}
    assert (await stored(auth))["name"] == "New"


async def test_one_version_has_one_content(auth: Auth) -> None:
    await pushed(auth, version=5)
    answer = await push(auth, version=5, name="Another")
    assert (answer.status_code, slug(answer)) == (409, "directory-version-conflict")
    assert (await stored(auth))["name"] == "Acme HQ"


async def test_a_product_touches_only_its_own(auth: Auth) -> None:
    await pushed(auth)
    answer = await push(auth, OTHER, "other", version=9)
    assert (answer.status_code, slug(answer)) == (409, "workspace-owned-elsewhere")
    gone = await auth.http.delete(f"{API}/directory/other/workspaces/{ID}", headers=OTHER)
    assert (gone.status_code, slug(gone)) == (409, "workspace-owned-elsewhere")
    someone = await auth.person()
    local = (await auth.http.post(f"{API}/workspaces", json={"name": "Local"}, headers=someone.headers)).json()["id"]
    url = f"{API}/directory/acme/workspaces/{local}"
    assert slug(await auth.http.put(url, json=workspace(version=9), headers=TOKEN)) == "workspace-owned-elsewhere"
    assert slug(await auth.http.delete(url, headers=TOKEN)) == "workspace-owned-elsewhere"


@pytest.mark.parametrize(
    ("headers", "provider"),
    [
        ({}, "acme"),
        (OTHER, "acme"),
        (TOKEN, "other"),
        (TOKEN, "nobody"),
        ({"Authorization": "Bearer "}, "acme"),
        ({"Authorization": "Bearer acme-directory-toke"}, "acme"),
        ({"Authorization": "Basic acme-directory-token"}, "acme"),
    ],
)
async def test_only_the_products_own_token_opens_its_directory(
    auth: Auth, headers: dict[str, str], provider: str
) -> None:
    answer = await push(auth, headers, provider)
    assert (answer.status_code, slug(answer)) == (401, "directory-token-invalid")
    url = f"{API}/directory/{provider}/workspaces/{ID}"
    assert slug(await auth.http.delete(url, headers=headers)) == "directory-token-invalid"


@pytest.mark.parametrize("body", ["{", "[]", '{"version": 0}', ""])
async def test_a_stranger_hears_nothing_about_the_body(auth: Auth, body: str) -> None:
    url, kind = f"{API}/directory/acme/workspaces/{ID}", {"Content-Type": "application/json"}
    refused = await auth.http.put(url, content=body, headers=OTHER | kind)
    assert (refused.status_code, slug(refused)) == (401, "directory-token-invalid")
    assert (await auth.http.put(url, content=body, headers=TOKEN | kind)).status_code in (400, 422)


async def test_a_users_token_opens_no_directory(auth: Auth) -> None:
    operator = await auth.operator()
    assert slug(await push(auth, operator.headers)) == "directory-token-invalid"


@pytest.mark.parametrize("workspace_id", ["x", "64A000000000000000000001", "64a00000000000000000000", "a" * 25])
async def test_ids_have_the_wire_contracts_form(auth: Auth, workspace_id: str) -> None:
    url = f"{API}/directory/acme/workspaces/{workspace_id}"
    answer = await auth.http.put(url, json=workspace(), headers=TOKEN)
    assert (answer.status_code, slug(answer)) == (422, "workspace-id-invalid")


@pytest.mark.parametrize(
    "fields",
    [
        *({"version": 0}, {"version": -1}, {"version": "1"}, {"version": 1.5}, {"version": True}, {"version": 2**53}),
        *(
            {"name": ""},
            {"name": None},
            {"region": "EU!"},
            {"plan": "GOLD"},
            {"active": "maybe"},
            {"active": 1},
            {"owner": "eve"},
        ),
        *({"members": None}, {"members": {}}, {"members": ["ada"]}, {"members": [{"subject": "ada"}]}),
        *({"members": [{"subject": "", "role": "owner"}]}, {"members": [{"subject": "a", "role": "king"}]}),
        {"members": [{"subject": "a", "role": "owner"}, {"subject": "a", "role": "member"}]},
        {"members": [{"subject": "a", "role": "owner", "user_id": "f" * 24}]},
        {"members": [{"subject": "a\x00b", "role": "owner"}]},
        {"members": [{"subject": f"s{n}", "role": "member"} for n in range(10_001)]},
    ],
    ids=lambda fields: str(fields)[:40],
)
async def test_pushes_that_make_no_sense_are_refused(auth: Auth, fields: dict[str, Any]) -> None:
    answer = await push(auth, **fields)
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    assert await auth.database["workspaces"].count_documents({}) == 0


@pytest.mark.parametrize("missing", sorted(workspace()))
async def test_a_push_is_the_whole_state(auth: Auth, missing: str) -> None:
    body = {name: value for name, value in workspace().items() if name != missing}
    answer = await auth.http.put(f"{API}/directory/acme/workspaces/{ID}", json=body, headers=TOKEN)
    assert [(error["field"], error["rule"]) for error in answer.json()["errors"]] == [(missing, "missing")]


async def test_members_who_have_an_account_are_members_at_once(auth: Auth) -> None:
    ada = await arrive(auth, "ada")
    await pushed(auth)
    assert await roles(auth) == {ada.id: "owner"}


async def test_members_without_an_account_are_members_from_their_first_log_in_on(auth: Auth) -> None:
    await pushed(auth)
    version = (await stored(auth))["version"]
    await auth.database["workspaces"].update_one({"_id": ID}, {"$unset": {"state_marked_at": ""}})
    ada = await arrive(auth, "ada")
    assert await roles(auth) == {ada.id: "owner"}
    document = await stored(auth)
    assert document["version"] == version + 1
    assert document["state_marked_at"] is not None
    assert document["cause"] == CAUSE.document()
    user = await auth.database["users"].find_one({"_id": ada.id})
    assert user is not None
    assert "identities_changed_at" not in user
    assert (await arrive(auth, "ada")).id == ada.id
    assert (await stored(auth))["version"] == version + 1


async def test_the_same_subject_at_another_product_is_somebody_else(auth: Auth) -> None:
    await pushed(auth)
    await arrive(auth, "ada", "other")
    assert await roles(auth) == {}


async def test_members_that_a_push_no_longer_names_are_out(auth: Auth) -> None:
    ada, bob = await arrive(auth, "ada"), await arrive(auth, "bob")
    await pushed(auth)
    assert await roles(auth) == {ada.id: "owner", bob.id: "member"}
    await pushed(auth, version=2, members=[{"subject": "bob", "role": "admin"}])
    assert await roles(auth) == {bob.id: "admin"}


async def test_an_identity_that_is_taken_away_takes_its_roles_along(auth: Auth) -> None:
    ada = await arrive(auth, "ada")
    await pushed(auth)
    fields = {"identities": [], "identities_changed_at": auth.service.clock.now() - timedelta(minutes=1)}
    await auth.database["users"].update_one({"_id": ada.id}, {"$set": fields})
    membership, _ = membership_of(auth)
    assert await membership.sweep_once() == 1
    assert await roles(auth) == {}
    assert await membership.sweep_once() == 0


async def test_what_a_crash_left_between_push_and_look_is_swept(auth: Auth) -> None:
    ada = await arrive(auth, "ada")
    await pushed(auth)
    past = auth.service.clock.now() - timedelta(minutes=1)
    bare = [{"subject": "ada", "role": "owner"}]
    await auth.database["workspaces"].update_one({"_id": ID}, {"$set": {"members": bare, "unresolved_at": past}})
    membership, _ = membership_of(auth)
    assert await membership.sweep_once() == 1
    assert await roles(auth) == {ada.id: "owner"}
    assert "unresolved_at" not in await stored(auth)


async def test_pushes_and_first_log_ins_side_by_side_agree_in_the_end(auth: Auth) -> None:
    names = [f"p{number}" for number in range(12)]
    members = [{"subject": name, "role": "admin"} for name in names]
    steps: list[Any] = [lambda name=name: arrive(auth, name) for name in names]
    steps += [lambda version=version: push(auth, version=version, members=members) for version in range(1, 9)]
    random.Random(7).shuffle(steps)  # noqa: S311 - an order, not a secret
    results = await asyncio.gather(*(step() for step in steps))
    accounts = {one.id for one in results if isinstance(one, Account)}
    assert {one.status_code for one in results if isinstance(one, httpx.Response)} == {200}
    assert len(accounts) == 12
    assert await roles(auth) == dict.fromkeys(accounts, "admin")
    assert (await stored(auth))["directory_version"] == 8
    assert "unresolved_at" not in await stored(auth)


async def test_one_push_many_times_in_parallel_is_applied_once(auth: Auth) -> None:
    answers = await asyncio.gather(*(push(auth, version=3) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json()["applied"] for answer in answers].count(True) == 1


async def test_ten_thousand_members(auth: Auth) -> None:
    members = [{"subject": f"subject-{n:05}-{'x' * 36}", "role": "admin"} for n in range(10_000)]
    ada = await arrive(auth, "ada")
    members[9_999] = {"subject": "ada", "role": "owner"}
    assert await pushed(auth, members=members) == {"applied": True, "version": 1}
    assert await roles(auth) == {ada.id: "owner"}
    bob = await arrive(auth, members[4_711]["subject"])
    assert await roles(auth) == {ada.id: "owner", bob.id: "admin"}


async def test_pushed_workspaces_are_read_only_here(auth: Auth) -> None:
    ada = await arrive(auth, "ada")
    await pushed(auth)
    headers = await token_of(auth, ada)
    seen = (await auth.http.get(f"{API}/workspaces/{ID}", headers=headers)).json()
    assert (seen["role"], seen["read_only"], seen["provider"]) == ("owner", True, "acme")
    url = f"{API}/workspaces/{ID}"
    answers = [
        await auth.http.patch(url, json={"name": "Mine"}, headers=headers),
        await auth.http.put(f"{url}/members/{ada.id}", json={"role": "member"}, headers=headers),
        await auth.http.delete(f"{url}/members/{ada.id}", headers=headers),
    ]
    for answer in answers:
        assert (answer.status_code, slug(answer)) == (409, "workspace-owned-by-product")
    operator = await auth.operator()
    patched = await auth.http.patch(f"{API}/operator/workspaces/{ID}", json={"plan": "FREE"}, headers=operator.headers)
    assert slug(patched) == "workspace-owned-by-product"
    rows = (await auth.http.get(f"{url}/members", headers=headers)).json()["items"]
    assert [(row["user_id"], row["subject"], row["display_name"]) for row in rows] == [
        (ada.id, "ada", "Ada"),
        (None, "bob", ""),
    ]


async def token_of(auth: Auth, account: Account) -> dict[str, str]:
    """An access token without the way through a provider: a password, set behind the scenes."""
    hashed = (await auth.person()).user_id
    password = await auth.database["users"].find_one({"_id": hashed}, {"password": 1})
    assert password is not None
    await auth.database["users"].update_one({"_id": account.id}, {"$set": {"password": password["password"]}})
    session: Session = await auth.log_in(account.email)
    return session.headers


async def test_a_withdrawn_workspace_is_gone_and_comes_back_by_a_higher_version(auth: Auth) -> None:
    ada = await arrive(auth, "ada")
    await pushed(auth, version=5)
    url = f"{API}/directory/acme/workspaces/{ID}"
    old = await auth.http.delete(url, params={"version": 4}, headers=TOKEN)
    assert old.json() == {"applied": False, "version": 5}
    gone = await auth.http.delete(url, params={"version": 6}, headers=TOKEN)
    assert gone.json() == {"applied": True, "version": 6}
    again = await auth.http.delete(url, headers=TOKEN)
    assert again.json() == {"applied": False, "version": 6}
    headers = await token_of(auth, ada)
    assert slug(await auth.http.get(f"{API}/workspaces/{ID}", headers=headers)) == "workspace-not-found"
    assert (await auth.http.get(f"{API}/workspaces", headers=headers)).json()["items"] == []
    assert state_of(await stored(auth)).deleted
    assert await pushed(auth, version=5) == {"applied": False, "version": 6}
    assert await pushed(auth, version=7) == {"applied": True, "version": 7}
    assert (await auth.http.get(f"{API}/workspaces/{ID}", headers=headers)).json()["role"] == "owner"
    unknown = await auth.http.delete(f"{API}/directory/acme/workspaces/{'f' * 24}", headers=TOKEN)
    assert (unknown.status_code, slug(unknown)) == (404, "workspace-not-found")
