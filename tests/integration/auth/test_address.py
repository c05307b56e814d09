"""Another address: asked for, made so by who reads the new mailbox, and taken back by who reads the old one."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.auth.main import build
from shared.plumbing.mongo import Database
from tests.integration.auth.conftest import API, PASSWORD, PUBLIC_URL, Auth, Session, platform, settings, slug, started
from tests.integration.auth.second_factor import protect

CONFIRM, UNDO = f"{API}/email-change/link", f"{API}/email-change/undo"


async def ask(auth: Auth, who: Session, email: str) -> httpx.Response:
    return await auth.http.post(f"{API}/me/email", json={"email": email}, headers=who.headers)


async def use(auth: Auth, path: str, token: str) -> httpx.Response:
    return await auth.http.post(path, json={"token": token})


async def me(auth: Auth, who: Session) -> dict[str, Any]:
    answer = await auth.http.get(f"{API}/me", headers=who.headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def refreshed(auth: Auth, who: Session) -> int:
    answer = await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": who.refresh_token})
    return answer.status_code


async def test_the_address_changes_when_the_link_to_the_new_one_is_used(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    answer = await ask(auth, ada, "Ada@New.example")
    assert (answer.status_code, answer.json()) == (202, {"status": "check-your-mail"})
    assert (await me(auth, ada))["email"] == "ada@example.com"
    assert [mail[:2] for mail in (await auth.mails_of(ada.user_id))[1:]] == [
        ("email-change", "Ada@new.example"),
        ("email-change-asked", "ada@example.com"),
    ]
    before = await auth.user("ada@example.com")

    assert (await use(auth, CONFIRM, await auth.link(ada.user_id, "email-change"))).json() == {"done": True}

    now = await me(auth, ada)
    assert (now["email"], now["verified"]) == ("Ada@new.example", True)
    after = await auth.user("ada@new.example")
    assert after["verified_at"] == before["verified_at"]
    assert after["state_marked_at"] > before["state_marked_at"]  # the sealed address goes out anew
    assert (await auth.mails_of(ada.user_id))[-1][:2] == ("email-changed", "ada@example.com")
    assert await auth.events("ada@new.example") == [("UserRegistered", "1"), ("UserVerified", "2")]
    assert await auth.log_of(ada.user_id) == ["email-verified", "email-change-asked", "email-changed"]
    assert await refreshed(auth, ada) == 200
    assert (await auth.log_in("ada@new.example")).user_id == ada.user_id
    old = await auth.http.post(f"{API}/sessions", json={"email": "ada@example.com", "password": PASSWORD})
    assert slug(old) == "credentials-wrong"


async def test_a_link_to_a_new_address_is_used_once_also_side_by_side(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, ada, "ada@new.example")
    token = await auth.link(ada.user_id, "email-change")
    answers = await asyncio.gather(*(use(auth, CONFIRM, token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [410] * 7
    assert slug(await use(auth, CONFIRM, token)) == "link-used"
    templates = [template for template, *_ in await auth.mails_of(ada.user_id)]
    assert templates.count("email-changed") == 1


async def test_a_newer_change_ends_the_older_link(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, ada, "one@new.example")
    first = await auth.link(ada.user_id, "email-change")
    await ask(auth, ada, "two@new.example")
    assert (await use(auth, CONFIRM, await auth.link(ada.user_id, "email-change"))).status_code == 200
    assert slug(await use(auth, CONFIRM, first)) == "link-used"


async def test_an_expired_link_changes_nothing(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, ada, "ada@new.example")
    past = auth.service.clock.now() - timedelta(seconds=1)
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"mailed.$[].expires_at": past}})
    answer = await use(auth, CONFIRM, await auth.link(ada.user_id, "email-change"))
    assert (answer.status_code, slug(answer)) == (410, "link-expired")
    assert (await me(auth, ada))["email"] == "ada@example.com"


@pytest.mark.parametrize("path", [CONFIRM, UNDO, f"{API}/password-reset/link", f"{API}/verify-email"])
async def test_a_link_is_good_for_what_it_was_mailed_for_only(auth: Auth, path: str) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, ada, "ada@new.example")
    await auth.http.post(f"{API}/password-reset", json={"email": "ada@example.com"})
    links = {
        CONFIRM: await auth.link(ada.user_id, "email-change"),
        UNDO: await auth.link(ada.user_id, "email-change-asked"),
        f"{API}/password-reset/link": await auth.link(ada.user_id, "password-reset"),
    }
    links.pop(path, None)
    for token in [*links.values(), "x", ada.user_id + "A" * 43]:
        body = {"token": token} | ({"password": "another password"} if "reset" in path else {})
        answer = await auth.http.post(path, json=body)
        assert (answer.status_code, slug(answer)) == (404, "link-unknown")
    assert (await me(auth, ada))["email"] == "ada@example.com"


async def test_nobody_learns_from_a_change_whether_an_address_has_an_account(auth: Auth) -> None:
    ada, bob = await auth.person("ada@example.com"), await auth.person("bob@example.com")
    free, taken = await ask(auth, ada, "free@example.com"), await ask(auth, ada, "bob@example.com")
    assert (free.status_code, free.json()) == (taken.status_code, taken.json())
    # Neither by the mails to her own address.
    mails = await auth.mails_of(ada.user_id)
    assert [(kind, to) for kind, to, _ in mails if to == "ada@example.com"][1:] == [
        ("email-change-asked", "ada@example.com"),
        ("email-change-asked", "ada@example.com"),
    ]
    assert [(kind, to) for kind, to, _ in mails if to == "bob@example.com"] == []
    assert (await auth.mails_of(bob.user_id))[-1][:2] == ("account-exists", "bob@example.com")


async def test_of_two_accounts_that_change_to_one_address_one_gets_it(auth: Auth) -> None:
    people = [await auth.person("ada@example.com"), await auth.person("bob@example.com")]
    for one in people:
        await ask(auth, one, "shared@example.com")
    tokens = [await auth.link(one.user_id, "email-change") for one in people]
    answers = await asyncio.gather(*(use(auth, CONFIRM, token) for token in tokens))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (refused,) = (answer for answer in answers if answer.status_code == 409)
    assert slug(refused) == "email-taken"
    assert await auth.database["users"].count_documents({"email_key": "shared@example.com"}) == 1
    loser = people[[answer.status_code for answer in answers].index(409)]
    assert (await me(auth, loser))["email"] in ("ada@example.com", "bob@example.com")


async def test_an_unverified_account_does_not_keep_an_address_from_who_reads_its_mailbox(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await auth.sign_up("wanted@example.com", "the squatter's password")
    squatter = await auth.user("wanted@example.com")
    token = await auth.link_token("wanted@example.com")
    await ask(auth, ada, "wanted@example.com")
    assert (await use(auth, CONFIRM, await auth.link(ada.user_id, "email-change"))).status_code == 200
    assert (await me(auth, ada))["email"] == "wanted@example.com"
    gone = await auth.database["users"].find_one({"_id": squatter["_id"]})
    assert gone is not None
    assert gone["deleted_at"] is not None
    assert gone.keys().isdisjoint({"password", "links"})
    assert slug(await auth.verify(token)) == "link-unknown"


async def test_the_old_address_takes_a_change_back_and_the_account_with_it(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    thief = await auth.log_in("ada@example.com")
    await ask(auth, thief, "thief@evil.example")
    await use(auth, CONFIRM, await auth.link(ada.user_id, "email-change"))
    theirs = await auth.link(ada.user_id, "email-changed")
    # And on: the link of the first change is not pushed out by a second one.
    await ask(auth, thief, "thief@other.example")
    await use(auth, CONFIRM, await auth.link(ada.user_id, "email-change"))
    evil = await auth.link(ada.user_id, "email-changed")

    assert (await use(auth, UNDO, theirs)).json() == {"done": True}

    user = await auth.user("ada@example.com")
    assert (user["_id"], user["password"]) == (ada.user_id, None)
    assert [await refreshed(auth, one) for one in (ada, thief)] == [401, 401]
    for email in ("ada@example.com", "thief@other.example"):
        answer = await auth.http.post(f"{API}/sessions", json={"email": email, "password": PASSWORD})
        assert slug(answer) == "credentials-wrong"
    assert slug(await use(auth, UNDO, evil)) == "link-used"
    assert slug(await use(auth, UNDO, theirs)) == "link-used"
    assert [mail[:2] for mail in (await auth.mails_of(ada.user_id))[-2:]] == [
        ("password-reset", "ada@example.com"),
        ("email-change-undone", "thief@other.example"),
    ]
    body = {"token": await auth.link(ada.user_id, "password-reset"), "password": "only mine again"}
    assert (await auth.http.post(f"{API}/password-reset/link", json=body)).status_code == 200
    assert (await auth.log_in("ada@example.com", "only mine again")).user_id == ada.user_id
    assert (await auth.log_of(ada.user_id))[-2:] == ["email-change-undone", "password-reset"]


async def test_the_first_notice_ends_a_change_that_was_only_asked_for(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, ada, "thief@evil.example")
    assert (await use(auth, UNDO, await auth.link(ada.user_id, "email-change-asked"))).status_code == 200
    answer = await use(auth, CONFIRM, await auth.link(ada.user_id, "email-change"))
    assert (answer.status_code, slug(answer)) == (410, "link-used")
    assert await refreshed(auth, ada) == 401


async def test_what_was_linked_since_the_change_goes_with_it(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    created = (await auth.user("ada@example.com"))["created_at"] - timedelta(days=100)
    first = {"provider": "acme", "sub": "first", "linked_at": created}
    mine = {"provider": "acme", "sub": "ada", "linked_at": created + timedelta(days=50)}
    prepared = {"provider": "acme", "sub": "prepared", "linked_at": auth.service.clock.now() - timedelta(days=1)}
    fields = {"identities": [first, mine, prepared], "created_at": created}
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": fields})
    await ask(auth, ada, "thief@evil.example")
    theirs = {"provider": "acme", "sub": "thief", "linked_at": auth.service.clock.now() + timedelta(seconds=1)}
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$push": {"identities": theirs}})
    await use(auth, UNDO, await auth.link(ada.user_id, "email-change-asked"))
    assert [one["sub"] for one in (await auth.user("ada@example.com"))["identities"]] == ["first", "ada"]


async def test_the_product_account_that_an_account_began_with_outlives_an_undo_soon_after(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    created = (await auth.user("ada@example.com"))["created_at"]
    mine = {"provider": "acme", "sub": "ada", "linked_at": created}
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"identities": [mine]}})
    await ask(auth, ada, "thief@evil.example")
    await use(auth, UNDO, await auth.link(ada.user_id, "email-change-asked"))
    assert [one["sub"] for one in (await auth.user("ada@example.com"))["identities"]] == ["ada"]


async def test_an_old_address_that_somebody_else_has_by_now_is_not_taken_back(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, ada, "ada@new.example")
    await use(auth, CONFIRM, await auth.link(ada.user_id, "email-change"))
    await auth.person("ada@example.com")
    answer = await use(auth, UNDO, await auth.link(ada.user_id, "email-changed"))
    assert (answer.status_code, slug(answer)) == (409, "email-taken")
    assert (await me(auth, ada))["email"] == "ada@new.example"


async def test_a_reset_mailed_to_the_old_address_ends_with_the_change(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await auth.http.post(f"{API}/password-reset", json={"email": "ada@example.com"})
    await ask(auth, ada, "ada@new.example")
    await use(auth, CONFIRM, await auth.link(ada.user_id, "email-change"))
    body = {"token": await auth.link(ada.user_id, "password-reset"), "password": "from the old mailbox"}
    assert slug(await auth.http.post(f"{API}/password-reset/link", json=body)) == "link-used"


async def test_asking_for_the_address_one_has_changes_and_mails_nothing(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    assert (await ask(auth, ada, "ada@example.com")).status_code == 202
    assert [template for template, *_ in await auth.mails_of(ada.user_id)] == ["verify-email"]


async def test_asking_without_end_ends_by_itself_and_pushes_no_way_back_out(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    for number in range(20):
        assert (await ask(auth, ada, f"n{number}@new.example")).status_code == 202
        if not number:
            first = await auth.link(ada.user_id, "email-change-asked")
    refused = await ask(auth, ada, "once@new.example")
    assert (refused.status_code, slug(refused)) == (429, "too-many-requests")
    assert int(refused.headers["retry-after"]) > 600_000
    assert len((await auth.user("ada@example.com"))["mailed"]) == 25
    assert (await use(auth, UNDO, first)).status_code == 200


async def test_an_old_session_proves_itself_first(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, fresh_seconds=30))
    async for auth in started(service, database):
        ada = await auth.person("ada@example.com")
        await auth.database["sessions"].update_one(
            {"_id": ada.session_id}, {"$set": {"proved_at": auth.service.clock.now() - timedelta(seconds=31)}}
        )
        answer = await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": ada.refresh_token})
        stale = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        for method, path, body in (
            ("POST", "/me/email", {"email": "ada@new.example"}),
            ("PUT", "/me/password", {"current_password": PASSWORD, "new_password": "another password"}),
            ("GET", "/me/export", None),
            ("POST", "/me/deletion", {"confirm": "ada@example.com"}),
        ):
            refused = await auth.http.request(method, f"{API}{path}", json=body, headers=stale)
            assert (refused.status_code, slug(refused)) == (403, "step-up-required"), path
            anonymous = await auth.http.request(method, f"{API}{path}", json=body)
            assert slug(anonymous) == "token-missing"


async def test_changes_are_limited_per_account_and_per_address(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, mails_per_hour=3))
    async for auth in started(service, database):
        ada = await auth.person("ada@example.com")
        answers = [await ask(auth, ada, f"n{number}@new.example") for number in range(4)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
        assert int(answers[-1].headers["retry-after"]) > 0


async def test_the_pages_ask_and_their_forms_do(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, ada, "ada@new.example")
    for template, says in (("email-change", "new e-mail address"), ("email-change-asked", "not you")):
        (link,) = [link for kind, _, link in await auth.mails_of(ada.user_id) if kind == template]
        path = link.removeprefix(PUBLIC_URL).partition("?")[0]
        for _ in range(2):
            page = await auth.http.get(link)
            assert page.status_code == 200
            assert says in page.text
            assert page.headers["referrer-policy"] == "no-referrer"
        assert (await me(auth, ada))["email"] == "ada@example.com" or template != "email-change"
        done = await auth.http.post(path, data={"token": await auth.link(ada.user_id, template)})
        assert (done.status_code, done.headers["content-type"]) == (200, "text/html; charset=utf-8")
        again = await auth.http.post(path, data={"token": await auth.link(ada.user_id, template)})
        assert again.status_code == 410
        assert "has been used" in again.text


@pytest.mark.parametrize("before", [True, False])
async def test_a_second_factor_set_by_whoever_changed_the_address_does_not_lock_out_its_owner(
    auth: Auth, *, before: bool
) -> None:
    ada = await auth.person("ada@example.com")
    thief = await auth.log_in("ada@example.com")
    await (protect(auth, thief) if before else ask(auth, thief, "thief@evil.example"))
    await (ask(auth, thief, "thief@evil.example") if before else protect(auth, thief))

    undone = await use(auth, UNDO, await auth.link(ada.user_id, "email-change-asked"))

    assert undone.status_code == 200, undone.text
    account = await auth.user("ada@example.com")
    assert (account["two_factor"], account["second_factor"], account["enrolment"]) == (False, None, None)
    assert set((await auth.log_of(ada.user_id))[-2:]) == {"two-factor-off", "email-change-undone"}


async def test_the_owners_own_second_factor_outlives_an_undone_change(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await protect(auth, ada)
    long_ago = auth.service.clock.now() - timedelta(days=100)
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"second_factor.enabled_at": long_ago}})
    await ask(auth, ada, "ada@new.example")

    assert (await use(auth, UNDO, await auth.link(ada.user_id, "email-change-asked"))).status_code == 200

    assert (await auth.user("ada@example.com"))["two_factor"]
