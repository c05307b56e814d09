"""Arriving, and log-ins that a product begins, as far as no product is needed for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.auth.main import build
from shared.plumbing.mongo import Database
from shared.plumbing.service import Service
from tests.integration.auth.conftest import (
    API,
    OWN_PAGE,
    PASSWORD,
    PROVIDERS,
    PUBLIC_URL,
    Auth,
    fresh,
    platform,
    settings,
    slug,
    standing_as,
    started,
)
from tests.unit.auth.provider import ISSUER

MORE: tuple[dict[str, Any], ...] = (
    {"addresses": ["*.acme.example"], "registration_url": "https://acme.example/new?next={back}"},
    {"issuer": "https://other.example"},
)
KNOWN = [known | more for known, more in zip(PROVIDERS, MORE, strict=True)]
NOWHERE = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/a\nb",
    "/" + "a" * 3000,
]
OPEN_REDIRECTS = [*NOWHERE, f"{PUBLIC_URL}.evil.example/", f"{PUBLIC_URL}@evil.example/", f"{PUBLIC_URL}//evil.example"]


@pytest.fixture(scope="module")
async def knows_both(mongo_url: str, database_name: str) -> AsyncIterator[Service]:
    known = settings(mongo_database=database_name, providers=KNOWN)
    async for service in standing_as(build(platform(mongo_url), known)):
        yield service


@pytest.fixture
async def auth(knows_both: Service, database: Database) -> AsyncIterator[Auth]:
    async for one in fresh(knows_both, database):
        yield one


async def test_an_arrival_names_the_product_and_the_ways_to_log_in(auth: Auth) -> None:
    query = {"referrer": "https://globex.acme.example/projects", "return_to": "/addons/x?install=1"}
    answer = await auth.http.get(f"{API}/arrival", params=query)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    url = f"{PUBLIC_URL}{API}/login/acme?return_to=%2Faddons%2Fx%3Finstall%3D1"
    found = answer.json()
    assert (found["provider"]["id"], found["recognised_by"]) == ("acme", "referrer")
    assert [found[f"{one}_url"] for one in ("login", "register", "silent")] == [
        url,
        f"{url}&register=1",
        f"{url}&silent=1",
    ]


async def test_a_page_that_says_nothing_still_tells_by_its_referer_header(auth: Auth) -> None:
    headers = {"Referer": "https://globex.acme.example/"}
    assert (await auth.http.get(f"{API}/arrival", headers=headers)).json()["recognised_by"] == "referrer"


async def test_a_stranger_is_recognised_by_nothing(auth: Auth) -> None:
    answer = await auth.http.get(f"{API}/arrival", params={"region": "mars", "subdomain": "x.evil.example"})
    assert answer.json() == {
        "provider": None,
        "recognised_by": None,
        "login_url": None,
        "register_url": None,
        "silent_url": None,
    }


async def test_silence_is_tried_once_and_not_after_a_log_out(auth: Auth) -> None:
    for cookie in ("tried", "out"):
        headers = {"Cookie": f"__Host-souk_silent={cookie}"}
        found = (await auth.http.get(f"{API}/arrival", params={"region": "eu"}, headers=headers)).json()
        assert (found["provider"]["id"], found["silent_url"]) == ("acme", None)
        answer = await auth.http.get(f"{API}/login/acme?silent=1&return_to=/addons", headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}/addons")


async def test_who_logs_out_is_left_alone(auth: Auth) -> None:
    await auth.person("ada@example.com")
    body = {"email": "ada@example.com", "password": PASSWORD, "client": "browser"}
    answer = await auth.http.post(f"{API}/sessions", json=body, headers=OWN_PAGE)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    auth.http.cookies.clear()
    answer = await auth.http.delete(f"{API}/sessions/current", headers=OWN_PAGE | {"Cookie": cookie})
    assert any(one.startswith("__Host-souk_silent=out") for one in answer.headers.get_list("set-cookie"))


async def test_who_is_logged_in_is_not_sent_off_silently(auth: Auth) -> None:
    await auth.person("ada@example.com")
    body = {"email": "ada@example.com", "password": PASSWORD, "client": "browser"}
    answer = await auth.http.post(f"{API}/sessions", json=body, headers=OWN_PAGE)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    auth.http.cookies.clear()
    answer = await auth.http.get(f"{API}/login/acme?silent=1&return_to=/addons", headers={"Cookie": cookie})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}/addons")


@pytest.mark.parametrize("target", OPEN_REDIRECTS)
async def test_nobody_is_led_out_of_our_origin(auth: Auth, target: str) -> None:
    for path, query in (
        ("/login/initiate", {"iss": ISSUER, "target_link_uri": target}),
        (f"{API}/login/acme", {"silent": "1", "return_to": target}),
        (f"{API}/login/acme", {"register": "1", "return_to": target}),
        (f"{API}/arrival", {"region": "eu", "return_to": target}),
    ):
        answer = await auth.http.get(path, params=query, headers={"Accept": "text/html"})
        assert (answer.status_code, slug(answer)) == (422, "return-to-refused")
        assert "location" not in answer.headers
    form = {"iss": ISSUER, "target_link_uri": target}
    assert slug(await auth.http.post("/login/initiate", data=form)) == "return-to-refused"


async def test_a_product_that_is_away_leads_back_quietly(auth: Auth) -> None:
    target = f"{PUBLIC_URL}/addons?x=1"
    page = {"Accept": "text/html"}
    for answer in (
        await auth.http.get("/login/initiate", params={"iss": ISSUER, "target_link_uri": target}),
        await auth.http.post("/login/initiate", data={"iss": ISSUER, "target_link_uri": target}),
        await auth.http.get(f"{API}/login/acme", params={"silent": "1", "return_to": "/addons?x=1"}, headers=page),
    ):
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{PUBLIC_URL}/addons?x=1&login=provider-unavailable"


@pytest.mark.parametrize(
    ("query", "status", "refused"),
    [
        ({"iss": "https://evil.example"}, 404, "provider-unknown"),
        ({"iss": f"{ISSUER}/"}, 404, "provider-unknown"),
        ({}, 422, "invalid-request"),
        ({"iss": ISSUER, "login_hint": "x" * 300}, 422, "invalid-request"),
    ],
)
async def test_bad_initiations_are_refused_either_way(
    auth: Auth, query: dict[str, str], status: int, refused: str
) -> None:
    for answer in (
        await auth.http.get("/login/initiate", params=query),
        await auth.http.post("/login/initiate", data=query),
    ):
        assert (answer.status_code, slug(answer)) == (status, refused)


async def test_a_form_of_many_fields_is_refused(auth: Auth) -> None:
    form = {f"f{number}": "x" for number in range(50)}
    answer = await auth.http.post("/login/initiate", data={"iss": ISSUER, **form})
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")


async def test_only_one_thing_is_wanted_of_a_log_in(auth: Auth) -> None:
    answer = await auth.http.get(f"{API}/login/acme?silent=1&register=1")
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")


async def test_without_local_accounts_there_are_no_passwords(database: Database, mongo_url: str) -> None:
    off: dict[str, Any] = {"mongo_database": database.name, "providers": KNOWN, "local_accounts": False}
    async for auth in started(build(platform(mongo_url), settings(**off)), database):
        options = (await auth.http.get(f"{API}/login-options")).json()
        assert (options["local_accounts"], [one["id"] for one in options["providers"]]) == (False, ["acme", "other"])
        body = {"email": "ada@example.com", "password": PASSWORD}
        for path in ("accounts", "sessions"):
            answer = await auth.http.post(f"{API}/{path}", json=body)
            assert (answer.status_code, slug(answer)) == (403, "local-accounts-off")
        assert await auth.database["users"].count_documents({}) == 0


async def test_login_options_offer_both_by_default(auth: Auth) -> None:
    assert (await auth.http.get(f"{API}/login-options")).json()["local_accounts"] is True
