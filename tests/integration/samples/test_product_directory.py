"""The sample product's workspaces, and how they reach the marketplace."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from tests.integration.samples.directory import Directory, served
from tests.integration.samples.processes import free_port, running
from tests.waiting import PATIENCE_SECONDS

ADA = ("ada@acme.example", "correct-horse-1")
MAX = ("max@acme.example", "correct-horse-2")
USERS = [
    {"email": ADA[0], "password": ADA[1], "sub": "a" * 24},
    {"email": MAX[0], "password": MAX[1], "sub": "b" * 24},
]


@pytest.fixture(scope="module")
def shared_directory() -> Iterator[Directory]:
    with served(Directory()) as running_directory:
        yield running_directory


@pytest.fixture
def directory(shared_directory: Directory) -> Directory:
    shared_directory.status = 200
    return shared_directory


def environment(directory: Directory, data: Path) -> dict[str, str]:
    return {
        "SAMPLE_PRODUCT_PORT": str(free_port()),
        "SAMPLE_PRODUCT_CLIENT_SECRET": "client-secret",
        "SAMPLE_PRODUCT_DIRECTORY_TOKEN": "directory-token",
        "SAMPLE_PRODUCT_SOUK_URL": directory.url,
        "SAMPLE_PRODUCT_DATA_DIR": str(data),
        "SAMPLE_PRODUCT_USERS": json.dumps(USERS),
    }


@pytest.fixture(scope="module")
def product(shared_directory: Directory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    env = environment(shared_directory, tmp_path_factory.mktemp("product"))
    with (
        running("samples.product", env),
        httpx.Client(base_url=f"http://localhost:{env['SAMPLE_PRODUCT_PORT']}", auth=ADA) as client,
    ):
        yield client


def test_workspace_is_pushed_whole_when_it_changes(product: httpx.Client, directory: Directory) -> None:
    members = [{"email": MAX[0], "role": "member"}]
    created = product.post("/api/workspaces", json={"name": "Kitchen", "plan": "PRO", "members": members})
    assert created.status_code == 201
    workspace_id = created.json()["id"]
    assert (len(workspace_id), int(workspace_id, 16) >= 0) == (24, True)
    assert directory.wait_for(workspace_id, 1) == {
        "version": 1,
        "name": "Kitchen",
        "region": "eu",
        "plan": "PRO",
        "requires_two_factor": False,
        "active": True,
        "members": [{"subject": "a" * 24, "role": "owner"}, {"subject": "b" * 24, "role": "member"}],
    }
    pushed = [(path, authorization) for path, authorization, _ in directory.received if path.endswith(workspace_id)]
    assert pushed == [(f"/api/auth/v1/directory/acme/workspaces/{workspace_id}", "Bearer directory-token")]
    assert product.patch(f"/api/workspaces/{workspace_id}", json={"requires_two_factor": True}).status_code == 200
    assert directory.wait_for(workspace_id, 2)["requires_two_factor"] is True


def test_refused_push_is_repeated_until_it_is_accepted(product: httpx.Client, directory: Directory) -> None:
    directory.received.clear()
    directory.status = 503
    workspace_id = product.post("/api/workspaces", json={"name": "Kitchen"}).json()["id"]
    with directory.came:
        assert directory.came.wait_for(lambda: len(directory.received) >= 2, timeout=PATIENCE_SECONDS)
        directory.received.clear()
        directory.status = 200
    assert directory.wait_for(workspace_id, 1)["name"] == "Kitchen"


def test_push_on_demand_tells_how_it_went(product: httpx.Client, directory: Directory) -> None:
    workspace_id = product.post("/api/workspaces", json={"name": "Kitchen"}).json()["id"]
    directory.wait_for(workspace_id, 1)
    directory.status = 401
    refused = {"id": workspace_id, "version": 1, "status": 401, "accepted": False, "problem": ""}
    accepted = refused | {"status": 200, "accepted": True}
    assert refused in product.post("/api/push").json()
    directory.status = 200
    assert accepted in product.post("/api/push").json()
    [row] = [each for each in product.get("/api/workspaces").json() if each["id"] == workspace_id]
    assert {"id": workspace_id, **row["push"]} == accepted


def test_all_workspaces_are_pushed_again_at_start(directory: Directory, tmp_path: Path) -> None:
    env = environment(directory, tmp_path)
    base_url = f"http://localhost:{env['SAMPLE_PRODUCT_PORT']}"
    with running("samples.product", env):
        ids = [
            httpx.post(f"{base_url}/api/workspaces", json={"name": name}, auth=ADA).json()["id"] for name in ("A", "B")
        ]
        for workspace_id in ids:
            directory.wait_for(workspace_id, 1)
    directory.received.clear()
    with running("samples.product", env):
        for workspace_id in ids:
            directory.wait_for(workspace_id, 1)


def test_api_wants_a_user_who_may(product: httpx.Client) -> None:
    assert product.get("/api/workspaces", auth=None).status_code == 401
    wrong = product.get("/api/workspaces", auth=(ADA[0], "wrong"))
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, 'Basic realm="product"')
    workspace_id = product.post("/api/workspaces", json={"name": "Kitchen"}).json()["id"]
    assert product.patch(f"/api/workspaces/{workspace_id}", json={"name": "Max's"}, auth=MAX).status_code == 404
    seen = [each["id"] for each in product.get("/api/workspaces", auth=MAX).json()]
    assert workspace_id not in seen


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"name": "K", "owner": "me"}',
        b'{"name": "K", "plan": "GOLD"}',
        b'{"name": "K", "members": 3}',
        b'{"name": "K", "members": [{"email": "nobody@acme.example", "role": "admin"}]}',
        b'{"name": "K", "members": [{"email": 3, "role": "admin"}]}',
    ],
)
def test_bad_bodies_are_refused(product: httpx.Client, body: bytes) -> None:
    before = product.get("/api/workspaces").json()
    answer = product.post("/api/workspaces", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert len(product.get("/api/workspaces").json()) == len(before)


def test_pages_create_and_change_a_workspace(product: httpx.Client, directory: Directory) -> None:
    with httpx.Client(base_url=product.base_url, follow_redirects=True) as browser:
        assert "Log in" in browser.get("/workspaces/" + "0" * 24).text
        home = browser.post("/login", data={"email": ADA[0], "password": ADA[1]})
        assert "New workspace" in home.text
        page = browser.post("/workspaces", data={"name": "<Kitchen>", "region": "us", "plan": "BASIC", "active": "on"})
        workspace_id = page.url.path.rpartition("/")[2]
        assert "&lt;Kitchen&gt;" in page.text
        assert directory.wait_for(workspace_id, 1)["plan"] == "BASIC"
        fields = {"name": "Kitchen", "region": "us", "plan": "PRO", f"role-{'a' * 24}": "owner"}
        browser.post(f"/workspaces/{workspace_id}", data=fields | {f"role-{'b' * 24}": "admin"})
        body = directory.wait_for(workspace_id, 2)
        assert (body["active"], body["members"][1]) == (False, {"subject": "b" * 24, "role": "admin"})
        refused = browser.post(f"/workspaces/{workspace_id}", data=fields | {f"role-{'a' * 24}": "member"})
        assert refused.status_code == 400
        browser.post("/logout")
        assert "Log in" in browser.get("/").text


def test_s1_pages_lead_to_the_marketplace_and_say_where_from(product: httpx.Client, directory: Directory) -> None:
    issuer = product.get("/.well-known/openid-configuration").json()["issuer"]
    link = f'<a href="{directory.url}/?{urlencode({"iss": issuer})}">Add-ons</a>'
    made = product.post("/api/workspaces", json={"name": "Kitchen"}).json()["id"]
    with httpx.Client(base_url=product.base_url, follow_redirects=True) as browser:
        assert link in browser.get("/").text
        assert "Add-ons" not in browser.get("/login").text, "nothing leads away from a log-in"
        home = browser.post("/login", data={"email": ADA[0], "password": ADA[1]})
        assert link in home.text
        assert link in browser.get(f"/workspaces/{made}").text


def test_changes_at_once_leave_the_newest_version(product: httpx.Client, directory: Directory) -> None:
    workspace_id = product.post("/api/workspaces", json={"name": "Kitchen"}).json()["id"]

    def rename(number: int) -> None:
        httpx.patch(
            f"{product.base_url}/api/workspaces/{workspace_id}", json={"name": f"Kitchen {number}"}, auth=ADA
        ).raise_for_status()

    threads = [threading.Thread(target=rename, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [row] = [each for each in product.get("/api/workspaces").json() if each["id"] == workspace_id]
    assert row["version"] == 6
    assert directory.wait_for(workspace_id, 6)["name"] == row["name"]
