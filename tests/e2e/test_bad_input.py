"""What a client can send that it should not: a clear refusal each time."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import INSTALLATIONS, Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.uploads import upload

SERVICES = ("auth", "catalog", "installer", "notifier")


def json_headers() -> dict[str, str]:
    return {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)}


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/api/auth/v1/accounts", {"email": 5, "password": ["x"]}, ["email", "password"]),
        ("/api/auth/v1/accounts", {"email": "a@b.example", "password": "long enough 1", "admin": True}, ["admin"]),
        ("/api/auth/v1/workspaces", {"name": {"$ne": 1}}, ["name"]),
        ("/api/catalog/v1/addons", {"manifest": {}, "visibility": "all", "owner": "me"}, ["visibility", "owner"]),
        (INSTALLATIONS, {"workspace_id": 7, "addon_key": None}, ["workspace_id", "addon_key"]),
        (INSTALLATIONS, {"workspace_id": "f" * 24, "addon_key": "a", "force": True}, ["force"]),
        ("/api/notifier/v1/feedback", {"page": "no path", "helpful": "perhaps"}, ["page", "helpful"]),
    ],
)
def test_wrong_types_and_unknown_fields_are_named(
    mallory: Caller, path: str, body: dict[str, Any], fields: list[str]
) -> None:
    answer = mallory.send("POST", path, json=body, headers={"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request")
    assert sorted(error["field"] for error in answer.json()["errors"]) == sorted(fields)


@pytest.mark.parametrize("path", ["/api/auth/v1/accounts", "/api/catalog/v1/addons", INSTALLATIONS])
def test_malformed_json_is_400(mallory: Caller, path: str) -> None:
    answer = mallory.send("POST", path, content=b'{"a": ', headers=json_headers())

    assert (answer.status_code, answer.json()["slug"]) == (400, "malformed-json")


@pytest.mark.parametrize("service", SERVICES)
def test_ten_megabytes_are_refused(marketplace: Marketplace, service: str) -> None:
    body = json.dumps({"text": "x" * 10_000_000}).encode()

    answer = upload(f"{marketplace.url}/api/{service}/v1/anything", body)

    assert (answer.status, answer.document["slug"]) == (413, "body-too-large")


def test_the_same_address_twice_at_once_is_one_account(marketplace: Marketplace) -> None:
    twin, run = marketplace.person("Twin"), secrets.token_hex(8)
    body = {"email": twin.email, "password": twin.password, "display_name": "Twin"}

    def sign_up(number: int) -> int:
        headers = {"X-Request-Id": f"{run}-{number}"}
        return twin.send("POST", "/api/auth/v1/accounts", json=body, headers=headers).status_code

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(sign_up, range(4)))

    assert answers == [202] * 4
    twin.open_link(marketplace.mailbox.wait(twin.email, "confirm"))
    twin.log_in()
    user_id = twin.call("GET", "/api/auth/v1/me")["id"]
    marketplace.topics.wait("UserVerified", user_id=user_id)
    told = [one for one in marketplace.topics.every() if one.header("correlation_id").startswith(run)]
    assert {one.data["user_id"] for one in told if one.type == "UserRegistered"} == {user_id}


def test_somebody_elses_workspace_does_not_exist(
    marketplace: Marketplace, mallory: Caller, workspace: str, addon: SampleAddOn
) -> None:
    installation = marketplace.install(addon, workspace)
    foreign = [
        ("GET", f"/api/auth/v1/workspaces/{workspace}", None),
        ("PATCH", f"/api/auth/v1/workspaces/{workspace}", {"name": "Mine"}),
        ("GET", f"/api/auth/v1/workspaces/{workspace}/members", None),
        ("DELETE", f"/api/auth/v1/workspaces/{workspace}/members/{marketplace.admin.user_id}", None),
        ("POST", INSTALLATIONS, {"workspace_id": workspace, "addon_key": addon.key}),
        ("GET", f"{INSTALLATIONS}?workspace={workspace}", None),
        ("GET", f"{INSTALLATIONS}/{installation}", None),
        ("POST", f"{INSTALLATIONS}/{installation}/cancel", None),
        ("POST", f"{INSTALLATIONS}/{installation}/retry", None),
        ("DELETE", f"{INSTALLATIONS}/{installation}", None),
        ("GET", f"/api/notifier/v1/stream?workspace={workspace}", None),
        ("GET", f"/api/notifier/v1/feed?workspace={workspace}", None),
        ("GET", f"/api/notifier/v1/snapshot?workspace={workspace}", None),
        ("GET", f"/api/notifier/v1/installations/{installation}/stream", None),
    ]

    answers = {
        (method, path): mallory.send(method, path, json=body, headers={"Idempotency-Key": "k"})
        for method, path, body in foreign
    }

    told = {where: (answer.status_code, answer.json()["slug"]) for where, answer in answers.items()}
    assert set(told.values()) <= {(404, "workspace-not-found"), (404, "installation-not-found")}, told
    assert workspace not in mallory.send("GET", f"/api/installer/v1/preflight?addon={addon.key}").text
    assert marketplace.show(installation)["state"] == "INSTALLED"


def test_a_directory_opens_to_its_token_only(mallory: Caller) -> None:
    body = {"version": 1, "name": "X", "region": "eu", "plan": "PRO", "requires_two_factor": False, "active": True}
    for provider in ("acme", "nobody", "%00"):
        answer = mallory.send("PUT", f"/api/auth/v1/directory/{provider}/workspaces/{'a' * 24}", json=body)
        assert answer.status_code in ({400} if provider == "%00" else {401}), answer.text


@pytest.mark.parametrize(
    ("key", "slug"),
    [("", "idempotency-key-invalid"), ("a b", "idempotency-key-invalid"), ("x" * 65, "idempotency-key-invalid")],
)
def test_an_idempotency_key_has_a_form(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn, key: str, slug: str
) -> None:
    body = {"workspace_id": workspace, "addon_key": addon.key}

    answer = marketplace.admin.send("POST", INSTALLATIONS, json=body, headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["slug"]) == (422, slug)


def test_a_key_belongs_to_whoever_took_it_first(marketplace: Marketplace, mallory: Caller, addon: SampleAddOn) -> None:
    url = f"{marketplace.addon_url}/x/{addon.name}/manifest.json"

    taken = mallory.send("POST", "/api/catalog/v1/addons", json={"manifest_url": url})
    changed = mallory.send("PATCH", f"/api/catalog/v1/addons/{addon.key}", json={"short_text": "mine"})
    gone = mallory.send("DELETE", f"/api/catalog/v1/addons/{addon.key}")

    assert (taken.status_code, taken.json()["slug"]) == (409, "key-taken")
    assert (changed.status_code, changed.json()["slug"]) == (403, "not-the-publisher")
    assert (gone.status_code, gone.json()["slug"]) == (403, "not-the-publisher")


def test_after_all_this_an_install_works(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    installation = marketplace.install(addon, workspace)

    assert marketplace.told(installation) == [("InstallRequested", "1"), ("AddOnInstalled", "2")]
    eventually(lambda: marketplace.mails_about(installation), "the mail")
