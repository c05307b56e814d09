"""Log-in with a provider that is not ours: what goes wrong between two parties, and what others try in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from deploy.local import ports
from services.auth.login.oidc import Attempt, OidcClient, Person
from services.auth.main import build
from shared.plumbing.mongo import Database
from tests.integration.auth.conftest import API, PASSWORD, PUBLIC_URL, Auth, Session, platform, settings, slug, started
from tests.openid_provider import OpenIdProvider, running

IDS = ("globe", "island")


@pytest.fixture(scope="module")
def providers() -> Iterator[dict[str, OpenIdProvider]]:
    port = ports.free(IDS)
    with ExitStack() as run:
        yield {one: run.enter_context(running(OpenIdProvider(one, port[one]), PUBLIC_URL)) for one in IDS}


@pytest.fixture
def globe(providers: dict[str, OpenIdProvider]) -> OpenIdProvider:
    """A provider whose word counts; quick, and with accounts of this test only."""
    providers["globe"].answer_after(0)
    return providers["globe"]


@pytest.fixture
def island(providers: dict[str, OpenIdProvider]) -> OpenIdProvider:
    """Another one, whose word on addresses does not count."""
    return providers["island"]


def configured(providers: dict[str, OpenIdProvider], **changes: Any) -> list[dict[str, Any]]:
    more: dict[str, dict[str, Any]] = {"globe": {"trusted_email": True, "region": "eu"}, "island": {}}
    return [one.configured | more[one.id] | changes for one in providers.values()]


@pytest.fixture
async def auth(database: Database, mongo_url: str, providers: dict[str, OpenIdProvider]) -> AsyncIterator[Auth]:
    allowed = frozenset(urlsplit(one.issuer).netloc for one in providers.values())
    where = platform(mongo_url).model_copy(update={"outgoing_allow": allowed})
    known = settings(mongo_database=database.name, providers=configured(providers))
    async for one in started(build(where, known), database):
        yield one


@dataclass
class Trip:
    """A browser that has been sent to a provider: where to, and the cookie that it has from us."""

    url: str
    cookie: str

    @property
    def state(self) -> str:
        return parse_qs(urlsplit(self.url).query)["state"][0]


async def begin(auth: Auth, provider: OpenIdProvider, headers: dict[str, str] | None = None, **query: str) -> Trip:
    answer = await auth.http.get(f"{API}/login/{provider.id}", params=query, headers=headers or {})
    assert answer.status_code == 302, answer.text
    auth.http.cookies.clear()
    return Trip(answer.headers["location"], answer.headers["set-cookie"].partition(";")[0])


async def at_provider(url: str, login: str) -> dict[str, str]:
    """Fill in the provider's form; returns what the browser brings back."""
    async with httpx.AsyncClient(follow_redirects=False) as browser:
        answer = await browser.get(url)
        form = answer.headers["location"]
        answer = await browser.post(str(httpx.URL(url).join(form)), data={"login": login, "do": "go"})
        answer = await browser.get(answer.headers["location"])
        location = answer.headers["location"]
        assert "/login/callback/" in location, location
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def come_back(
    auth: Auth, provider: OpenIdProvider, brought: dict[str, str], cookie: str, **headers: str
) -> httpx.Response:
    answer = await auth.http.get(
        f"/login/callback/{provider.id}", params=brought, headers={"Cookie": cookie, **headers}
    )
    auth.http.cookies.clear()
    return answer


async def log_in(auth: Auth, provider: OpenIdProvider, login: str) -> httpx.Response:
    trip = await begin(auth, provider)
    return await come_back(auth, provider, await at_provider(trip.url, login), trip.cookie)


def account(provider: OpenIdProvider, login: str = "ada", **claims: Any) -> str:
    return provider.account(login, **({"email": f"{login}@{provider.id}.example", "email_verified": True} | claims))


async def test_a_log_in_ends_with_a_session_and_what_the_provider_told(auth: Auth, globe: OpenIdProvider) -> None:
    account(globe, region="uk", account_url="https://ada.globe.example", name="Ada", locale="de")
    answer = await log_in(auth, globe, "ada")
    assert answer.status_code == 200, answer.text
    user = answer.json()["user"]
    assert (user["email"], user["display_name"], user["locale"]) == ("ada@globe.example", "Ada", "de")
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    [row] = (await auth.http.get(f"{API}/me/product-accounts", headers=headers)).json()
    assert (row["provider"], row["region"], row["address"]) == ("globe", "uk", "https://ada.globe.example")
    assert row["last_used_at"] is not None


async def test_keys_may_rotate_between_two_log_ins_and_in_the_middle_of_one(auth: Auth, globe: OpenIdProvider) -> None:
    account(globe)
    assert (await log_in(auth, globe, "ada")).status_code == 200

    trip = await begin(auth, globe)
    brought = await at_provider(trip.url, "ada")
    globe.rotate_keys()
    answer = await come_back(auth, globe, brought, trip.cookie)
    assert answer.status_code == 200, answer.text


async def test_a_provider_that_is_down_is_named_and_leaves_nothing(
    auth: Auth, providers: dict[str, OpenIdProvider], globe: OpenIdProvider
) -> None:
    account(globe)
    trip = await begin(auth, globe)
    brought = await at_provider(trip.url, "ada")
    globe.stop()
    try:
        answer = await come_back(auth, globe, brought, trip.cookie)
        assert (answer.status_code, slug(answer)) == (503, "provider-unavailable")
        assert "Globe" in answer.json()["title"]
    finally:
        globe.start()
    account(globe)
    assert await auth.database["users"].count_documents({}) == 0
    assert (await log_in(auth, globe, "ada")).status_code == 200


async def test_a_slow_provider_costs_everybody_one_deadline_together(auth: Auth, globe: OpenIdProvider) -> None:
    globe.answer_after(60)
    began = time.monotonic()
    answers = await asyncio.gather(*(auth.http.get(f"{API}/login/globe") for _ in range(20)))
    assert {(one.status_code, slug(one)) for one in answers} == {(503, "provider-unavailable")}
    assert time.monotonic() - began < 50  # 20 deadlines would be 100 s
    globe.answer_after(0)


async def test_a_code_of_somebody_else_is_of_no_use(auth: Auth, globe: OpenIdProvider) -> None:
    """Code injection: the attacker's own code into the victim's log-in, and the victim's into the attacker's."""
    account(globe, "mallory")
    account(globe)
    victims, attackers = await begin(auth, globe), await begin(auth, globe)
    theirs, mine = await at_provider(victims.url, "ada"), await at_provider(attackers.url, "mallory")
    for trip, code in ((victims, mine["code"]), (attackers, theirs["code"])):
        brought = {"code": code, "state": trip.state, "iss": globe.issuer}
        answer = await come_back(auth, globe, brought, trip.cookie)
        assert (answer.status_code, slug(answer)) == (401, "login-failed")
    assert await auth.database["users"].count_documents({}) == 0


async def test_an_answer_in_another_browser_is_refused(auth: Auth, globe: OpenIdProvider) -> None:
    """Log-in CSRF: the victim is led to the callback with the attacker's answer."""
    account(globe, "mallory")
    trip = await begin(auth, globe)
    brought = await at_provider(trip.url, "mallory")
    answer = await auth.http.get("/login/callback/globe", params=brought)
    assert (answer.status_code, slug(answer)) == (401, "login-expired")
    other = await begin(auth, globe)
    answer = await come_back(auth, globe, brought, other.cookie)
    assert (answer.status_code, slug(answer)) == (401, "login-expired")


async def test_two_providers_are_not_mixed_up(auth: Auth, globe: OpenIdProvider, island: OpenIdProvider) -> None:
    account(globe)
    trip = await begin(auth, globe)
    brought = await at_provider(trip.url, "ada")
    assert brought["iss"] == globe.issuer
    answer = await come_back(auth, island, brought, trip.cookie)
    assert (answer.status_code, slug(answer)) == (401, "login-expired")
    answer = await come_back(auth, globe, brought | {"iss": island.issuer}, trip.cookie)
    assert (answer.status_code, slug(answer)) == (401, "login-failed")
    without = {name: value for name, value in brought.items() if name != "iss"}
    answer = await come_back(auth, globe, without, trip.cookie)
    assert (answer.status_code, slug(answer)) == (401, "login-failed")
    # The code was shown to nobody, so it is good still.
    assert (await come_back(auth, globe, brought, trip.cookie)).status_code == 200


async def test_a_code_is_good_once(auth: Auth, globe: OpenIdProvider) -> None:
    account(globe)
    trip = await begin(auth, globe)
    brought = await at_provider(trip.url, "ada")
    assert (await come_back(auth, globe, brought, trip.cookie)).status_code == 200
    assert slug(await come_back(auth, globe, brought, trip.cookie)) == "login-failed"

    trip = await begin(auth, globe)
    brought = await at_provider(trip.url, "ada")
    answers = await asyncio.gather(*(come_back(auth, globe, brought, trip.cookie) for _ in range(3)))
    codes = [one.status_code for one in answers]
    assert set(codes) <= {200, 401}  # the provider may take it from all who brought it
    assert codes.count(200) <= 1


@pytest.mark.parametrize("verified", [True, False])
async def test_nobody_takes_an_account_over_by_a_products_word_on_an_address(
    auth: Auth, globe: OpenIdProvider, island: OpenIdProvider, verified: bool
) -> None:
    owner = await auth.person("ada@example.com")
    account(island, "mallory", email="ADA@example.com", email_verified=verified)
    account(globe, "mallory", email="ada@example.com", email_verified=verified)
    for provider in (island, globe):
        answer = await log_in(auth, provider, "mallory")
        believed = verified and provider is globe
        expected = (409, "email-taken") if believed else (403, "email-not-verified")
        assert (answer.status_code, slug(answer)) == expected
    user = await auth.user("ada@example.com")
    assert (user["_id"], user["identities"]) == (owner.user_id, [])


async def test_an_identity_of_an_account_that_is_nobodys_goes_to_who_logs_in_by_it(
    auth: Auth, island: OpenIdProvider
) -> None:
    """Somebody's first product log-in was left unverified; now they add the product account to their own."""
    account(island, "eve", email="typo@example.com", email_verified=False)
    assert slug(await log_in(auth, island, "eve")) == "email-not-verified"
    token = await auth.link_token("typo@example.com")
    owner = await browser_of(auth, await auth.person())

    answer = await link(auth, island, owner, "eve")
    assert answer.headers["location"] == f"{PUBLIC_URL}/accounts"
    assert (await auth.user("typo@example.com"))["identities"] == []
    # The old link brings nothing back.
    assert slug(await auth.verify(token)) == "link-unknown"
    assert (await log_in(auth, island, "eve")).status_code == 200


async def browser_of(auth: Auth, someone: Session) -> str:
    """The cookie of a browser in which somebody is logged in."""
    del someone
    user = await auth.database["users"].find_one({"verified_at": {"$ne": None}}, sort=[("created_at", -1)])
    assert user is not None
    answer = await auth.http.post(
        f"{API}/sessions",
        json={"email": user["email"], "password": PASSWORD, "client": "browser"},
        headers={"X-Souk-CSRF": "1", "Origin": PUBLIC_URL},
    )
    assert answer.status_code == 201, answer.text
    auth.http.cookies.clear()
    cookie: str = answer.headers["set-cookie"].partition(";")[0]
    return cookie


async def link(auth: Auth, provider: OpenIdProvider, cookie: str, login: str) -> httpx.Response:
    own = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
    trip = await begin(auth, provider, own, link="1", return_to="/accounts")
    brought = await at_provider(trip.url, login)
    return await come_back(auth, provider, brought, f"{cookie}; {trip.cookie}", Accept="text/html")


async def test_two_accounts_that_add_one_identity_at_once_do_not_share_it(auth: Auth, globe: OpenIdProvider) -> None:
    account(globe, "shared")
    cookies = [await browser_of(auth, await auth.person()) for _ in range(2)]
    answers = await asyncio.gather(*(link(auth, globe, one, "shared") for one in cookies))
    places = sorted(one.headers["location"] for one in answers)
    assert places[0] == f"{PUBLIC_URL}/accounts"
    assert places[1].startswith(f"{PUBLIC_URL}/login?error=product-account-taken")
    assert await auth.database["users"].count_documents({"identities.sub": "globe-shared"}) == 1


async def test_what_belongs_to_a_session_needs_one_that_stands(auth: Auth, globe: OpenIdProvider) -> None:
    account(globe)
    own = {"Sec-Fetch-Site": "same-origin"}
    for kind in ("link", "again"):
        answer = await auth.http.get(f"{API}/login/globe", params={kind: "1"})
        assert (answer.status_code, slug(answer)) == (403, "cross-site-request")
        answer = await auth.http.get(f"{API}/login/globe", params={kind: "1"}, headers=own)
        assert (answer.status_code, slug(answer)) == (401, "session-ended")
    cookie = await browser_of(auth, await auth.person())
    trip = await begin(auth, globe, own | {"Cookie": cookie}, link="1", return_to="/accounts")
    brought = await at_provider(trip.url, "ada")
    await auth.database["sessions"].update_many({}, {"$set": {"ended_at": auth.service.clock.now()}})
    answer = await come_back(auth, globe, brought, f"{cookie}; {trip.cookie}")
    assert answer.headers["location"].startswith(f"{PUBLIC_URL}/login?error=session-ended")


async def test_adding_a_product_account_asks_for_a_fresh_proof(auth: Auth, globe: OpenIdProvider) -> None:
    cookie = await browser_of(auth, await auth.person())
    long_ago = auth.service.clock.now().replace(year=2020)
    await auth.database["sessions"].update_many({}, {"$set": {"proved_at": long_ago}})
    own = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
    answer = await auth.http.get(f"{API}/login/globe", params={"link": "1"}, headers=own)
    assert (answer.status_code, slug(answer)) == (403, "step-up-required")


async def test_adding_a_product_account_takes_a_fresh_log_in_there_and_its_owner_is_told(
    auth: Auth, globe: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    account(globe)
    ada = await auth.person("ada@example.com")
    cookie = await browser_of(auth, ada)
    find = OidcClient.person

    async def long_logged_in(client: OidcClient, code: str, iss: str | None, attempt: Attempt) -> Person:
        return (await find(client, code, iss, attempt)).model_copy(update={"auth_time": 1})

    with monkeypatch.context() as patch:
        patch.setattr(OidcClient, "person", long_logged_in)
        refused = await link(auth, globe, cookie, "ada")
    assert refused.headers["location"].startswith(f"{PUBLIC_URL}/login?error=login-failed")
    assert (await auth.user("ada@example.com"))["identities"] == []

    assert (await link(auth, globe, cookie, "ada")).headers["location"] == f"{PUBLIC_URL}/accounts"
    notice = (await auth.mails("ada@example.com"))[-1]
    assert (notice["template"], notice["parameters"]["kind"]) == ("security-notice", "product-account-added")


async def test_a_proof_at_the_provider_makes_the_session_fresh_again(auth: Auth, globe: OpenIdProvider) -> None:
    account(globe)
    cookie = await browser_of(auth, await auth.person())
    await link(auth, globe, cookie, "ada")
    long_ago = auth.service.clock.now().replace(year=2020)
    await auth.database["sessions"].update_many({}, {"$set": {"proved_at": long_ago}})
    own = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
    trip = await begin(auth, globe, own, again="1", return_to="/accounts")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(trip.url).query).items()}
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    brought = await at_provider(trip.url, "ada")
    answer = await come_back(auth, globe, brought, f"{cookie}; {trip.cookie}")
    assert answer.headers["location"] == f"{PUBLIC_URL}/accounts"
    fresh = await auth.database["sessions"].find_one({"client": "browser"})
    assert fresh is not None
    assert fresh["proved_at"] > long_ago


async def test_an_answer_from_elsewhere_goes_on_from_a_page_of_ours_once(auth: Auth, globe: OpenIdProvider) -> None:
    account(globe)
    trip = await begin(auth, globe, silent="1", return_to="/addons?x=1")
    brought = {"error": "login_required", "state": trip.state, "iss": globe.issuer}
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    page = await come_back(auth, globe, brought, trip.cookie, **elsewhere)
    assert page.status_code == 200
    assert "set-cookie" not in page.headers
    assert 'http-equiv="refresh" content="0;url=/login/callback/globe?' in page.text
    answer = await come_back(auth, globe, brought | {"seen": "1"}, trip.cookie, **elsewhere)
    assert answer.headers["location"] == f"{PUBLIC_URL}/addons?x=1&login=login-refused"
