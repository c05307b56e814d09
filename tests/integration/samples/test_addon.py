"""The sample add-on as a process, called by a marketplace whose keys the test holds."""

import json
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.samples.marketplace import KEY, WORKSPACE, Marketplace, new_key, served
from tests.integration.samples.processes import free_port, running


@dataclass(frozen=True)
class Running:
    """A running add-on: where it is called, where it is controlled, and by which marketplace."""

    url: str
    control: str
    marketplace: Marketplace

    def behave(self, *, name: str = "", **order: Any) -> None:
        prefix = f"/x/{name}" if name else ""
        assert httpx.post(f"{self.control}{prefix}/control", json=order).status_code == 200

    def calls(self, addon_id: str, *, name: str = "") -> list[dict[str, Any]]:
        prefix = f"/x/{name}" if name else ""
        rows: list[dict[str, Any]] = httpx.get(f"{self.control}{prefix}/calls", params={"addon_id": addon_id}).json()
        return rows

    def install(self, addon_id: str) -> dict[str, Any]:
        rows = httpx.get(f"{self.control}/installs", params={"addon_id": addon_id}).json()
        assert len(rows) == 1
        row: dict[str, Any] = rows[0]
        return row


def environment(data: Path, marketplace: Marketplace, port: int, control_port: int) -> dict[str, str]:
    return {
        "SAMPLE_ADDON_PORT": str(port),
        "SAMPLE_ADDON_CONTROL_PORT": str(control_port),
        "SAMPLE_ADDON_MARKETPLACE_URL": marketplace.url,
        "SAMPLE_ADDON_DATA_DIR": str(data),
    }


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    port, control_port = free_port(), free_port()
    with served(Marketplace()) as marketplace:
        env = environment(tmp_path_factory.mktemp("addon"), marketplace, port, control_port)
        with running("samples.addon", env):
            yield Running(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{control_port}", marketplace)


@pytest.fixture
def addon(shared: Running) -> Running:
    assert httpx.delete(f"{shared.control}/control").json()["behaviours"] == {}
    return shared


@pytest.fixture
def addon_id() -> str:
    return secrets.token_hex(12)


def test_installed_is_accepted_and_answered_by_a_call_back(addon: Running, addon_id: str) -> None:
    market = addon.marketplace
    assert market.call(addon.url, "INSTALLED", addon_id).status_code == 200
    install = addon.install(addon_id)
    assert (install["status"], install["workspace_id"]) == ("ACTIVE", WORKSPACE)
    assert install["called_back"]["workspace"]["body"] == {"asked": f"/api/v1/workspaces/{WORKSPACE}"}
    assert install["called_back"]["user"]["body"] == {"asked": f"/backend/addon/workspaces/{WORKSPACE}/user"}
    assert market.called_back[-1][1] is not None
    [call] = addon.calls(addon_id)
    assert (call["verified"], call["applied"], call["duplicate"], call["status"]) == (True, True, False, 200)
    assert call["body"]["authToken"] == "***"


def test_repetition_has_no_second_effect(addon: Running, addon_id: str) -> None:
    for _ in range(3):
        assert addon.marketplace.call(addon.url, "INSTALLED", addon_id).status_code == 200
    assert [(c["attempt"], c["applied"], c["duplicate"]) for c in addon.calls(addon_id)] == [
        (1, True, False),
        (2, False, True),
        (3, False, True),
    ]
    assert addon.install(addon_id)["effects"] == [f"{addon_id}-INSTALLED-1"]


def test_life_of_an_install_ends_with_its_token(addon: Running, addon_id: str) -> None:
    market = addon.marketplace
    settings = [{"id": "text", "name": "What to say", "value": "Bravo"}]
    assert market.call(addon.url, "INSTALLED", addon_id).status_code == 200
    assert market.call(addon.url, "SETTINGS_UPDATED", addon_id, settings=settings).status_code == 200
    assert market.call(addon.url, "STATUS_CHANGED", addon_id, status="INACTIVE").status_code == 200
    assert httpx.post(f"{addon.control}/installs/{addon_id}/call-back").status_code == 200
    install = addon.install(addon_id)
    assert (install["status"], install["settings"]) == ("INACTIVE", settings)
    assert market.call(addon.url, "DELETED", addon_id).status_code == 200
    assert addon.install(addon_id)["status"] == "DELETED"
    assert httpx.post(f"{addon.control}/installs/{addon_id}/call-back").status_code == 409


STRANGER = new_key("stranger")
IMPOSTOR = new_key("first")


@pytest.mark.parametrize(
    "claims",
    [
        {"signed_by": STRANGER},
        {"signed_by": IMPOSTOR},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"iss": "somebody-else"},
        {"sub": "another-addon"},
        {"type": "user"},
        {"workspaceId": "64a00000000000000000ffff"},
        {"addon_id": "64b00000000000000000ffff"},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_foreign_token_is_refused_without_effect(addon: Running, addon_id: str, claims: dict[str, Any]) -> None:
    market = addon.marketplace
    headers = market.headers("INSTALLED", addon_id)
    headers["X-Addon-Lifecycle-Token"] = market.token(**{"addon_id": addon_id} | claims)
    answer = httpx.post(f"{addon.url}/lifecycle/installed", headers=headers, json=market.body("INSTALLED", addon_id))
    assert answer.status_code == 401
    assert addon.calls(addon_id) == []
    assert httpx.get(f"{addon.control}/installs", params={"addon_id": addon_id}).json() == []


@pytest.mark.parametrize(
    "token",
    [None, "", "nonsense", "a.b.c", "eyJhbGciOiJub25lIiwia2lkIjoiZmlyc3QifQ.eyJpc3MiOiJjbG9ja2lmeSJ9."],
)
def test_call_without_a_proper_token_is_refused(addon: Running, addon_id: str, token: str | None) -> None:
    headers = addon.marketplace.headers("INSTALLED", addon_id)
    if token is None:
        del headers["X-Addon-Lifecycle-Token"]
    else:
        headers["X-Addon-Lifecycle-Token"] = token
    body = addon.marketplace.body("INSTALLED", addon_id)
    assert httpx.post(f"{addon.url}/lifecycle/installed", headers=headers, json=body).status_code == 401


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_call_without_standard_webhooks_headers_is_refused(addon: Running, addon_id: str, missing: str) -> None:
    headers = addon.marketplace.headers("INSTALLED", addon_id)
    del headers[missing]
    body = addon.marketplace.body("INSTALLED", addon_id)
    answer = httpx.post(f"{addon.url}/lifecycle/installed", headers=headers, json=body)
    assert (answer.status_code, answer.json()) == (400, {"reason": f"missing headers: {missing}"})


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b"null"])
def test_body_that_is_no_object_is_refused(addon: Running, addon_id: str, raw: bytes) -> None:
    headers = addon.marketplace.headers("INSTALLED", addon_id)
    assert httpx.post(f"{addon.url}/lifecycle/installed", headers=headers, content=raw).status_code == 400


def test_new_key_is_fetched_when_a_token_names_it(addon: Running, addon_id: str) -> None:
    market = addon.marketplace
    market.keys.append(new_key("second"))
    try:
        assert market.call(addon.url, "INSTALLED", addon_id).status_code == 200
        fetches = market.key_fetches
        assert market.call(addon.url, "DELETED", addon_id).status_code == 200
        assert market.key_fetches == fetches
    finally:
        market.keys.pop()


def test_unreachable_keys_are_no_refusal(addon: Running, addon_id: str) -> None:
    market = addon.marketplace
    market.reachable = False
    headers = market.headers("INSTALLED", addon_id, signed_by=new_key("third"))
    body = market.body("INSTALLED", addon_id)
    try:
        assert httpx.post(f"{addon.url}/lifecycle/installed", headers=headers, json=body).status_code == 503
    finally:
        market.reachable = True


def test_refusal_says_why_for_one_workspace_only(addon: Running, addon_id: str) -> None:
    addon.behave(mode="refuse", status=422, reason="not for you", workspace=WORKSPACE)
    answer = addon.marketplace.call(addon.url, "INSTALLED", addon_id)
    assert (answer.status_code, answer.json()) == (422, {"reason": "not for you"})
    assert addon.calls(addon_id)[0]["applied"] is False
    addon.behave(mode="error")
    addon.behave(mode="ok", workspace=WORKSPACE)
    assert addon.marketplace.call(addon.url, "INSTALLED", addon_id).status_code == 200


def test_error_for_two_calls_then_all_is_well(addon: Running, addon_id: str) -> None:
    addon.behave(mode="error", times=2)
    statuses = [addon.marketplace.call(addon.url, "INSTALLED", addon_id).status_code for _ in range(3)]
    assert statuses == [500, 500, 200]
    assert [call["attempt"] for call in addon.calls(addon_id)] == [1, 2, 3]


def test_slow_answer_comes_in_the_end(addon: Running, addon_id: str) -> None:
    addon.behave(mode="slow", seconds=0.5)
    started = time.monotonic()
    assert addon.marketplace.call(addon.url, "INSTALLED", addon_id).status_code == 200
    assert time.monotonic() - started >= 0.5


def test_late_answer_has_its_effect_before_the_caller_gives_up(addon: Running, addon_id: str) -> None:
    addon.behave(mode="late", seconds=60)
    market = addon.marketplace
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{addon.url}/lifecycle/installed",
            headers=market.headers("INSTALLED", addon_id),
            json=market.body("INSTALLED", addon_id),
            timeout=3,
        )
    assert addon.install(addon_id)["status"] == "ACTIVE"
    answer = market.call(addon.url, "INSTALLED", addon_id)
    assert (answer.status_code, answer.elapsed.total_seconds() < 30) == (200, True)
    assert addon.calls(addon_id)[1]["duplicate"] is True


@pytest.mark.parametrize("applied", [True, False])
def test_hanging_call_gets_no_answer(addon: Running, addon_id: str, applied: bool) -> None:
    addon.behave(mode="hang", apply=applied, times=1)
    market = addon.marketplace
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{addon.url}/lifecycle/installed",
            headers=market.headers("INSTALLED", addon_id),
            json=market.body("INSTALLED", addon_id),
            timeout=3,
        )
    [call] = addon.calls(addon_id)
    assert (call["applied"], call["status"]) == (applied, None)


def test_reset_breaks_the_connection(addon: Running, addon_id: str) -> None:
    addon.behave(mode="reset")
    with pytest.raises(httpx.ReadError):
        addon.marketplace.call(addon.url, "INSTALLED", addon_id)
    assert addon.calls(addon_id)[0]["status"] is None


def test_dripping_body_has_no_end(addon: Running, addon_id: str) -> None:
    addon.behave(mode="drip", seconds=0)
    market = addon.marketplace
    url, headers = f"{addon.url}/lifecycle/installed", market.headers("INSTALLED", addon_id)
    with httpx.stream("POST", url, headers=headers, json=market.body("INSTALLED", addon_id)) as answer:
        assert answer.status_code == 200
        received = 0
        for chunk in answer.iter_bytes():
            received += len(chunk)
            if received > 1_000_000:
                break
    assert received > 1_000_000


def test_down_refuses_connections_until_the_next_order(addon: Running, addon_id: str) -> None:
    kept = httpx.Client(base_url=addon.url)
    kept.get("/healthz")
    addon.behave(mode="down")
    with pytest.raises(httpx.ConnectError):
        addon.marketplace.call(addon.url, "INSTALLED", addon_id)
    with pytest.raises(httpx.TransportError):  # also where a connection was open already
        kept.get("/healthz")
    kept.close()
    addon.behave(mode="ok")
    assert addon.marketplace.call(addon.url, "INSTALLED", addon_id).status_code == 200


def test_many_addons_live_in_one_process(addon: Running, addon_id: str) -> None:
    manifest = httpx.get(f"{addon.url}/x/moody/manifest.json").json()
    assert (manifest["key"], manifest["baseUrl"][-8:]) == (f"{KEY}-moody", "/x/moody")
    addon.behave(name="moody", mode="refuse")
    assert addon.marketplace.call(f"{addon.url}/x/moody", "INSTALLED", addon_id).status_code == 403
    assert addon.marketplace.call(addon.url, "INSTALLED", addon_id).status_code == 200
    assert (len(addon.calls(addon_id)), len(addon.calls(addon_id, name="moody"))) == (1, 1)
    assert httpx.get(f"{addon.url}/x/..%2F/manifest.json").status_code == 404


def test_sidebar_opens_with_a_token_of_an_active_install_only(addon: Running, addon_id: str) -> None:
    market = addon.marketplace
    params = {"auth_token": market.token(addon_id=addon_id, user="<b>visitor")}
    assert httpx.get(f"{addon.url}/sidebar", params=params).status_code == 403
    market.call(addon.url, "INSTALLED", addon_id)
    page = httpx.get(f"{addon.url}/sidebar", params=params)
    assert page.status_code == 200
    assert "&lt;b&gt;visitor" in page.text
    assert httpx.get(f"{addon.url}/sidebar").status_code == 401


def test_event_is_accepted_with_the_token_of_its_webhook_only(addon: Running, addon_id: str) -> None:
    market = addon.marketplace
    market.call(addon.url, "INSTALLED", addon_id)
    right = {"Clockify-Signature": market.token(addon_id=addon_id, jti="webhook")}
    wrong = {"Clockify-Signature": market.token(addon_id=addon_id, jti="made later")}
    url = f"{addon.url}/webhooks/timer-stopped"
    assert httpx.post(url, headers=wrong, json={}).status_code == 401
    assert httpx.post(f"{addon.url}/webhooks/new-time-entry", headers=right, json={}).status_code == 401
    # Tokens are deterministic within a second, as long as the claims are.
    stored = json.loads(json.dumps(market.body("INSTALLED", addon_id)["webhooks"][0]["authToken"]))
    market.call(addon.url, "INSTALLED", addon_id, number=2, webhooks=[{"path": url, "authToken": stored}])
    assert httpx.post(url, headers={"Clockify-Signature": stored}, json={}).status_code == 200


def test_installs_and_effects_survive_a_restart(tmp_path: Path, addon_id: str) -> None:
    port, control_port = free_port(), free_port()
    with served(Marketplace()) as market:
        env = environment(tmp_path, market, port, control_port)
        for _ in range(2):
            with running("samples.addon", env):
                assert market.call(f"http://127.0.0.1:{port}", "INSTALLED", addon_id).status_code == 200
                [install] = httpx.get(f"http://127.0.0.1:{control_port}/installs").json()
                assert install["effects"] == [f"{addon_id}-INSTALLED-1"]
        assert len(market.called_back) == 2  # once, for the workspace and the user


def test_control_asks_for_its_token_and_the_process_ends_while_a_call_hangs(tmp_path: Path, addon_id: str) -> None:
    port, control_port = free_port(), free_port()
    with served(Marketplace()) as market:
        env = environment(tmp_path, market, port, control_port) | {"SAMPLE_ADDON_CONTROL_TOKEN": "hush"}
        with running("samples.addon", env), socket.create_connection(("127.0.0.1", port)) as waiting:
            control = f"http://127.0.0.1:{control_port}/control"
            assert httpx.post(control, json={"mode": "hang"}).status_code == 401
            hush = {"Authorization": "Bearer hush"}
            assert httpx.post(control, json={"mode": "sulk"}, headers=hush).status_code == 400
            assert httpx.post(control, content=b"[]", headers=hush).status_code == 400
            assert httpx.post(control, json={"mode": "hang"}, headers=hush).status_code == 200
            body = json.dumps(market.body("INSTALLED", addon_id)).encode()
            lines = [f"{name}: {value}" for name, value in market.headers("INSTALLED", addon_id).items()]
            head = ["POST /lifecycle/installed HTTP/1.1", "Host: addon", f"Content-Length: {len(body)}", *lines]
            waiting.sendall("\r\n".join([*head, "", ""]).encode() + body)
            while not httpx.get(control.replace("control", "calls"), headers=hush).json():
                time.sleep(0.05)
