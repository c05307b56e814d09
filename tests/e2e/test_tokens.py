"""Tokens that are not good enough: forged, expired, of the wrong kind, or dead."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from deploy.local.demo.people import eventually
from shared.plumbing.keys import SigningKey
from tests.e2e.marketplace import INSTALLATIONS, Marketplace
from tests.e2e.publisher_site import Site, says

# One route of each service that wants a user.
DOORS = (
    ("GET", "/api/auth/v1/me"),
    ("POST", "/api/catalog/v1/manifests/validate"),
    ("GET", f"{INSTALLATIONS}?workspace={'f' * 24}"),
    ("GET", f"/api/notifier/v1/snapshot?workspace={'f' * 24}"),
)


@dataclass(frozen=True)
class Installed:
    """An installation whose add-on is ours, so that we have its tokens."""

    id: str
    workspace: str
    lifecycle_token: str
    auth_token: str


@pytest.fixture(scope="module")
def installed(marketplace: Marketplace, site: Site) -> Installed:
    """Installed by the admin."""
    key, workspace = f"keeper-{secrets.token_hex(4)}", marketplace.workspace()
    manifest = {
        "schemaVersion": "1.3",
        "key": key,
        "name": "Keeper",
        "baseUrl": f"{site.url}/{key}",
        "minimalSubscriptionPlan": "FREE",
        "scopes": ["WORKSPACE_READ"],
        "lifecycle": [{"type": kind, "path": f"/{kind.lower()}"} for kind in ("INSTALLED", "DELETED")],
    }
    site.pages |= {f"/{key}/installed": says(200, b"{}"), f"/{key}/deleted": says(200, b"{}")}
    marketplace.publisher.call("POST", "/api/catalog/v1/addons", json={"manifest": manifest})
    installation = marketplace.request(key, workspace)
    marketplace.outcome(installation, "installed")
    (call,) = site.to(f"/{key}/installed")
    return Installed(installation, workspace, call.headers["x-addon-lifecycle-token"], call.data["authToken"])


def part(content: dict[str, Any] | bytes) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read(token: str, number: int) -> dict[str, Any]:
    text = token.split(".")[number]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def forgeries(marketplace: Marketplace, good: str) -> dict[str, str]:
    """Tokens made from a good one by somebody without the key."""
    header, claims = read(good, 0), read(good, 1)
    head, body, signature = good.split(".")
    more = part(claims | {"roles": ["operator"]})
    pem = httpx.get(f"{marketplace.url}/.well-known/souk/addons.pem").content
    confused = f"{part(header | {'alg': 'HS256'})}.{body}"
    mac = hmac.new(pem, confused.encode(), hashlib.sha256).digest()
    foreign = SigningKey.generate(header["kid"])
    return {
        "alg none": f"{part(header | {'alg': 'none'})}.{body}.",
        "alg None with its signature": f"{part(header | {'alg': 'None'})}.{body}.{signature}",
        "no signature": f"{head}.{body}.",
        "more roles": f"{head}.{more}.{signature}",
        "a public key as a secret": f"{confused}.{part(mac)}",
        "a key of the same name": foreign.sign(claims),
        "an unknown key": SigningKey.generate("unknown").sign(claims),
        "a key of its own": f"{part(header | {'jwk': foreign.public_jwk()})}.{foreign.sign(claims).split('.', 1)[1]}",
        "half": good[: len(good) // 2],
        "too long": good + "A" * 20_000,
        "no token": "null",
    }


def answers(marketplace: Marketplace, token: str) -> set[tuple[int, str]]:
    """What each service says to a bearer of this token."""
    told = [
        httpx.request(method, marketplace.url + path, headers={"Authorization": f"Bearer {token}"}, json={})
        for method, path in DOORS
    ]
    return {(answer.status_code, answer.json().get("slug", "")) for answer in told}


@pytest.mark.parametrize(
    "how",
    [
        "alg none",
        "alg None with its signature",
        "no signature",
        "more roles",
        "a public key as a secret",
        "a key of the same name",
        "an unknown key",
        "a key of its own",
        "half",
        "no token",
    ],
)
def test_a_forged_token_opens_no_door(marketplace: Marketplace, how: str) -> None:
    marketplace.admin.log_in()

    assert answers(marketplace, forgeries(marketplace, marketplace.admin.token)[how]) == {(401, "token-invalid")}


def test_a_token_that_is_too_long_opens_no_door(marketplace: Marketplace) -> None:
    long = forgeries(marketplace, marketplace.admin.token)["too long"]

    for method, path in DOORS:
        answer = httpx.request(method, marketplace.url + path, headers={"Authorization": f"Bearer {long}"})
        assert answer.status_code in {401, 431}


def test_without_a_token_there_is_no_door(marketplace: Marketplace) -> None:
    told = [httpx.request(method, marketplace.url + path, json={}) for method, path in DOORS]

    assert {(answer.status_code, answer.json()["slug"]) for answer in told} == {(401, "token-missing")}
    assert {answer.headers["WWW-Authenticate"] for answer in told} == {"Bearer"}


def test_the_tokens_of_addons_open_no_door_of_users(marketplace: Marketplace, installed: Installed) -> None:
    for token in (installed.lifecycle_token, installed.auth_token):
        assert answers(marketplace, token) == {(401, "token-invalid")}


def test_a_refresh_token_is_no_access_token(marketplace: Marketplace) -> None:
    body = {"email": marketplace.admin.email, "password": marketplace.admin.password}
    session = marketplace.admin.call("POST", "/api/auth/v1/sessions", json=body)

    assert answers(marketplace, session["refresh_token"]) == {(401, "token-invalid")}


@pytest.fixture
def addon_answer(marketplace: Marketplace, installed: Installed) -> Callable[..., httpx.Response]:
    """Asks for a workspace, as add-ons do."""

    def ask(token: str, workspace: str = installed.workspace) -> httpx.Response:
        return httpx.get(
            f"{marketplace.url}/addon-api/v1/workspaces/{workspace}", headers={"X-Addon-Token": token}, timeout=20
        )

    return ask


def test_tokens_of_users_and_forgeries_open_no_door_of_addons(
    marketplace: Marketplace, installed: Installed, addon_answer: Callable[..., httpx.Response]
) -> None:
    marketplace.admin.log_in()
    wrong = {"user": marketplace.admin.token, "lifecycle": installed.lifecycle_token, "none": ""}
    wrong |= forgeries(marketplace, installed.auth_token)
    wrong.pop("too long")  # the gateway's, as above

    told = {how: addon_answer(token) for how, token in wrong.items()}

    assert {how: (answer.status_code, answer.json().get("code")) for how, answer in told.items()} == dict.fromkeys(
        wrong, (401, 4017)
    )
    assert addon_answer(installed.auth_token).json()["id"] == installed.workspace


def test_a_token_is_good_in_its_own_workspace_only(
    marketplace: Marketplace, installed: Installed, addon_answer: Callable[..., httpx.Response]
) -> None:
    other = marketplace.workspace()

    assert addon_answer(installed.auth_token, other).status_code == 404


def test_a_token_dies_with_the_uninstall(
    marketplace: Marketplace, installed: Installed, addon_answer: Callable[..., httpx.Response]
) -> None:
    before = addon_answer(installed.auth_token).status_code
    marketplace.admin.call("DELETE", f"{INSTALLATIONS}/{installed.id}")

    after = addon_answer(installed.auth_token)
    assert (before, after.status_code, after.json()["code"]) == (200, 401, 4017)


def test_an_expired_token_says_that_it_is(marketplace: Marketplace, first_token: str) -> None:
    """The token is from the beginning of the run, so in a whole run there is little left to wait for."""
    eventually(
        lambda: answers(marketplace, first_token) == {(401, "token-expired")}, "the end of a token in use", seconds=120
    )
