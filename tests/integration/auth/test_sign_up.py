"""Sign-up, verification, and what can be learned from outside."""

import asyncio
import re
import time
from datetime import timedelta

import httpx
import pytest

from services.auth.main import build
from shared.plumbing.mongo import Database
from tests.integration.auth.conftest import API, PASSWORD, Auth, platform, settings, slug, started


async def test_an_account_its_event_and_its_mail_are_one_write(auth: Auth) -> None:
    await auth.sign_up("Ada@Example.com", display_name="Ada", locale="de")
    user = await auth.user("ada@example.com")
    assert user["email"] == "Ada@example.com"
    assert user["verified_at"] is None
    assert user["password"].startswith("$argon2id$")
    assert user["state_marked_at"] == user["outbox_since"]
    assert await auth.events("ada@example.com") == [("UserRegistered", "1")]
    (mail,) = await auth.mails("ada@example.com")
    assert mail["template"] == "verify-email"
    assert mail["address"] == "Ada@example.com"
    assert mail["locale"] == "de"
    assert mail["parameters"] == {"display_name": "Ada"}
    assert mail["link"].startswith("http://localhost:8080/api/auth/v1/verify-email?token=")
    assert PASSWORD not in str(user)


async def test_only_hashes_of_links_are_stored(auth: Auth) -> None:
    await auth.sign_up("ada@example.com")
    token = await auth.link_token("ada@example.com")
    assert token not in str(await auth.user("ada@example.com"))


async def test_nobody_learns_whether_an_address_has_an_account(auth: Auth) -> None:
    new = await auth.http.post(f"{API}/accounts", json={"email": "ada@example.com", "password": PASSWORD})
    again = await auth.http.post(f"{API}/accounts", json={"email": "ADA@example.com", "password": PASSWORD})
    assert (new.status_code, new.json()) == (again.status_code, again.json())
    await auth.verify(await auth.link_token("ada@example.com"))
    verified = await auth.http.post(f"{API}/accounts", json={"email": "ada@example.com", "password": PASSWORD})
    assert (new.status_code, new.json()) == (verified.status_code, verified.json())
    known = await auth.http.post(f"{API}/verify-email/resend", json={"email": "ada@example.com"})
    unknown = await auth.http.post(f"{API}/verify-email/resend", json={"email": "eve@example.com"})
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())


async def test_the_owner_of_a_known_address_is_told_by_mail(auth: Auth) -> None:
    await auth.person("ada@example.com")
    await auth.sign_up("ada@example.com", "another password")
    mails = await auth.mails("ada@example.com")
    assert [mail["template"] for mail in mails] == ["verify-email", "account-exists"]
    assert mails[-1]["link"] == "http://localhost:8080/"
    await auth.log_in("ada@example.com", PASSWORD)
    assert await auth.events("ada@example.com") == [("UserRegistered", "1"), ("UserVerified", "2")]


async def test_one_address_signed_up_many_times_in_parallel_is_one_account(auth: Auth) -> None:
    await asyncio.gather(*(auth.sign_up("ada@example.com", f"password number {n}") for n in range(10)))
    assert await auth.database["users"].count_documents({}) == 1
    assert await auth.events("ada@example.com") == [("UserRegistered", "1")]
    assert len(await auth.mails("ada@example.com")) == 10
    assert (await auth.verify(await auth.link_token("ada@example.com"))).status_code == 200


async def test_the_same_sign_up_many_times_in_parallel_is_one_mail(auth: Auth) -> None:
    await asyncio.gather(*(auth.sign_up("ada@example.com") for _ in range(8)))
    assert await auth.events("ada@example.com") == [("UserRegistered", "1")]
    assert len(await auth.mails("ada@example.com")) == 1
    assert (await auth.verify(await auth.link_token("ada@example.com"))).status_code == 200
    await auth.log_in("ada@example.com")


async def test_two_passwords_many_times_in_parallel_are_two_mails_and_each_link_is_for_its_own(auth: Auth) -> None:
    words = ("the owner's password", "the other's password")
    await asyncio.gather(*(auth.sign_up("ada@example.com", words[n % 2]) for n in range(8)))
    assert len(await auth.mails("ada@example.com")) == 2
    user = await auth.user("ada@example.com")
    assert len({link["password"] for link in user["links"]}) == 2
    assert user["password"] in {link["password"] for link in user["links"]}


async def test_who_signs_up_again_after_somebody_else_is_the_newest_without_another_mail(auth: Auth) -> None:
    await auth.sign_up("ada@example.com", "the owner's password")
    await auth.sign_up("ada@example.com", "the other's password")
    await auth.sign_up("ada@example.com", "the owner's password")
    assert len(await auth.mails("ada@example.com")) == 2
    user = await auth.user("ada@example.com")
    assert user["password"] == user["links"][0]["password"]


async def test_a_sign_up_repeated_after_a_minute_is_mailed_again(auth: Auth) -> None:
    await auth.sign_up("ada@example.com")
    (link,) = (await auth.user("ada@example.com"))["links"]
    sooner = link["expires_at"] - timedelta(seconds=61)
    await auth.database["users"].update_one({}, {"$set": {"links.0.expires_at": sooner}})
    await auth.sign_up("ada@example.com")
    assert len(await auth.mails("ada@example.com")) == 2


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x"])
async def test_what_is_not_declared_as_json_is_not_read_as_json(auth: Auth, kind: str) -> None:
    for path in ("/accounts", "/sessions", "/verify-email", "/verify-email/resend"):
        answer = await auth.http.post(f"{API}{path}", content=b"{}", headers={"Content-Type": kind})
        assert (answer.status_code, slug(answer)) == (415, "unsupported-media-type"), path


async def test_a_link_verifies_once(auth: Auth) -> None:
    await auth.sign_up("ada@example.com")
    token = await auth.link_token("ada@example.com")
    first = await auth.verify(token)
    assert (first.status_code, first.json()) == (200, {"verified": True, "return_to": "/"})
    second = await auth.verify(token)
    assert (second.status_code, slug(second)) == (410, "link-used")
    assert await auth.events("ada@example.com") == [("UserRegistered", "1"), ("UserVerified", "2")]


async def test_a_link_used_many_times_in_parallel_verifies_once(auth: Auth) -> None:
    await auth.sign_up("ada@example.com")
    token = await auth.link_token("ada@example.com")
    answers = await asyncio.gather(*(auth.verify(token) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [410] * 9
    assert await auth.events("ada@example.com") == [("UserRegistered", "1"), ("UserVerified", "2")]


async def test_an_expired_link_says_so(auth: Auth) -> None:
    await auth.sign_up("ada@example.com")
    token = await auth.link_token("ada@example.com")
    past = auth.service.clock.now() - timedelta(seconds=1)
    await auth.database["users"].update_one({}, {"$set": {"links.0.expires_at": past}})
    answer = await auth.verify(token)
    assert (answer.status_code, slug(answer)) == (410, "link-expired")
    await auth.http.post(f"{API}/verify-email/resend", json={"email": "ada@example.com"})
    assert (await auth.verify(await auth.link_token("ada@example.com"))).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "0" * 67, "0123456789abcdef01234567" + "a" * 43, "' || 1==1", "é"])
async def test_a_made_up_link_is_not_ours(auth: Auth, token: str) -> None:
    answer = await auth.verify(token)
    assert (answer.status_code, slug(answer)) == (404, "link-unknown")


async def test_looking_at_the_page_of_a_link_uses_nothing(auth: Auth) -> None:
    await auth.sign_up("ada@example.com")
    (mail,) = await auth.mails("ada@example.com")
    for _ in range(3):
        page = await auth.http.get(mail["link"])
        assert page.status_code == 200
    assert "<script" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    found = re.search(
        r'<form method="post" action="([^"]+)"><input type="hidden" name="token" value="([^"]+)">', page.text
    )
    assert found is not None
    clicked = await auth.http.post(found[1], data={"token": found[2]})
    assert (clicked.status_code, clicked.headers["content-type"]) == (200, "text/html; charset=utf-8")
    again = await auth.http.post(found[1], data={"token": found[2]})
    assert again.status_code == 410
    assert "has been used" in again.text


async def test_the_page_shows_no_foreign_markup(auth: Auth) -> None:
    page = await auth.http.get(f"{API}/verify-email", params={"token": '"><script>alert(1)</script>'})
    assert "<script" not in page.text


@pytest.mark.parametrize(
    "content", [b"", b"token", b"token=" + b"x" * 100_000, b"\xff\xfe", b"a=1&b=2&c=3&d=4&e=5&f=6&token=x"]
)
async def test_a_form_that_is_not_ours_is_answered_with_a_page(auth: Auth, content: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await auth.http.post(f"{API}/verify-email", content=content, headers=headers)
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"].startswith("text/html")


async def test_row_s4_no_access_before_verification_and_a_way_to_ask_again(auth: Auth) -> None:
    await auth.sign_up("ada@example.com")
    refused = await auth.http.post(f"{API}/sessions", json={"email": "ada@example.com", "password": PASSWORD})
    assert (refused.status_code, slug(refused)) == (403, "email-not-verified")
    assert refused.json()["resend"] == f"{API}/verify-email/resend"
    stranger = await auth.http.post(f"{API}/sessions", json={"email": "ada@example.com", "password": "wrong password"})
    assert (stranger.status_code, slug(stranger)) == (401, "credentials-wrong")
    asked = await auth.http.post(refused.json()["resend"], json={"email": "ada@example.com"})
    assert asked.status_code == 202
    assert len(await auth.mails("ada@example.com")) == 2
    await auth.verify(await auth.link_token("ada@example.com"))
    await auth.log_in("ada@example.com")


async def test_the_owner_of_an_address_wins_over_whoever_signed_up_with_it_before(auth: Auth) -> None:
    await auth.sign_up("ada@example.com", "the attacker's password")
    await auth.sign_up("ada@example.com", "the owner's password")
    await auth.verify(await auth.link_token("ada@example.com"))
    await auth.log_in("ada@example.com", "the owner's password")
    attacker = {"email": "ada@example.com", "password": "the attacker's password"}
    assert slug(await auth.http.post(f"{API}/sessions", json=attacker)) == "credentials-wrong"


@pytest.mark.parametrize("first", [True, False])
async def test_a_link_that_is_asked_for_again_brings_nothing_of_whoever_else_signed_up(
    auth: Auth, *, first: bool
) -> None:
    signs = [("the attacker's password", "Eve"), ("the owner's password", "Ada")]
    for password, name in signs if first else reversed(signs):
        await auth.sign_up("ada@example.com", password, display_name=name)
    # The other links are gone by now; that they differed is known all the same.
    await auth.database["users"].update_one({}, {"$set": {"links": []}})
    await auth.http.post(f"{API}/verify-email/resend", json={"email": "ada@example.com"})
    assert (await auth.mails("ada@example.com"))[-1]["parameters"] == {"display_name": ""}
    assert (await auth.verify(await auth.link_token("ada@example.com"))).status_code == 200
    for password, _ in signs:
        body = {"email": "ada@example.com", "password": password}
        assert slug(await auth.http.post(f"{API}/sessions", json=body)) == "credentials-wrong"
    user = await auth.user("ada@example.com")
    assert (user["password"], user["identities"], user["display_name"]) == (None, [], "")
    await auth.http.post(f"{API}/password-reset", json={"email": "ada@example.com"})
    reset = {"token": await auth.link(user["_id"], "password-reset"), "password": "the owner's new one"}
    assert (await auth.http.post(f"{API}/password-reset/link", json=reset)).status_code == 200
    await auth.log_in("ada@example.com", "the owner's new one")


async def test_the_owners_link_outlives_many_foreign_sign_ups_and_brings_her_name(auth: Auth) -> None:
    await auth.sign_up("ada@example.com", "the attacker's first", display_name="Eve", locale="fr")
    await auth.sign_up("ada@example.com", "the owner's password", display_name="Ada", locale="de")
    mine = (await auth.mails("ada@example.com"))[-1]
    token = await auth.link_token("ada@example.com")
    assert (mine["locale"], mine["parameters"]) == ("de", {"display_name": "Ada"})
    for number in range(5):
        await auth.sign_up("ada@example.com", f"the attacker's {number}", display_name="Eve")
    assert (await auth.verify(token)).status_code == 200
    user = await auth.user("ada@example.com")
    assert (user["display_name"], user["locale"]) == ("Ada", "de")
    await auth.log_in("ada@example.com", "the owner's password")


async def test_row_s8_what_the_newcomer_came_for_is_behind_the_mail(auth: Auth) -> None:
    came_for, leads_to = "/addons/time?install=1", "/login?return_to=%2Faddons%2Ftime%3Finstall%3D1"
    await auth.sign_up("ada@example.com", return_to=came_for)
    await auth.http.post(f"{API}/verify-email/resend", json={"email": "ada@example.com"})
    verified = await auth.verify(await auth.link_token("ada@example.com"))
    assert verified.json() == {"verified": True, "return_to": leads_to}
    await auth.sign_up("bob@example.com", return_to=came_for)
    page = await auth.http.post(f"{API}/verify-email", data={"token": await auth.link_token("bob@example.com")})
    assert f'href="http://localhost:8080{leads_to}"' in page.text


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/api/auth/v1/sessions"])
async def test_a_sign_up_leads_to_our_own_pages_only(auth: Auth, path: str) -> None:
    body = {"email": "ada@example.com", "password": PASSWORD, "return_to": path}
    answer = await auth.http.post(f"{API}/accounts", json=body)
    assert (answer.status_code, slug(answer)) == (422, "return-to-refused")
    assert await auth.database["users"].count_documents({}) == 0


async def test_a_verified_account_is_mailed_no_more_links(auth: Auth) -> None:
    await auth.person("ada@example.com")
    await auth.http.post(f"{API}/verify-email/resend", json={"email": "ada@example.com"})
    assert len(await auth.mails("ada@example.com")) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "ada@example.com", "password": "x" * 9}, "password"),
        ({"email": "ada@example.com", "password": "x" * 10_000}, "password"),
        ({"email": "ada@example.com", "password": 1234567890}, "password"),
        ({"email": "ada@example.com"}, "password"),
        ({"email": "nobody", "password": PASSWORD}, "email"),
        ({"email": ["ada@example.com"], "password": PASSWORD}, "email"),
        ({"email": {"$ne": None}, "password": PASSWORD}, "email"),
        ({"email": "ada@example.com", "password": PASSWORD, "roles": ["operator"]}, "roles"),
        ({"email": "ada@example.com", "password": PASSWORD, "verified_at": 1}, "verified_at"),
        ({"email": "ada@example.com", "password": PASSWORD, "display_name": "x" * 101}, "display_name"),
        ({"email": "ada@example.com", "password": PASSWORD, "locale": "../../etc"}, "locale"),
        ({"email": "ada@example.com", "password": "correct\x00horse"}, "password"),
        ({"email": "ada\x00@example.com", "password": PASSWORD}, "email"),
    ],
)
async def test_bad_sign_ups_name_the_field(auth: Auth, body: dict[str, object], field: str) -> None:
    answer = await auth.http.post(f"{API}/accounts", json=body)
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert str(body.get("password", "\x00")) not in answer.text
    assert await auth.database["users"].count_documents({}) == 0


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"\xff", 400), (b"[]", 422), (b"null", 422), (b'"x"', 422), (b"", 422), (b"x" * 3_000_001, 413)],
)
async def test_bodies_that_are_none(auth: Auth, content: bytes, status: int) -> None:
    for path in ("/accounts", "/sessions", "/verify-email", "/verify-email/resend"):
        answer = await auth.http.post(f"{API}{path}", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (status, 400), path
        slug(answer)


async def test_ten_megabytes_are_too_much(auth: Auth) -> None:
    answer = await auth.http.post(f"{API}/accounts", content=b"x" * 10_000_000)
    assert (answer.status_code, slug(answer)) == (413, "body-too-large")


async def test_sign_ups_are_limited_alike_for_known_and_unknown_addresses(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, mails_per_hour=2))
    async for auth in started(service, database):
        await auth.sign_up("ada@example.com")
        for email in ("ada@example.com", "eve@example.com"):
            statuses = []
            answer: httpx.Response | None = None
            for _ in range(3):
                answer = await auth.http.post(f"{API}/verify-email/resend", json={"email": email})
                statuses.append(answer.status_code)
            assert statuses == ([202, 429, 429] if email.startswith("ada") else [202, 202, 429])
            assert answer is not None
            assert slug(answer) == "too-many-requests"
            assert int(answer.headers["retry-after"]) > 0


async def test_answers_take_the_same_time_whatever_is_known(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, quiet_answer_seconds=0.3))
    async for auth in started(service, database):
        await auth.sign_up("ada@example.com")
        for path, body in (
            ("/accounts", {"email": "ada@example.com", "password": PASSWORD}),
            ("/accounts", {"email": "new@example.com", "password": PASSWORD}),
            ("/verify-email/resend", {"email": "ada@example.com"}),
            ("/verify-email/resend", {"email": "eve@example.com"}),
        ):
            began = time.monotonic()
            await auth.http.post(f"{API}{path}", json=body)
            assert time.monotonic() - began >= 0.3
