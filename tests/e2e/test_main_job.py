"""The main job, step by step: account, log-in, workspace, add-on, install, what follows, and its ends."""

import secrets
from functools import partial
from typing import Any

import httpx
import pytest

from deploy.local.demo.people import eventually
from deploy.local.demo.story import PUBLISHER
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
    return marketplace.customer_of_the_product("Fay")


def test_a_customer_of_the_product_logs_in_with_it(marketplace: Marketplace, customer_of_the_product: Caller) -> None:
    me = customer_of_the_product.call("GET", "/api/auth/v1/me")

    assert (me["email"], me["verified"]) == (customer_of_the_product.email, True)
    marketplace.topics.wait("UserVerified", user_id=me["id"])
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
    assert [(one["key"], one["publisher_name"]) for one in found["items"]] == [(addon.key, PUBLISHER)]
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
    # Alone or in a digest with others; a name that the notifier has not heard yet is paraphrased.
    assert "is installed in" in mail["subject"] + mail["text"]


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
        eventually(lambda: _health(marketplace, addon) in {"unavailable", "recovering"}, "the health in the catalog")
    finally:
        httpx.post(f"{marketplace.control_url}/control", json={"mode": "ok"}).raise_for_status()
    marketplace.topics.wait("AddOnInstalled", installation_id=installation)
    cleared = marketplace.topics.wait("MaintenanceNoticeCleared", scope=f"addon:{addon.key}")

    assert (waiting["outcome"], waiting["waiting_for"], waiting["screen"]) == ("pending", "addon", "maintenance")
    assert waiting["until"] > waiting["changed_at"]
    assert cleared.data["notice_id"] == raised.data["notice_id"]
    health = {
        one.id: one.data["breaker"] for one in marketplace.topics.every("AddOnHealthChanged", addon_key=addon.key)
    }
    assert [health[one.header("causation_id")] for one in (raised, cleared)] == ["open", "closed"]
    assert marketplace.told(installation) == [("InstallRequested", "1"), ("AddOnInstalled", "2")]
    assert [call["applied"] for call in addon.calls("INSTALLED")] == [True]
    for person in (marketplace.admin, marketplace.publisher):
        mails = eventually(partial(_about, marketplace, person, addon), f"a mail to {person.email}")
        assert len(mails) == 1, mails


def _health(marketplace: Marketplace, addon: SampleAddOn) -> str:
    shown = httpx.get(f"{marketplace.url}/api/catalog/v1/addons/{addon.key}").json()
    return str(shown["health"]["status"])


def _about(marketplace: Marketplace, person: Caller, addon: SampleAddOn) -> list[dict[str, Any]]:
    return [mail for mail in marketplace.mailbox.mails(person.email, "not answer") if addon.title in mail["subject"]]
