"""Another password: by a mailed link that proves a mailbox, and by somebody logged in."""

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.auth.accounts.passwords import Passwords
from services.auth.main import build
from shared.plumbing.mongo import Database
from tests.integration.auth.conftest import (
    API,
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

RESET, LINK = f"{API}/password-reset", f"{API}/password-reset/link"
NEW = "a password of today"


class Counted:
    """How much argon2 was done; the hashing itself is real."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hashes = 0
        run = Passwords._run

        async def counted(passwords: Passwords, work: Any) -> Any:
            self.hashes += 1
            return await run(passwords, work)

        monkeypatch.setattr(Passwords, "_run", counted)

    def taken(self) -> int:
        """Hashes since the last time."""
        count, self.hashes = self.hashes, 0
        return count


@pytest.fixture
def argon2(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


async def ask(auth: Auth, email: str) -> httpx.Response:
    return await auth.http.post(RESET, json={"email": email})


async def use(auth: Auth, token: str, password: str = NEW) -> httpx.Response:
    return await auth.http.post(LINK, json={"token": token, "password": password})


async def log_in(auth: Auth, email: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return await auth.http.post(f"{API}/sessions", json={"email": email, "password": password}, headers=headers)


async def refresh(auth: Auth, who: Session) -> httpx.Response:
    return await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": who.refresh_token})


async def change(auth: Auth, who: Session, **body: str) -> httpx.Response:
    return await auth.http.put(f"{API}/me/password", json=body, headers=who.headers)


async def by_product_only(auth: Auth, email: str) -> Session:
    """Somebody verified, logged in, and without a password."""
    who = await auth.person(email)
    identity = {"provider": "acme", "sub": email, "linked_at": auth.service.clock.now()}
    await auth.database["users"].update_one(
        {"_id": who.user_id}, {"$set": {"password": None, "identities": [identity]}}
    )
    return who


async def test_a_mailed_link_sets_a_password_and_logs_everybody_out(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    answer = await ask(auth, "ADA@example.com")
    assert (answer.status_code, answer.json()) == (202, {"status": "check-your-mail"})
    assert (await auth.mails_of(ada.user_id))[-1][:2] == ("password-reset", "ada@example.com")

    token = await auth.link(ada.user_id, "password-reset")
    assert token not in str(await auth.user("ada@example.com"))
    assert (await use(auth, token)).json() == {"done": True}

    assert slug(await refresh(auth, ada)) == "session-ended"
    assert slug(await log_in(auth, "ada@example.com")) == "credentials-wrong"
    assert (await log_in(auth, "ada@example.com", NEW)).status_code == 201
    assert (await auth.mails_of(ada.user_id))[-1][:2] == ("password-changed", "ada@example.com")
    assert await auth.log_of(ada.user_id) == ["email-verified", "password-reset-asked", "password-reset"]
    again = await use(auth, token)
    assert (again.status_code, slug(again)) == (410, "link-used")


async def test_one_link_used_ends_all_of_them(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, "ada@example.com")
    first = await auth.link(ada.user_id, "password-reset")
    await ask(auth, "ada@example.com")
    second = await auth.link(ada.user_id, "password-reset")
    await auth.http.post(f"{API}/me/email", json={"email": "ada@new.example"}, headers=ada.headers)
    assert (await use(auth, second)).status_code == 200
    assert slug(await use(auth, first)) == "link-used"
    pending = {"token": await auth.link(ada.user_id, "email-change")}
    assert slug(await auth.http.post(f"{API}/email-change/link", json=pending)) == "link-used"
    undo = {"token": await auth.link(ada.user_id, "email-change-asked")}
    assert (await auth.http.post(f"{API}/email-change/undo", json=undo)).status_code == 200


async def test_a_link_used_many_times_in_parallel_sets_one_password(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, "ada@example.com")
    token = await auth.link(ada.user_id, "password-reset")
    words = [f"password number {number}" for number in range(6)]
    answers = await asyncio.gather(*(use(auth, token, word) for word in words))
    assert sorted(answer.status_code for answer in answers) == [200] + [410] * 5
    winner = words[[answer.status_code for answer in answers].index(200)]
    assert (await log_in(auth, "ada@example.com", winner)).status_code == 201


async def test_an_expired_link_sets_nothing(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, "ada@example.com")
    past = auth.service.clock.now() - timedelta(seconds=1)
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"mailed.0.expires_at": past}})
    answer = await use(auth, await auth.link(ada.user_id, "password-reset"))
    assert (answer.status_code, slug(answer)) == (410, "link-expired")
    assert (await log_in(auth, "ada@example.com")).status_code == 201


async def test_a_reset_leaves_the_second_factor_on(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"two_factor": True}})
    await ask(auth, "ada@example.com")
    await use(auth, await auth.link(ada.user_id, "password-reset"))
    assert (await auth.user("ada@example.com"))["two_factor"] is True


async def test_the_answer_says_nothing_and_mails_go_to_proven_addresses_only(auth: Auth) -> None:
    await auth.person("ada@example.com")
    await auth.sign_up("new@example.com")
    product = await by_product_only(auth, "carl@example.com")
    answers = [await ask(auth, f"{name}@example.com") for name in ("ada", "new", "carl", "nobody")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert [mail["template"] for mail in await auth.mails("new@example.com")] == ["verify-email"]
    # A mailbox does not become a way around the product's own log-in.
    assert (await auth.mails_of(product.user_id))[-1] == ("password-at-product", "carl@example.com", f"{PUBLIC_URL}/")
    assert "mailed" not in await auth.user("carl@example.com")


async def test_the_page_asks_for_a_password_and_its_form_sets_it(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, "ada@example.com")
    (link,) = [link for kind, _, link in await auth.mails_of(ada.user_id) if kind == "password-reset"]
    page = await auth.http.get(link)
    assert 'type="password" name="password"' in page.text
    assert 'autocomplete="new-password"' in page.text
    token = await auth.link(ada.user_id, "password-reset")
    short = await auth.http.post(LINK, data={"token": token, "password": "short"})
    assert (short.status_code, short.headers["content-type"]) == (422, "text/html; charset=utf-8")
    odd = f"token={token}&password=correct%FFhorse+battery"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await auth.http.post(LINK, content=odd, headers=headers)).status_code == 400
    assert (await auth.http.post(LINK, data={"token": token, "password": "pässwörter 🔑"})).status_code == 200
    assert (await log_in(auth, "ada@example.com", "pässwörter 🔑")).status_code == 201


async def test_somebody_logged_in_changes_the_password_and_stays_logged_in_alone(auth: Auth) -> None:
    ada = await auth.person("ada@example.com")
    other = await auth.log_in("ada@example.com")
    await ask(auth, "ada@example.com")
    answer = await change(auth, ada, current_password=PASSWORD, new_password=NEW)
    assert answer.status_code == 204
    kept = await refresh(auth, ada)
    assert kept.status_code == 200
    assert session_of(kept.json()).session_id == ada.session_id
    assert slug(await refresh(auth, other)) == "session-ended"
    assert (await log_in(auth, "ada@example.com", NEW)).status_code == 201
    assert (await auth.mails_of(ada.user_id))[-1][:2] == ("password-changed", "ada@example.com")
    assert (await auth.log_of(ada.user_id))[-1] == "password-changed"
    assert slug(await use(auth, await auth.link(ada.user_id, "password-reset"))) == "link-used"


@pytest.mark.parametrize("body", [{"new_password": NEW}, {"new_password": NEW, "current_password": "wrong password"}])
async def test_a_session_alone_changes_no_password(auth: Auth, body: dict[str, str]) -> None:
    ada = await auth.person("ada@example.com")
    answer = await change(auth, ada, **body)
    assert (answer.status_code, slug(answer)) == (403, "current-password-wrong")
    assert (await log_in(auth, "ada@example.com")).status_code == 201
    assert (await refresh(auth, ada)).status_code == 200


async def test_a_first_password_needs_no_current_one(auth: Auth) -> None:
    carl = await by_product_only(auth, "carl@example.com")
    assert (await change(auth, carl, new_password=NEW)).status_code == 204
    assert (await log_in(auth, "carl@example.com", NEW)).status_code == 201
    assert (await auth.log_of(carl.user_id))[-1] == "password-set"


async def test_a_current_password_where_there_is_none_is_refused_and_sets_nothing(auth: Auth, argon2: Counted) -> None:
    carl = await by_product_only(auth, "carl@example.com")
    argon2.taken()
    for given in (PASSWORD, ""):
        answer = await change(auth, carl, current_password=given, new_password=NEW)
        assert (answer.status_code, slug(answer)) == (409, "password-not-set")
    assert argon2.taken() == 0
    assert (await auth.user("carl@example.com"))["password"] is None
    assert (await refresh(auth, carl)).status_code == 200


async def test_whoever_is_logged_in_is_told_whether_there_is_a_password(auth: Auth) -> None:
    ada, carl = await auth.person("ada@example.com"), await by_product_only(auth, "carl@example.com")

    async def told(who: Session) -> bool:
        answer = await auth.http.get(f"{API}/me", headers=who.headers)
        return bool(answer.json()["has_password"])

    assert (await told(ada), await told(carl)) == (True, False)
    assert (await refresh(auth, carl)).json()["user"]["has_password"] is False
    assert (await change(auth, carl, new_password=NEW)).status_code == 204
    assert await told(carl)


async def test_a_log_in_with_the_old_password_that_a_reset_overtakes_opens_nothing(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, "ada@example.com")
    token = await auth.link(ada.user_id, "password-reset")
    verify = Passwords.verify
    overtaken: list[int] = []

    async def slowly(passwords: Passwords, stored: str | None, password: str) -> bool:
        right = await verify(passwords, stored, password)
        overtaken.append((await use(auth, token)).status_code)
        return right

    monkeypatch.setattr(Passwords, "verify", slowly)
    answer = await log_in(auth, "ada@example.com")
    assert overtaken == [200]
    assert (answer.status_code, slug(answer)) == (401, "session-ended")
    standing = {"user_id": ada.user_id, "ended_at": None}
    assert [one["_id"] async for one in auth.database["sessions"].find(standing)] == [ada.session_id]
    assert slug(await refresh(auth, ada)) == "session-ended"


async def test_guesses_of_the_current_password_are_limited(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, log_ins_per_minute=3))
    async for auth in started(service, database):
        ada = await auth.person("ada@example.com")
        body = {"current_password": "wrong password", "new_password": NEW}
        answers = [await change(auth, ada, **body) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [403, 403, 403, 429]
        assert int(answers[-1].headers["retry-after"]) > 0


async def test_guessing_from_one_network_keeps_nobody_out_who_comes_from_another(
    database: Database, mongo_url: str
) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, log_ins_per_minute=3))
    async for auth in started(service, database):
        await auth.person("ada@example.com")
        a, b = {"X-Forwarded-For": "6.6.6.6"}, {"X-Forwarded-For": "203.0.113.5"}
        guesses = [await log_in(auth, "ada@example.com", "wrong password", **a) for _ in range(5)]
        assert [answer.status_code for answer in guesses] == [401, 401, 401, 429, 429]
        assert int(guesses[-1].headers["retry-after"]) > 0
        assert (await log_in(auth, "ada@example.com", PASSWORD, **b)).status_code == 201
        # What the client writes itself before the gateway's hop changes nothing.
        forged = {"X-Forwarded-For": "203.0.113.5, 6.6.6.6"}
        assert (await log_in(auth, "ada@example.com", PASSWORD, **forged)).status_code == 429


async def test_another_cost_is_taken_up_at_the_next_log_in(database: Database, mongo_url: str) -> None:
    cheap, dear = (settings(mongo_database=database.name, password_passes=passes) for passes in (1, 2))
    async for auth in started(build(platform(mongo_url), cheap), database):
        await auth.person("ada@example.com")
        assert "t=1,p=1$" in (await auth.user("ada@example.com"))["password"]
    async for auth in started(build(platform(mongo_url), dear), database):
        assert (await log_in(auth, "ada@example.com", "wrong password")).status_code == 401
        assert "t=1,p=1$" in (await auth.user("ada@example.com"))["password"]
        before = await auth.log_in("ada@example.com")
        assert "t=2,p=1$" in (await auth.user("ada@example.com"))["password"]
        assert (await refresh(auth, before)).status_code == 200
        await auth.log_in("ada@example.com")


async def test_every_answer_costs_the_same_hashes_whatever_there_is(auth: Auth, argon2: Counted) -> None:
    """Hashes are what takes time; all else is behind the quiet seconds."""
    await auth.person("ada@example.com")
    await by_product_only(auth, "carl@example.com")
    await auth.sign_up("new@example.com")
    people = [f"{name}@example.com" for name in ("ada", "carl", "new", "nobody")]
    argon2.taken()
    cost: dict[str, list[int]] = {"log-in": [], "sign-up": [], "resend": [], "reset": []}
    for email in people:
        assert (await log_in(auth, email, "wrong password")).status_code == 401
        cost["log-in"].append(argon2.taken())
        await auth.sign_up(email)
        cost["sign-up"].append(argon2.taken())
        await auth.http.post(f"{API}/verify-email/resend", json={"email": email})
        cost["resend"].append(argon2.taken())
        await ask(auth, email)
        cost["reset"].append(argon2.taken())
    assert cost == {"log-in": [1] * 4, "sign-up": [1] * 4, "resend": [0] * 4, "reset": [0] * 4}


@pytest.mark.parametrize(
    "password",
    ["x" * 10_000, "x" * 1_001, "correct\x00horse battery", "short", b'"correct \\ud800 horse"'],
    ids=["10,000 characters", "1,001 characters", "NUL", "short", "half a character"],
)
async def test_a_password_that_cannot_be_kept_costs_no_hash(auth: Auth, argon2: Counted, password: str | bytes) -> None:
    ada = await auth.person("ada@example.com")
    await ask(auth, "ada@example.com")
    token = await auth.link(ada.user_id, "password-reset")
    argon2.taken()
    for method, path, body in (
        ("POST", "/accounts", {"email": "new@example.com", "password": "?"}),
        ("POST", "/password-reset/link", {"token": token, "password": "?"}),
        ("PUT", "/me/password", {"current_password": PASSWORD, "new_password": "?"}),
    ):
        text = json.dumps(body).encode()
        given = password if isinstance(password, bytes) else json.dumps(password).encode()
        answer = await auth.http.request(
            method,
            f"{API}{path}",
            content=text.replace(b'"?"', given),
            headers={**ada.headers, "Content-Type": "application/json"},
        )
        assert answer.status_code in (400, 422), path
        assert slug(answer) in ("invalid-request", "malformed-json"), path
        assert argon2.taken() == 0, path
    assert (await log_in(auth, "ada@example.com")).status_code == 201


async def test_a_made_up_link_costs_no_hash(auth: Auth, argon2: Counted) -> None:
    ada = await auth.person("ada@example.com")
    argon2.taken()
    for token in ("x", ada.user_id + "A" * 43, "0" * 24 + "A" * 43):
        assert slug(await use(auth, token)) == "link-unknown"
    assert argon2.taken() == 0


async def test_what_mails_answers_after_the_same_time(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, quiet_answer_seconds=0.3))
    async for auth in started(service, database):
        ada = await auth.person("ada@example.com")
        await auth.person("bob@example.com")
        for path, email in (
            ("/password-reset", "ada@example.com"),
            ("/password-reset", "nobody@example.com"),
            ("/me/email", "bob@example.com"),
            ("/me/email", "nobody@example.com"),
        ):
            began = time.monotonic()
            answer = await auth.http.post(f"{API}{path}", json={"email": email}, headers=ada.headers)
            assert answer.status_code == 202
            assert time.monotonic() - began >= 0.3


async def test_without_local_accounts_there_are_no_passwords(database: Database, mongo_url: str) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name))
    async for auth in started(service, database):
        ada = await auth.person("ada@example.com")
        await ask(auth, "ada@example.com")
        token = await auth.link(ada.user_id, "password-reset")
        service.api.state.local_accounts = False
        for answer in (
            await auth.http.post(f"{API}/accounts", json={"email": "new@example.com", "password": PASSWORD}),
            await log_in(auth, "ada@example.com"),
            await ask(auth, "ada@example.com"),
            await use(auth, token),
            await change(auth, ada, current_password=PASSWORD, new_password=NEW),
        ):
            assert (answer.status_code, slug(answer)) == (403, "local-accounts-off")


async def test_mails_of_a_reset_are_limited_alike_for_known_and_unknown_addresses(
    database: Database, mongo_url: str
) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, mails_per_hour=2))
    async for auth in started(service, database):
        await auth.sign_up("ada@example.com")
        for email, allowed in (("ada@example.com", 1), ("nobody@example.com", 2)):
            answers = [await ask(auth, email) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [202] * allowed + [429] * (3 - allowed)
            assert int(answers[-1].headers["retry-after"]) > 0
