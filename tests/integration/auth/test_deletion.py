"""The end of an account: announced, all or nothing, finished after any crash; and the copy of everything before."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.auth.accounts.deletion import Deletion
from services.auth.accounts.erasing import TOMBSTONE
from services.auth.accounts.views import Exported
from services.auth.main import build
from services.auth.workspaces.store_leaving import Leaving
from shared.contracts.auth import AccountChanged
from shared.plumbing.mongo import Database, Document
from shared.plumbing.state_relay import TOMBSTONE_AFTER, StateRelay
from tests.integration.auth.conftest import API, PASSWORD, Auth, Session, platform, settings, slug, started

EMAIL = "ada@example.com"


def deletion_of(auth: Auth) -> Deletion:
    """The worker behind the loop, to be moved by hand."""
    worker: Deletion = auth.service.worker_loops["erasing-sweep"].__self__  # type: ignore[attr-defined] # bound
    return worker


async def delete(auth: Auth, who: Session, confirm: str = EMAIL) -> httpx.Response:
    return await auth.http.post(f"{API}/me/deletion", json={"confirm": confirm}, headers=who.headers)


async def effects(auth: Auth, who: Session) -> dict[str, Any]:
    answer = await auth.http.get(f"{API}/me/deletion", headers=who.headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def room(auth: Auth, owner: Session, **others: tuple[Session, str]) -> str:
    """A local workspace of the owner's, with these others by the names of their roles."""
    made = await auth.http.post(f"{API}/workspaces", json={"name": "Ada's room"}, headers=owner.headers)
    workspace: str = made.json()["id"]
    for who, role in others.values():
        entry = {"user_id": who.user_id, "role": role}
        await auth.database["workspaces"].update_one({"_id": workspace}, {"$push": {"members": entry}})
    return workspace


async def workspace_of(auth: Auth, workspace: str) -> Document:
    found = await auth.database["workspaces"].find_one({"_id": workspace})
    assert found is not None
    return found


async def everything(auth: Auth) -> str:
    """All that the database holds, as text."""
    names = await auth.database.list_collection_names()
    return str([await auth.database[name].find().to_list() for name in names if name != "signing_keys"])


async def product_workspace(auth: Auth, subject: str) -> str:
    workspace = "a" * 24
    pushed = {
        "version": 1,
        "name": "Acme",
        "region": "eu",
        "plan": "FREE",
        "requires_two_factor": False,
        "active": True,
        "members": [{"subject": subject, "role": "owner"}],
    }
    answer = await auth.http.put(
        f"{API}/directory/acme/workspaces/{workspace}",
        json=pushed,
        headers={"Authorization": "Bearer acme-directory-token"},
    )
    assert answer.status_code == 200, answer.text
    return workspace


async def with_identity(auth: Auth, who: Session, subject: str) -> None:
    identity = {"provider": "acme", "sub": subject, "linked_at": auth.service.clock.now()}
    await auth.database["users"].update_one({"_id": who.user_id}, {"$set": {"identities": [identity]}})


async def test_nothing_of_the_person_is_left(auth: Auth) -> None:
    ada, bob = await auth.person(EMAIL), await auth.person("bob@example.com")
    await auth.http.patch(f"{API}/me", json={"display_name": "Ada Lovelace"}, headers=ada.headers)
    await with_identity(auth, ada, "ada-at-acme")
    product = await product_workspace(auth, "ada-at-acme")
    alone, shared = await room(auth, ada), await room(auth, ada, bob=(bob, "owner"))
    # A field of another release is the person's as well.
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"factor": {"secret": "stored:v1:x"}}})

    assert (await delete(auth, ada)).status_code == 204

    user = await auth.database["users"].find_one({"_id": ada.user_id})
    assert user is not None
    assert user.keys() <= TOMBSTONE
    assert (user["email"], user["display_name"]) == ("", "")
    assert user["state_marked_at"] is not None
    ended, kept, pushed = [await workspace_of(auth, one) for one in (alone, shared, product)]
    assert (ended["deleted_at"] is not None, ended["members"], ended["name"]) == (True, [], "")
    assert [one["user_id"] for one in kept["members"]] == [bob.user_id]
    assert pushed["members"] == [{"subject": "ada-at-acme", "role": "owner"}]  # the product's, not ours to change
    assert all(one["state_marked_at"] is not None for one in (ended, kept, pushed))
    assert await auth.database["sessions"].count_documents({"user_id": ada.user_id}) == 0
    assert await auth.database["security_events"].count_documents({"user_id": ada.user_id}) == 0
    text = await everything(auth)
    for trace in (EMAIL, "Lovelace", "stored:v1:x", PASSWORD):
        assert trace not in text


async def test_access_ends_with_the_account(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    assert (await delete(auth, ada)).status_code == 204
    refreshed = await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": ada.refresh_token})
    assert slug(refreshed) == "session-ended"
    logged_in = await auth.http.post(f"{API}/sessions", json={"email": EMAIL, "password": PASSWORD})
    assert slug(logged_in) == "credentials-wrong"
    for method, path, body in (
        ("GET", "/me", None),
        ("PATCH", "/me", {"display_name": "Back"}),
        ("POST", "/me/email", {"email": "ada@new.example"}),
        ("PUT", "/me/password", {"new_password": "another password"}),
        ("GET", "/me/export", None),
        ("GET", "/me/deletion", None),
        ("POST", "/me/deletion", {"confirm": EMAIL}),
    ):
        answer = await auth.http.request(method, f"{API}{path}", json=body, headers=ada.headers)
        assert (answer.status_code, slug(answer)) == (404, "account-not-found"), path
    assert "Back" not in await everything(auth)


async def test_the_address_is_free_for_a_new_account(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    await delete(auth, ada)
    again = await auth.person(EMAIL)
    assert again.user_id != ada.user_id
    assert await auth.events(EMAIL) == [("UserRegistered", "1"), ("UserVerified", "2")]
    assert (await delete(auth, again)).status_code == 204


async def test_mails_that_wait_are_not_sent_but_for_the_last_one(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    await auth.http.post(f"{API}/password-reset", json={"email": EMAIL})
    assert len(await auth.mails_of(ada.user_id)) == 2
    await delete(auth, ada)
    assert [mail[:2] for mail in await auth.mails_of(ada.user_id)] == [("account-deleted", EMAIL)]
    user = await auth.database["users"].find_one({"_id": ada.user_id})
    assert user is not None
    told = [entry["topic"] for entry in user["outbox"] if entry["topic"] != "auth.mail.v1"]
    assert told == ["auth.users.v1"] * 2  # what has happened is still told


async def test_the_effects_are_announced(auth: Auth) -> None:
    ada, bob = await auth.person(EMAIL), await auth.person("bob@example.com")
    await with_identity(auth, ada, "ada-at-acme")
    product = await product_workspace(auth, "ada-at-acme")
    alone, last = await room(auth, ada), await room(auth, ada, bob=(bob, "admin"))
    left, guest = await room(auth, ada, bob=(bob, "owner")), await room(auth, bob, ada=(ada, "member"))
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"roles": ["publisher"]}})

    told = await effects(auth, ada)

    named = {key: [one["id"] for one in value["first"]] for key, value in told.items() if isinstance(value, dict)}
    assert named["blocked_by"] == [last]
    assert named["deleted_workspaces"] == [alone]
    assert sorted(named["left_workspaces"]) == sorted([left, guest])
    assert named["product_workspaces"] == [product]
    assert named["left_without_admin"] == [product]
    assert (told["possible"], told["publisher"]) == (False, True)
    assert told["blocked_by"]["total"] == 1


async def test_the_last_owner_is_refused_and_nothing_has_happened(auth: Auth) -> None:
    ada, bob = await auth.person(EMAIL), await auth.person("bob@example.com")
    alone, last = await room(auth, ada), await room(auth, ada, bob=(bob, "admin"))
    refused = await delete(auth, ada)
    assert (refused.status_code, slug(refused)) == (409, "last-owner")
    assert refused.json()["workspaces"] == [{"id": last, "name": "Ada's room"}]
    assert (await workspace_of(auth, alone))["deleted_at"] is None
    assert (await auth.log_in(EMAIL)).user_id == ada.user_id
    assert (await auth.mails_of(ada.user_id))[-1][0] == "verify-email"

    path = f"{API}/workspaces/{last}/members/{bob.user_id}"
    assert (await auth.http.put(path, json={"role": "owner"}, headers=ada.headers)).status_code == 204
    assert (await delete(auth, ada)).status_code == 204


@pytest.mark.parametrize("confirm", ["bob@example.com", "ada@example.org"])
async def test_another_address_confirms_nothing(auth: Auth, confirm: str) -> None:
    ada = await auth.person(EMAIL)
    answer = await delete(auth, ada, confirm)
    assert (answer.status_code, slug(answer)) == (422, "confirmation-wrong")
    assert (await auth.http.get(f"{API}/me", headers=ada.headers)).status_code == 200


async def test_deleting_twice_at_once_is_deleting_once(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    await room(auth, ada)
    answers = await asyncio.gather(*(delete(auth, ada) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404]
    assert len(await auth.mails_of(ada.user_id)) == 1


async def test_two_owners_who_leave_at_once_leave_no_workspace_without_one(auth: Auth) -> None:
    ada, bob, carl = [await auth.person(email) for email in (EMAIL, "bob@example.com", "carl@example.com")]
    shared = await room(auth, ada, bob=(bob, "owner"), carl=(carl, "member"))
    answers = await asyncio.gather(delete(auth, ada), delete(auth, bob, "bob@example.com"))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    members = (await workspace_of(auth, shared))["members"]
    assert [one["role"] for one in members if one["role"] == "owner"] == ["owner"]
    assert len(members) == 2


async def test_a_crash_before_the_end_of_the_transaction_changes_nothing(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await auth.person(EMAIL)
    alone = await room(auth, ada)
    leave = Leaving.leave

    async def torn(leaving: Leaving, *given: Any) -> Any:
        await leave(leaving, *given)
        raise ConnectionResetError("the process ends here")

    monkeypatch.setattr(Leaving, "leave", torn)
    assert (await delete(auth, ada)).status_code == 500
    monkeypatch.undo()
    assert (await workspace_of(auth, alone))["deleted_at"] is None
    assert (await auth.http.get(f"{API}/me", headers=ada.headers)).json()["email"] == EMAIL
    assert (await delete(auth, ada)).status_code == 204


@pytest.mark.parametrize("step", range(3))
async def test_a_crash_after_any_step_is_finished_by_the_sweeper(
    auth: Auth, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    ada = await auth.person(EMAIL)
    await with_identity(auth, ada, "ada-at-acme")
    product = await product_workspace(auth, "ada-at-acme")
    worker = deletion_of(auth)
    steps = [worker._leaving.leave_behind, *worker._erasers]

    async def torn(*_: Any) -> None:
        raise ConnectionResetError("the process ends here")

    if step == 0:
        monkeypatch.setattr(worker._leaving, "leave_behind", torn)
    else:
        monkeypatch.setattr(worker, "_erasers", (*worker._erasers[: step - 1], torn, *worker._erasers[step:]))
    assert len(steps) == 3
    # The account is gone already, so this is no failure to whoever asked.
    assert (await delete(auth, ada)).status_code == 204
    monkeypatch.undo()
    assert await auth.database["users"].count_documents({"_id": ada.user_id, "erase_at": {"$type": "date"}}) == 1

    assert await worker.sweep_once() == 1

    assert "user_id" not in (await workspace_of(auth, product))["members"][0]
    assert await auth.database["sessions"].count_documents({"user_id": ada.user_id}) == 0
    assert await auth.database["security_events"].count_documents({"user_id": ada.user_id}) == 0
    assert await worker.sweep_once() == 0


async def test_what_an_access_token_did_after_the_end_is_erased_when_it_has_ended(auth: Auth) -> None:
    ada, bob, carl = [await auth.person(email) for email in (EMAIL, "bob@example.com", "carl@example.com")]
    await delete(auth, ada)
    # Straight into the database, as two processes that meet would leave it.
    late, joined = await room(auth, bob), await room(auth, bob, carl=(carl, "admin"))
    for workspace, members in ((late, []), (joined, [{"user_id": carl.user_id, "role": "admin"}])):
        owner = {"user_id": ada.user_id, "role": "owner"}
        await auth.database["workspaces"].update_one({"_id": workspace}, {"$set": {"members": [owner, *members]}})
    worker = deletion_of(auth)
    assert await worker.sweep_once() == 0
    user = await auth.database["users"].find_one({"_id": ada.user_id})
    assert user is not None
    assert user["erase_at"] == user["deleted_at"] + timedelta(seconds=360)
    past = {name: user[name] - timedelta(seconds=361) for name in ("erase_at", "deleted_at")}
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": past})

    assert await worker.sweep_once() == 1

    assert (await workspace_of(auth, late))["deleted_at"] is not None
    assert (await workspace_of(auth, joined))["members"] == [{"user_id": carl.user_id, "role": "owner"}]
    assert "erase_at" not in (await auth.database["users"].find_one({"_id": ada.user_id}) or {})
    assert await worker.sweep_once() == 0


async def test_who_is_gone_makes_no_workspace_with_a_token_that_is_left(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    assert (await delete(auth, ada)).status_code == 204
    made = await auth.http.post(f"{API}/workspaces", json={"name": "Late"}, headers=ada.headers)
    assert (made.status_code, made.json()["slug"]) == (404, "account-not-found")
    assert await auth.database["workspaces"].count_documents({"name": "Late"}) == 0


async def test_every_service_hears_of_the_end_and_a_week_later_the_topic_forgets(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    await delete(auth, ada)
    user = await auth.database["users"].find_one({"_id": ada.user_id})
    assert user is not None
    relay = auth.service.states[0]
    envelope = relay._render(user)
    assert envelope.data == AccountChanged(user_id=ada.user_id, version=user["version"], deleted=True)
    now = auth.service.clock.now()
    record = StateRelay._record(user, envelope, now)
    assert record.value is not None
    assert EMAIL.encode() not in record.value
    week_old = user | {"deleted_at": now - TOMBSTONE_AFTER - timedelta(seconds=1)}
    tombstone = StateRelay._record(week_old, relay._render(week_old), now)
    assert (tombstone.key, tombstone.value) == (ada.user_id.encode(), None)


async def test_a_person_reads_everything_that_is_kept_and_no_secret(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    other = await auth.log_in(EMAIL)
    await with_identity(auth, ada, "ada-at-acme")
    product, own = await product_workspace(auth, "ada-at-acme"), await room(auth, ada)
    await auth.http.post(f"{API}/password-reset", json={"email": EMAIL})
    await auth.http.post(f"{API}/me/email", json={"email": "ada@new.example"}, headers=ada.headers)

    answer = await auth.http.get(f"{API}/me/export", headers=ada.headers)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "attachment" in answer.headers["content-disposition"]
    told = Exported.model_validate_json(answer.content)
    assert answer.json().keys() == Exported.model_fields.keys()
    assert (told.account.email, told.account.has_password) == (EMAIL, True)
    assert [one["sub"] for one in told.identities] == ["ada-at-acme"]
    assert {one["id"] for one in told.sessions} == {ada.session_id, other.session_id}
    assert [one["kind"] for one in told.security_log] == [
        "email-change-asked",
        "password-reset-asked",
        *("session-opened", "session-opened"),
        "email-verified",
    ]
    assert [(one["id"], one["role"]) for one in told.workspaces] == sorted([(product, "owner"), (own, "owner")])
    user = await auth.user(EMAIL)
    for secret in (user["password"], *(one["hash"] for one in user["mailed"]), "sealed:", "$argon2"):
        assert secret not in answer.text
    assert "ada@new.example" not in answer.text  # what is not proven is its mailbox's to tell
    for name, path in told.elsewhere.items():
        assert path.startswith("/api/"), name


async def test_the_export_of_a_long_life_is_whole(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    now = auth.service.clock.now()
    rows = [
        {"_id": f"{number:024x}", "user_id": ada.user_id, "at": now, "kind": "some-event", "details": {}}
        for number in range(3_000)
    ]
    await auth.database["security_events"].insert_many(rows)
    answer = await auth.http.get(f"{API}/me/export", headers=ada.headers)
    assert len(json.loads(answer.content)["security_log"]) == 3_002


async def test_exports_are_limited_per_account(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, exports_per_hour=2))
    async for auth in started(service, database):
        ada, bob = await auth.person(EMAIL), await auth.person("bob@example.com")
        answers = [await auth.http.get(f"{API}/me/export", headers=ada.headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert (await auth.http.get(f"{API}/me/export", headers=bob.headers)).status_code == 200
