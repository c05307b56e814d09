"""The main job, step by step: account, log-in, workspace, add-on, install, what follows, and its ends."""

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import EVENTS, INSTALLATIONS, Marketplace, SampleAddOn
from tests.e2e.people import Caller


def test_an_account_opens_by_the_mailed_link_once(marketplace: Marketplace) -> None:
    vera, request_id = marketplace.person("Vera"), f"e2e-{secrets.token_hex(8)}"
    body = {"email": vera.email, "password": vera.password, "display_name": "Vera"}

    asked = vera.send("POST", "/api/auth/v1/accounts", json=body, headers={"X-Request-Id": request_id})
    mail = marketplace.mailbox.wait(vera.email, "confirm")
    early = vera.send("POST", "/api/auth/v1/sessions", json={"email": vera.email, "password": vera.password})
    vera.open_link(mail)
    vera.log_in()
    token = mail["text"].partition("token=")[2].split()[0]
    again = vera.send("POST", "/api/auth/v1/verify-email", json={"token": token})

    assert (asked.status_code, asked.json()) == (202, {"status": "check-your-mail"})
    assert (early.status_code, early.json()["slug"]) == (403, "email-not-verified")
    assert (again.status_code, again.json()["slug"]) == (410, "link-used")
    me = vera.call("GET", "/api/auth/v1/me")
    assert (me["email"], me["verified"], me["roles"]) == (vera.email, True, [])
    registered = marketplace.topics.wait("UserRegistered", user_id=me["id"])
    marketplace.topics.wait("UserVerified", user_id=me["id"])
    told = marketplace.topics.distinct("auth.users.v1", user_id=me["id"])
    assert [(one.type, one.header("seq")) for one in told] == [("UserRegistered", "1"), ("UserVerified", "2")]
    assert registered.header("correlation_id") == request_id
    assert len(marketplace.mailbox.mails(vera.email, "")) == 1


@pytest.fixture(scope="module")
def customer_of_the_product(marketplace: Marketplace) -> Caller:
    """Somebody who came by *Log in with the product*."""
    fay = marketplace.person("Fay")
    fields = {"email": fay.email, "name": "Fay", "password": fay.password, "region": "eu"}
    fay.browser.post(f"{marketplace.product_url}/signup", data=fields).raise_for_status()
    fay.log_in_with_product("acme")
    fay.open_link(marketplace.mailbox.wait(fay.email, "confirm"))
    fay.log_in_with_product("acme")
    fay.user_id = fay.call("GET", "/api/auth/v1/me")["id"]
    return fay


def test_a_customer_of_the_product_logs_in_with_it(marketplace: Marketplace, customer_of_the_product: Caller) -> None:
    me = customer_of_the_product.call("GET", "/api/auth/v1/me")

    assert (me["email"], me["verified"]) == (customer_of_the_product.email, True)
    told = marketplace.topics.distinct("auth.users.v1", user_id=me["id"])
    assert [one.type for one in told] == ["UserRegistered", "UserVerified"]
    assert told[0].data["method"] == "product"


def test_a_pushed_workspace_is_its_products_and_follows_it(
    marketplace: Marketplace, customer_of_the_product: Caller, addon: SampleAddOn
) -> None:
    fay = customer_of_the_product
    door = httpx.Client(base_url=marketplace.product_url, auth=(fay.email, fay.password))
    pushed = door.post("/api/workspaces", json={"name": "East", "region": "eu", "plan": "PRO"}).json()["id"]

    row = marketplace.preflight(addon.key, pushed, fay)
    refused = fay.send("PATCH", f"/api/auth/v1/workspaces/{pushed}", json={"name": "West"})
    door.patch(f"/api/workspaces/{pushed}", json={"name": "North", "plan": "BASIC"}).raise_for_status()

    assert {
        "name": "East",
        "provider": "acme",
        "region": "eu",
        "plan": "PRO",
        "selectable": True,
    }.items() <= row.items()
    assert (refused.status_code, refused.json()["slug"]) == (409, "workspace-owned-by-product")
    after = eventually(
        lambda: (found := marketplace.preflight(addon.key, pushed, fay))["name"] == "North" and found, "the change"
    )
    assert after["plan"] == "BASIC"
    door.close()


def test_a_published_addon_is_in_the_catalog_and_on_its_topic(marketplace: Marketplace, addon: SampleAddOn) -> None:
    shown = httpx.get(f"{marketplace.url}/api/catalog/v1/addons/{addon.key}").json()
    found = httpx.get(f"{marketplace.url}/api/catalog/v1/addons", params={"query": addon.name}).json()
    published = marketplace.topics.wait("AddOnPublished", addon_key=addon.key)

    assert (shown["key"], shown["name"], shown["health"]["status"]) == (addon.key, addon.title, "ok")
    assert [one["key"] for one in found["items"]] == [addon.key]
    assert (published.key, published.data["version"]) == (addon.key.encode(), 1)


def test_an_install_tells_its_two_events_in_order(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    request_id = f"e2e-{secrets.token_hex(8)}"
    marketplace.preflight(addon.key, workspace)

    answer = marketplace.ask(addon.key, workspace, request_id=request_id)

    asked = answer.json()
    assert (answer.status_code, asked["outcome"], asked["generation"]) == (202, "pending", 1)
    assert answer.headers["Location"] == asked["links"]["self"] == f"{INSTALLATIONS}/{asked['id']}"
    assert answer.headers["X-Request-Id"] == request_id
    shown = marketplace.outcome(asked["id"], "installed")
    assert (shown["state"], shown["cleanup"], shown["reason"]) == ("INSTALLED", "none", None)
    marketplace.topics.wait("AddOnInstalled", installation_id=asked["id"])
    told = marketplace.topics.distinct(EVENTS, installation_id=asked["id"])
    assert [(one.type, one.header("seq")) for one in told] == [("InstallRequested", "1"), ("AddOnInstalled", "2")]
    assert {one.header("correlation_id") for one in told} == {request_id}
    assert {one.key for one in told} == {f"{workspace}/{addon.key}".encode()}
    assert {one.data["user_id"] for one in told} == {marketplace.admin.user_id}


def test_the_addon_is_called_once_and_may_call_back_inside(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    installation = marketplace.install(addon, workspace)

    (call,) = addon.calls()
    assert (call["type"], call["verified"], call["applied"]) == ("INSTALLED", True, True)
    assert call["webhook_id"] == f"{installation}-INSTALLED-1"
    assert call["claims"]["workspaceId"] == workspace
    kept = addon.install(installation)
    assert kept["status"] == "ACTIVE"
    assert {name: said["status"] for name, said in kept["called_back"].items()} == {"workspace": 200, "user": 200}
    assert kept["called_back"]["workspace"]["body"]["id"] == workspace


def test_the_admin_gets_one_mail_about_the_install(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    installation = marketplace.install(addon, workspace)

    mail = marketplace.await_one_mail_about(installation)
    assert mail["to"] == [marketplace.admin.email]
    assert f"{addon.title} is installed in Room" in mail["subject"] + mail["text"]


def test_a_refusal_carries_the_addons_own_reason_everywhere(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    reason = "no licence for this workspace"
    addon.behave("refuse", status=403, reason=reason)

    installation = marketplace.request(addon.key, workspace)

    failed = marketplace.topics.wait("InstallFailed", installation_id=installation)
    assert (failed.data["reason"], failed.data["side"]) == ("addon-refused", "addon")
    assert reason in failed.data["detail"]
    shown = marketplace.outcome(installation, "failed")
    assert (shown["reason"], shown["screen"], shown["cleanup"]) == ("addon-refused", "refused", "none")
    assert reason in shown["detail"]
    assert reason in marketplace.await_one_mail_about(installation)["text"]
    assert marketplace.told(installation) == [("InstallRequested", "1"), ("InstallFailed", "2")]
    assert [call["type"] for call in addon.calls()] == ["INSTALLED"]


def test_an_addon_that_is_down_is_waited_for_under_a_notice(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    shut = httpx.post(f"{marketplace.control_url}/control", json={"mode": "down"})
    try:
        shut.raise_for_status()
        installation = marketplace.request(addon.key, workspace)
        raised = marketplace.topics.wait("MaintenanceNoticeRaised", scope=f"addon:{addon.key}")
        waiting = marketplace.until(installation, lambda one: one["state"] == "WAITING", "WAITING")
        health = httpx.get(f"{marketplace.url}/api/catalog/v1/addons/{addon.key}").json()["health"]["status"]
    finally:
        httpx.post(f"{marketplace.control_url}/control", json={"mode": "ok"}).raise_for_status()
    marketplace.topics.wait("AddOnInstalled", installation_id=installation)
    cleared = marketplace.topics.wait("MaintenanceNoticeCleared", scope=f"addon:{addon.key}")

    assert (waiting["outcome"], waiting["waiting_for"], waiting["screen"]) == ("pending", "addon", "maintenance")
    assert waiting["until"] > waiting["changed_at"]
    assert health in {"unavailable", "recovering"}
    assert cleared.data["notice_id"] == raised.data["notice_id"]
    assert marketplace.told(installation) == [("InstallRequested", "1"), ("AddOnInstalled", "2")]
    assert [call["applied"] for call in addon.calls("INSTALLED")] == [True]
    for person in (marketplace.admin, marketplace.publisher):
        mails = eventually(partial(_about, marketplace, person, addon), f"a mail to {person.email}")
        assert len(mails) == 1, mails


def _about(marketplace: Marketplace, person: Caller, addon: SampleAddOn) -> list[dict[str, Any]]:
    return [mail for mail in marketplace.mailbox.mails(person.email, "not answer") if addon.title in mail["subject"]]


def test_an_uninstall_tells_the_addon(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    installation = marketplace.install(addon, workspace)

    answer = marketplace.admin.send("DELETE", f"{INSTALLATIONS}/{installation}")
    again = marketplace.admin.send("DELETE", f"{INSTALLATIONS}/{installation}")

    assert (answer.status_code, answer.json()["state"]) == (202, "UNINSTALLED")
    assert (again.status_code, again.json()["state"]) == (202, "UNINSTALLED")
    marketplace.topics.wait("AddOnUninstalled", installation_id=installation)
    shown = marketplace.until(installation, lambda one: one["cleanup"] == "closed", "the clean-up")
    assert (shown["outcome"], shown["cleanup_given_up"]) == ("installed", False)
    assert [one for one, _ in marketplace.told(installation)] == [
        "InstallRequested",
        "AddOnInstalled",
        "AddOnUninstalled",
    ]
    calls = addon.calls(addon_id=installation)
    assert [call["type"] for call in calls] == ["INSTALLED", "DELETED"]
    assert calls[1]["webhook_id"] == f"{installation}-DELETED-2"
    assert addon.install(installation)["status"] == "DELETED"


def test_a_pending_install_can_be_cancelled_and_the_addon_is_told(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    addon.behave("slow", seconds=3)
    installation = marketplace.request(addon.key, workspace)
    eventually(lambda: addon.calls("INSTALLED"), "the call")

    answer = marketplace.admin.send("POST", f"{INSTALLATIONS}/{installation}/cancel")

    assert (answer.status_code, answer.json()["outcome"], answer.json()["reason"]) == (202, "failed", "cancelled")
    marketplace.topics.wait("InstallFailed", installation_id=installation, reason="cancelled")
    marketplace.until(installation, lambda one: one["cleanup"] == "closed", "the clean-up")
    assert [one for one, _ in marketplace.told(installation)] == ["InstallRequested", "InstallFailed"]
    assert addon.calls()[-1]["type"] == "DELETED"
    assert addon.install(installation)["status"] == "DELETED"


def test_an_outcome_cannot_be_cancelled(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    installation = marketplace.install(addon, workspace)

    cancelled = marketplace.admin.send("POST", f"{INSTALLATIONS}/{installation}/cancel")
    retried = marketplace.admin.send("POST", f"{INSTALLATIONS}/{installation}/retry")

    assert (cancelled.status_code, cancelled.json()["slug"]) == (409, "not-pending")
    assert (retried.status_code, retried.json()["slug"]) == (409, "nothing-to-retry")


def test_a_retry_makes_the_call_due_now(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    addon.behave("error", status=503, times=2)
    installation = marketplace.request(addon.key, workspace)
    eventually(lambda: addon.calls("INSTALLED"), "the first attempt")

    answer = marketplace.admin.send("POST", f"{INSTALLATIONS}/{installation}/retry")

    assert answer.status_code == 202
    shown = marketplace.outcome(installation, "installed")
    assert "retry_asked" in [entry["what"] for entry in shown["timeline"]]
    assert {call["webhook_id"] for call in addon.calls()} == {f"{installation}-INSTALLED-1"}
    assert [call["applied"] for call in addon.calls()] == [False, False, True]


def test_a_repetition_gets_the_same_installation(
    marketplace: Marketplace, a_workspace: Callable[[], str], addon: SampleAddOn
) -> None:
    first, second = a_workspace(), a_workspace()
    marketplace.preflight(addon.key, second)
    marketplace.preflight(addon.key, first)
    name = secrets.token_hex(16)

    answers = [marketplace.ask(addon.key, first, idempotency_key=name) for _ in range(3)]
    other_body = marketplace.ask(addon.key, second, idempotency_key=name)
    other_caller = marketplace.ask(addon.key, first, marketplace.publisher, idempotency_key=name)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (other_body.status_code, other_body.json()["slug"]) == (422, "idempotency-key-reused")
    assert (other_caller.status_code, other_caller.json()["slug"]) == (404, "workspace-not-found")
    installation = answers[0].json()["id"]
    marketplace.outcome(installation, "installed")
    assert [call["type"] for call in addon.calls()] == ["INSTALLED"]
    other_key = marketplace.ask(addon.key, first)
    assert (other_key.status_code, other_key.json()["slug"]) == (409, "already-installed")
    assert other_key.json()["installation"]["id"] == installation


def test_the_same_key_of_two_callers_is_two_requests(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    name, theirs = secrets.token_hex(16), marketplace.workspace(marketplace.publisher)
    marketplace.preflight(addon.key, workspace)
    marketplace.preflight(addon.key, theirs, marketplace.publisher)

    mine = marketplace.ask(addon.key, workspace, idempotency_key=name)
    other = marketplace.ask(addon.key, theirs, marketplace.publisher, idempotency_key=name)

    assert (mine.status_code, other.status_code) == (202, 202)
    assert mine.json()["id"] != other.json()["id"]


def test_the_next_generation_waits_until_the_addon_knows_of_the_uninstall(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    first = marketplace.install(addon, workspace)
    addon.behave("error", status=503)
    marketplace.admin.call("DELETE", f"{INSTALLATIONS}/{first}")
    eventually(lambda: addon.calls("DELETED"), "the first DELETED")

    asked = marketplace.ask(addon.key, workspace)
    second = asked.json()["id"]
    waiting = marketplace.until(
        second, lambda one: one["waiting_for"] == "previous_uninstall", "waiting for the previous uninstall"
    )
    addon.behave("ok")
    shown = marketplace.outcome(second, "installed")

    assert (asked.status_code, asked.json()["generation"]) == (202, 2)
    assert waiting["outcome"] == "pending"
    assert shown["generation"] == 2
    assert marketplace.show(first)["cleanup"] == "closed"
    done = [(call["type"], call["addon_id"]) for call in addon.calls() if call["applied"]]
    assert done == [("INSTALLED", first), ("DELETED", first), ("INSTALLED", second)]
    marketplace.topics.wait("AddOnInstalled", installation_id=second, generation=2)


def test_timeline_and_lists_tell_the_same(
    marketplace: Marketplace, a_workspace: Callable[[], str], addon: SampleAddOn, an_addon: Callable[[], SampleAddOn]
) -> None:
    room, other = a_workspace(), an_addon()
    first, second = marketplace.install(addon, room), marketplace.install(other, room)

    shown = marketplace.outcome(first, "installed")
    mine = {"workspace": room, "limit": 1}
    page = marketplace.admin.call("GET", INSTALLATIONS, params=mine)
    rest = marketplace.admin.call("GET", INSTALLATIONS, params={**mine, "cursor": page["next"]})
    by_addon = marketplace.publisher.call("GET", INSTALLATIONS, params={"addon": addon.key})
    stranger = marketplace.admin.send("GET", INSTALLATIONS, params={"addon": addon.key})
    foreign = marketplace.publisher.send("GET", INSTALLATIONS, params={"workspace": room})

    steps = [entry["target"] or entry["what"] for entry in shown["timeline"]]
    assert [step for step in steps if step.isupper()] == ["CHECKING", "DELIVERING", "INSTALLED"]
    assert [entry["n"] for entry in shown["timeline"]] == list(range(1, len(steps) + 1))
    (attempt,) = [entry for entry in shown["timeline"] if entry["what"] == "attempt"]
    assert (attempt["kind"], attempt["attempt"], attempt["status"]) == ("INSTALLED", 1, 200)
    assert [one["id"] for one in page["items"] + rest["items"]] == [second, first]
    assert rest["next"] is None
    assert [one["id"] for one in by_addon["items"]] == [first]
    assert (stranger.status_code, stranger.json()["slug"]) == (403, "not-the-publisher")
    assert (foreign.status_code, foreign.json()["slug"]) == (404, "workspace-not-found")
