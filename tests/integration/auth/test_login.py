"""Log-in with a product that runs: the sample product, as browsers and other clients meet it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from services.auth.accounts.store import Users
from services.auth.domain import Account
from services.auth.main import build
from services.auth.sessions.sessions import Session as Family
from services.auth.sessions.sessions import Sessions
from shared.plumbing.mongo import Database
from shared.plumbing.service import Service
from shared.plumbing.settings import PlatformSettings
from tests.integration.auth.conftest import (
    API,
    OWN_PAGE,
    PASSWORD,
    PUBLIC_URL,
    Auth,
    Session,
    fresh,
    platform,
    session_of,
    settings,
    slug,
    standing_as,
    started,
)
from tests.integration.auth.second_factor import post, protect, second
from tests.integration.samples.processes import free_port, running

ADA = {"email": "ada@acme.example", "password": "correct-horse-1", "name": "Ada", "region": "eu", "sub": "a" * 24}
BOB = {"email": "bob@acme.example", "password": "correct-horse-2", "name": "Bob", "region": "eu", "sub": "b" * 24}
UNVERIFIED = {
    "email": "new@acme.example",
    "password": "correct-horse-3",
    "name": "New\u00ad",
    "region": "eu",
    "sub": "c" * 24,
    "email_verified": False,
}
EVA = {
    "email": "eva@acme.example",
    "password": "correct-horse-4",
    "name": "Eva",
    "region": "eu",
    "sub": "d" * 24,
    "two_factor": True,
}
USERS = json.dumps([ADA, BOB, UNVERIFIED, EVA])


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    env = {
        "SAMPLE_PRODUCT_PORT": str(port),
        "SAMPLE_PRODUCT_CLIENT_SECRET": "client-secret",
        "SAMPLE_PRODUCT_DIRECTORY_TOKEN": "directory-token",
        "SAMPLE_PRODUCT_SOUK_URL": f"http://127.0.0.1:{free_port()}",
        "SAMPLE_PRODUCT_REDIRECT_URI": f"{PUBLIC_URL}/login/callback/acme",
        "SAMPLE_PRODUCT_DATA_DIR": str(tmp_path_factory.mktemp("product")),
        "SAMPLE_PRODUCT_USERS": USERS,
    }
    with running("samples.product", env):
        yield f"http://localhost:{port}"


def provider(issuer: str, **changes: Any) -> dict[str, Any]:
    row = {"id": "acme", "label": "Acme", "issuer": issuer, "client_id": "souk", "client_secret": "client-secret"}
    return row | {"trusted_email": True} | changes


def reaching(mongo_url: str, issuer: str) -> PlatformSettings:
    return platform(mongo_url).model_copy(update={"outgoing_allow": frozenset({urlsplit(issuer).netloc})})


def knowing(product: str, mongo_url: str, database_name: str, **changes: Any) -> AsyncIterator[Service]:
    """Auth that knows the product in this way."""
    known = settings(mongo_database=database_name, providers=[provider(product, **changes)])
    return standing_as(build(reaching(mongo_url, product), known))


@pytest.fixture(scope="module")
async def trusts(product: str, mongo_url: str, database_name: str) -> AsyncIterator[Service]:
    async for service in knowing(product, mongo_url, database_name):
        yield service


@pytest.fixture(scope="module")
async def distrusts(product: str, mongo_url: str, database_name: str) -> AsyncIterator[Service]:
    async for service in knowing(product, mongo_url, database_name, trusted_email=False):
        yield service


@pytest.fixture(scope="module")
async def vouches(product: str, mongo_url: str, database_name: str) -> AsyncIterator[Service]:
    async for service in knowing(product, mongo_url, database_name, second_factor_amr=["mfa"]):
        yield service


@pytest.fixture
async def auth(trusts: Service, database: Database) -> AsyncIterator[Auth]:
    async for one in fresh(trusts, database):
        yield one


@pytest.fixture
async def distrusting(distrusts: Service, database: Database) -> AsyncIterator[Auth]:
    """Auth that does not take the product's word on addresses."""
    async for one in fresh(distrusts, database):
        yield one


@pytest.fixture
async def vouching(vouches: Service, database: Database) -> AsyncIterator[Auth]:
    """Auth that takes the product's word on second factors."""
    async for one in fresh(vouches, database):
        yield one


async def begin(auth: Auth, return_to: str | None = None) -> tuple[str, dict[str, str]]:
    """Where the browser is sent, and the cookie it is given."""
    params = {} if return_to is None else {"return_to": return_to}
    answer = await auth.http.get(f"{API}/login/acme", params=params)
    assert answer.status_code == 302, answer.text
    assert answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-souk_login=")
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    auth.http.cookies.clear()
    return answer.headers["location"], {"Cookie": cookie.partition(";")[0]}


async def at_product(url: str, user: dict[str, Any]) -> dict[str, str]:
    """Fill in the product's form; returns what it sends back."""
    async with httpx.AsyncClient() as browser:
        form = await browser.get(url)
        address = str(httpx.URL(url).join(form.headers["location"]))
        assert (await browser.get(address)).status_code == 200
        answer = await browser.post(address, data={"email": user["email"], "password": user["password"]})
        back = await browser.get(str(httpx.URL(url).join(answer.headers["location"])))
        location = back.headers["location"]
        assert location.startswith(f"{PUBLIC_URL}/login/callback/acme?")
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def come_back(auth: Auth, brought: dict[str, str], headers: dict[str, str]) -> httpx.Response:
    answer = await auth.http.get("/login/callback/acme", params=brought, headers=headers)
    auth.http.cookies.clear()
    return answer


async def log_in(auth: Auth, user: dict[str, Any], return_to: str | None = None) -> httpx.Response:
    url, cookie = await begin(auth, return_to)
    return await come_back(auth, await at_product(url, user), cookie)


async def test_a_visitor_of_the_product_gets_an_account_at_the_first_log_in(auth: Auth) -> None:
    first = await log_in(auth, ADA)
    assert first.status_code == 200, first.text
    assert first.headers["cache-control"] == "no-store"
    session = session_of(first.json())
    me = (await auth.http.get(f"{API}/me", headers=session.headers)).json()
    assert (me["email"], me["display_name"], me["verified"]) == ("ada@acme.example", "Ada", True)
    assert await auth.events("ada@acme.example") == [("UserRegistered", "1"), ("UserVerified", "2")]
    assert await auth.mails("ada@acme.example") == []
    again = await log_in(auth, ADA)
    assert session_of(again.json()).user_id == session.user_id
    assert await auth.database["users"].count_documents({}) == 1


async def test_a_browser_comes_back_to_where_it_was_with_its_session_in_the_cookie(auth: Auth) -> None:
    answer = await log_in(auth, ADA, "/addons/time?tab=1")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}/addons/time?tab=1")
    assert "token" not in answer.text
    cookies = {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}
    assert "max-age=0" in cookies["__Host-souk_login"].lower()
    refresh = {"Cookie": cookies["__Host-souk_refresh"].partition(";")[0], **OWN_PAGE}
    assert (await auth.http.post(f"{API}/sessions/refresh", headers=refresh)).status_code == 200


async def test_an_account_with_the_same_address_is_never_linked_by_itself(auth: Auth) -> None:
    await auth.person("ada@acme.example")
    answer = await log_in(auth, ADA)
    assert (answer.status_code, slug(answer)) == (409, "email-taken")
    browser = await log_in(auth, ADA, "/addons")
    assert browser.status_code == 303
    assert browser.headers["location"] == f"{PUBLIC_URL}/login?error=email-taken&return_to=%2Faddons"
    assert "__Host-souk_refresh" not in str(browser.headers)
    assert (await auth.user("ada@acme.example"))["identities"] == []


async def test_an_unverified_account_gives_way_to_whom_a_trusted_product_calls_proven(auth: Auth) -> None:
    await auth.sign_up("ada@acme.example", "the attacker's password")
    squatter = await auth.user("ada@acme.example")
    answer = await log_in(auth, ADA)
    assert answer.status_code == 200, answer.text
    user = await auth.user("ada@acme.example")
    assert user["_id"] == session_of(answer.json()).user_id != squatter["_id"]
    assert user["password"] is None


async def test_nobody_keeps_an_address_from_its_owner_by_signing_up_with_it(distrusting: Auth) -> None:
    await distrusting.sign_up("ada@acme.example", "the attacker's password")
    assert slug(await log_in(distrusting, ADA)) == "email-not-verified"
    await distrusting.verify(await distrusting.link_token("ada@acme.example"))
    assert (await log_in(distrusting, ADA)).status_code == 200
    user = await distrusting.user("ada@acme.example")
    assert (user["password"], [one["sub"] for one in user["identities"]]) == (None, [ADA["sub"]])


async def test_an_unverified_account_is_whose_link_is_used_where_the_product_is_not_believed(distrusting: Auth) -> None:
    await distrusting.sign_up("ada@acme.example")
    link = await distrusting.link_token("ada@acme.example")
    assert slug(await log_in(distrusting, ADA)) == "email-not-verified"
    await distrusting.verify(link)
    await distrusting.log_in("ada@acme.example")
    assert (await distrusting.user("ada@acme.example"))["identities"] == []


async def test_a_product_that_is_not_believed_tells_nobody_who_has_an_account(distrusting: Auth) -> None:
    nobody = await log_in(distrusting, BOB)
    await distrusting.person("ada@acme.example")
    known = await log_in(distrusting, ADA)
    told = [{**one.json(), "correlation_id": ""} for one in (nobody, known)]
    assert told[0] == told[1]
    assert (await distrusting.mails("ada@acme.example"))[-1]["template"] == "account-exists"


async def test_where_there_are_no_passwords_a_claimed_address_opens_for_its_owner_by_their_product_alone(
    database: Database, mongo_url: str, product: str
) -> None:
    providers = [provider(product, trusted_email=False)]
    without = settings(mongo_database=database.name, providers=providers, local_accounts=False)
    async for auth in started(build(reaching(mongo_url, product), without), database):
        eve = {"identities": [{"provider": "acme", "sub": "eve", "linked_at": auth.service.clock.now()}]}
        assert slug(await log_in(auth, ADA)) == "email-not-verified"
        await auth.database["users"].update_one({}, {"$set": {**eve, "links": []}})  # claimed by Eve first, long ago
        assert slug(await log_in(auth, ADA)) == "email-not-verified"
        assert (await auth.user("ada@acme.example"))["contested"]
        mailed = len(await auth.mails("ada@acme.example"))
        again = await auth.http.post(f"{API}/verify-email/resend", json={"email": "ada@acme.example"})
        assert again.status_code == 202
        assert len(await auth.mails("ada@acme.example")) == mailed
        await auth.database["users"].update_one({}, {"$set": {"links": []}})  # it expired

        assert slug(await log_in(auth, ADA)) == "email-not-verified"

        await auth.verify(await auth.link_token("ada@acme.example"))
        assert (await log_in(auth, ADA)).status_code == 200


async def test_mails_to_an_address_are_limited_for_products_too(
    database: Database, mongo_url: str, product: str
) -> None:
    providers = [provider(product, trusted_email=False)]
    limited = settings(mongo_database=database.name, providers=providers, mails_per_hour=2)
    async for auth in started(build(reaching(mongo_url, product), limited), database):
        await auth.person("ada@acme.example")
        assert [slug(await log_in(auth, ADA)) for _ in range(2)] == ["email-not-verified", "too-many-requests"]
        assert [slug(await log_in(auth, BOB)) for _ in range(3)] == ["email-not-verified"] * 3, "one mail, at the first"


async def test_a_product_account_that_is_removed_during_its_log_in_opens_nothing(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log_in(auth, ADA)
    sessions = await auth.database["sessions"].count_documents({})
    find = Users.by_identity

    async def removed_just_after(users: Users, provider: str, subject: str) -> Account | None:
        found = await find(users, provider, subject)
        await auth.database["users"].update_one({}, {"$set": {"identities": []}})
        return found

    monkeypatch.setattr(Users, "by_identity", removed_just_after)
    answer = await log_in(auth, ADA)
    assert (answer.status_code, slug(answer)) == (401, "login-refused")
    assert await auth.database["sessions"].count_documents({}) == sessions


async def test_row_s4_an_address_that_the_product_has_not_verified_is_proven_by_our_link(auth: Auth) -> None:
    refused = await log_in(auth, UNVERIFIED)
    assert (refused.status_code, slug(refused)) == (403, "email-not-verified")
    browser = await log_in(auth, UNVERIFIED, "/addons")
    assert browser.headers["location"] == f"{PUBLIC_URL}/login?error=email-not-verified&return_to=%2Faddons"
    assert len(await auth.mails("new@acme.example")) == 1
    verified = await auth.verify(await auth.link_token("new@acme.example"))
    assert verified.json() == {"verified": True, "return_to": "/login?return_to=%2Faddons"}  # row S8
    assert (await log_in(auth, UNVERIFIED)).status_code == 200
    assert await auth.events("new@acme.example") == [("UserRegistered", "1"), ("UserVerified", "2")]


async def test_without_trust_the_products_word_is_not_enough(distrusting: Auth) -> None:
    assert slug(await log_in(distrusting, ADA)) == "email-not-verified"
    assert await distrusting.events("ada@acme.example") == [("UserRegistered", "1")]
    await distrusting.verify(await distrusting.link_token("ada@acme.example"))
    assert (await log_in(distrusting, ADA)).status_code == 200


async def test_whoever_claims_a_foreign_address_at_the_product_loses_it_to_its_owner(distrusting: Auth) -> None:
    assert slug(await log_in(distrusting, ADA)) == "email-not-verified"
    await distrusting.sign_up("ada@acme.example", PASSWORD)
    await distrusting.verify(await distrusting.link_token("ada@acme.example"))
    await distrusting.log_in("ada@acme.example", PASSWORD)
    assert slug(await log_in(distrusting, ADA)) == "email-not-verified"
    assert (await distrusting.user("ada@acme.example"))["identities"] == []


async def test_two_first_log_ins_of_one_person_at_once_are_one_account(auth: Auth) -> None:
    trips = [await begin(auth) for _ in range(4)]
    brought = [await at_product(url, ADA) for url, _ in trips]
    answers = await asyncio.gather(
        *(
            auth.http.get("/login/callback/acme", params=one, headers=cookie)
            for one, (_, cookie) in zip(brought, trips, strict=True)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["user"]["id"] for answer in answers}) == 1
    assert await auth.events("ada@acme.example") == [("UserRegistered", "1"), ("UserVerified", "2")]


async def test_an_answer_counts_only_in_the_browser_that_asked(auth: Auth) -> None:
    url, cookie = await begin(auth)
    brought = await at_product(url, ADA)
    _, other_cookie = await begin(auth)
    for headers in ({}, other_cookie, {"Cookie": "__Host-souk_login=made-up"}):
        answer = await come_back(auth, brought, headers)
        assert (answer.status_code, slug(answer)) == (401, "login-expired")
    wrong_state = await come_back(auth, {**brought, "state": "another"}, cookie)
    assert slug(wrong_state) == "login-expired"
    assert (await come_back(auth, brought, cookie)).status_code == 200


async def test_a_code_of_somebody_elses_log_in_is_refused(auth: Auth) -> None:
    """Code injection: Eve puts her code into Ada's log-in."""
    eves_url, _ = await begin(auth)
    eves = await at_product(eves_url, BOB)
    adas_url, adas_cookie = await begin(auth)
    adas = await at_product(adas_url, ADA)
    answer = await come_back(auth, {"state": adas["state"], "code": eves["code"]}, adas_cookie)
    assert (answer.status_code, slug(answer)) == (401, "login-failed")


async def test_a_code_is_good_once(auth: Auth) -> None:
    url, cookie = await begin(auth)
    brought = await at_product(url, ADA)
    assert (await come_back(auth, brought, cookie)).status_code == 200
    assert slug(await come_back(auth, brought, cookie)) == "login-failed"


async def test_what_the_product_refuses_is_told(auth: Auth) -> None:
    url, cookie = await begin(auth)
    state = parse_qs(urlsplit(url).query)["state"][0]
    refused = await come_back(auth, {"error": "access_denied", "state": state}, cookie)
    assert (refused.status_code, slug(refused)) == (401, "login-refused")
    assert slug(await come_back(auth, {"state": state}, cookie)) == "login-refused"
    mixed = await come_back(auth, {"code": "x", "state": state, "iss": "https://evil.example"}, cookie)
    assert slug(mixed) == "login-failed"


async def test_a_browser_that_is_lost_is_led_to_the_log_in(auth: Auth) -> None:
    answer = await auth.http.get("/login/callback/acme?code=x&state=y", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}/login?error=login-expired")


@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "/\\evil.example", "addons", "", "/a\nb"])
async def test_the_way_back_leads_to_us_only(auth: Auth, path: str) -> None:
    answer = await auth.http.get(f"{API}/login/acme", params={"return_to": path})
    assert (answer.status_code, slug(answer)) == (422, "return-to-refused")


async def test_unknown_products(auth: Auth) -> None:
    for path in (f"{API}/login/nobody", "/login/callback/nobody?code=x&state=y"):
        answer = await auth.http.get(path)
        assert (answer.status_code, slug(answer)) == (404, "provider-unknown")


async def test_products_are_listed_without_their_secrets(auth: Auth) -> None:
    answer = await auth.http.get(f"{API}/providers")
    assert answer.json() == [
        {
            "id": "acme",
            "label": "Acme",
            "product": "",
            "region": "",
            "regions": [],
            "login_url": f"{PUBLIC_URL}/api/auth/v1/login/acme",
            "register_url": f"{PUBLIC_URL}/api/auth/v1/login/acme?register=1",
            "link_url": f"{PUBLIC_URL}/api/auth/v1/login/acme?link=1",
            "create_workspace_url": None,
        }
    ]


async def test_a_product_that_is_down_is_named_as_the_one_at_fault(database: Database, mongo_url: str) -> None:
    issuer = f"http://localhost:{free_port()}"
    service = build(reaching(mongo_url, issuer), settings(mongo_database=database.name, providers=[provider(issuer)]))
    async for auth in started(service, database):
        answer = await auth.http.get(f"{API}/login/acme")
        assert (answer.status_code, slug(answer)) == (503, "provider-unavailable")
        assert int(answer.headers["retry-after"]) > 0


async def test_a_product_at_a_private_address_is_not_called_unless_allowed(
    database: Database, mongo_url: str, product: str
) -> None:
    service = build(platform(mongo_url), settings(mongo_database=database.name, providers=[provider(product)]))
    async for auth in started(service, database):
        assert slug(await auth.http.get(f"{API}/login/acme")) == "provider-unavailable"


async def test_an_account_with_a_second_factor_is_asked_for_it_after_the_product(auth: Auth) -> None:
    device = await protect(auth, session_of((await log_in(auth, ADA)).json()))
    refused = await log_in(auth, ADA)
    assert (refused.status_code, slug(refused)) == (403, "two-factor-needed")
    wrong = await second(auth, refused.json()["challenge"], code="000000")
    assert slug(wrong) == "code-wrong"
    opened = await second(auth, refused.json()["challenge"], recovery_code=device.recovery_codes[0])
    assert opened.status_code == 201, opened.text


async def test_a_browser_brings_the_code_with_a_challenge_that_no_address_shows(auth: Auth) -> None:
    device = await protect(auth, session_of((await log_in(auth, ADA)).json()))
    back = await log_in(auth, ADA, "/addons/time?tab=1")
    assert back.status_code == 303
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query == {"error": ["two-factor-needed"], "return_to": ["/addons/time?tab=1"]}
    cookies = {line.partition("=")[0]: line for line in back.headers.get_list("set-cookie")}
    assert "__Host-souk_refresh" not in cookies
    kept = cookies["__Host-souk_challenge"]
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= {one.strip().lower() for one in kept.split(";")}
    cookie = {"Cookie": kept.partition(";")[0]}
    body = {"recovery_code": device.recovery_codes[0]}
    elsewhere = await post(auth, "/sessions/two-factor", body, **cookie, Origin="https://evil.example")
    assert slug(elsewhere) == "cross-site-request"
    opened = await post(auth, "/sessions/two-factor", body, **cookie, **OWN_PAGE)
    assert opened.status_code == 201, opened.text
    cookies = {line.partition("=")[0]: line.lower() for line in opened.headers.get_list("set-cookie")}
    assert "max-age=0" in cookies["__Host-souk_challenge"]
    assert "httponly" in cookies["__Host-souk_refresh"]


# --- one factor or two, and what is under way meanwhile ---


async def with_password(auth: Auth, user: dict[str, Any]) -> Session:
    """Somebody whom the product brought, and who has set a password too."""
    someone = session_of((await log_in(auth, user)).json())
    body = {"new_password": PASSWORD}
    answer = await auth.http.put(f"{API}/me/password", json=body, headers=someone.headers)
    assert answer.status_code == 204, answer.text
    return someone


async def is_protected(auth: Auth, someone: Session) -> bool:
    return bool((await auth.http.get(f"{API}/me", headers=someone.headers)).json()["two_factor"])


async def carried_on(auth: Auth, someone: Session) -> int:
    return (await post(auth, "/sessions/refresh", {"refresh_token": someone.refresh_token})).status_code


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[object]]) -> None:
    """Let something happen when a log-in has been accepted, and its session is about to be stored."""
    start = Sessions.start

    async def after_all(sessions: Sessions, *args: Any) -> Family:
        await happens()
        return await start(sessions, *args)

    monkeypatch.setattr(Sessions, "start", after_all)


async def test_a_product_vouches_for_no_session_that_gave_one_factor(vouching: Auth) -> None:
    owner = await with_password(vouching, EVA)
    assert await is_protected(vouching, owner)
    thief = await vouching.log_in("eva@acme.example")
    assert not await is_protected(vouching, thief)

    again = session_of((await log_in(vouching, EVA)).json())

    assert await is_protected(vouching, again)
    assert [await carried_on(vouching, one) for one in (thief, owner, again)] == [401, 200, 200]


async def test_whoever_gives_one_factor_at_the_same_moment_is_not_vouched_for(
    vouching: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await with_password(vouching, EVA)
    found = (await vouching.user("eva@acme.example"))["vouched_by"]
    users = vouching.database["users"]
    meanwhile(monkeypatch, lambda: users.update_one({"_id": owner.user_id}, {"$set": {"vouched_by": found}}))

    thief = await vouching.log_in("eva@acme.example")

    assert not await is_protected(vouching, thief)


async def test_whoever_gives_one_factor_while_a_second_is_switched_on_gets_no_token(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await with_password(auth, ADA)
    meanwhile(monkeypatch, lambda: protect(auth, owner))

    answer = await post(auth, "/sessions", {"email": "ada@acme.example", "password": PASSWORD})

    assert (answer.status_code, slug(answer)) == (401, "session-ended")


async def test_a_log_in_under_way_by_a_product_account_that_is_removed_opens_nothing(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await with_password(auth, ADA)
    mine = f"{API}/me/product-accounts"
    (row,) = (await auth.http.get(mine, headers=owner.headers)).json()
    meanwhile(monkeypatch, lambda: auth.http.delete(f"{mine}/{row['id']}", headers=owner.headers))

    answer = await log_in(auth, ADA)

    assert (answer.status_code, slug(answer)) == (401, "session-ended")
    assert await carried_on(auth, owner) == 200
