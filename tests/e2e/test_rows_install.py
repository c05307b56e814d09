"""What a visitor meets between the choice of an add-on and its install, row by row, through the gateway."""

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import INSTALLATIONS, Marketplace, SampleAddOn
from tests.e2e.people import Caller


@pytest.fixture(scope="module")
def fay(marketplace: Marketplace) -> Caller:
    """A customer of the product, who administers a workspace of it."""
    person = marketplace.customer_of_the_product("Fay")
    marketplace.pushed(person, plan="PRO")
    return person


@pytest.fixture(scope="module")
def gus(marketplace: Marketplace) -> Caller:
    """A customer of the product without admin rights anywhere."""
    return marketplace.customer_of_the_product("Gus")


def back_from(step: dict[str, Any]) -> str:
    """Where the page of a step leads back to."""
    path: str
    (path,) = parse_qs(urlsplit(step["href"]).query)["return_to"]
    return path


def is_taken_as_a_way_back(marketplace: Marketplace, path: str) -> bool:
    """Whether *Log in with the product* would come back there."""
    answer = httpx.get(f"{marketplace.url}/api/auth/v1/login/acme", params={"return_to": path})
    return answer.status_code == 302


def until(look: Callable[[], dict[str, Any]], holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
    """What is shown as soon as `holds`."""
    found: dict[str, Any] = eventually(lambda: (shown := look()) and holds(shown) and shown, what)
    return found


def test_s7_an_admin_of_a_fitting_workspace_gets_to_the_install_screen(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    row = marketplace.preflight(addon.key, workspace)
    overall = marketplace.look(addon.key, marketplace.admin)

    assert (row["selectable"], row["blockers"], row["warnings"]) == (True, [], [])
    assert row["next"] == {"action": "install", "href": f"/addons/{addon.key}/install?workspace={workspace}"}
    assert overall["next"] == {"action": "choose-workspace", "href": f"/addons/{addon.key}/install"}
    marketplace.outcome(marketplace.request(addon.key, workspace), "installed")


def test_s7_a_product_that_the_addon_does_not_fit_is_told(marketplace: Marketplace, fay: Caller) -> None:
    other = marketplace.addon(products=["another-product"])
    place = marketplace.pushed(fay, plan="PRO")

    row = marketplace.preflight(other.key, place, fay)
    overall = marketplace.look(other.key, fay)
    refused = marketplace.ask(other.key, place, fay, acknowledge=["region"])

    assert (row["selectable"], row["blockers"]) == (False, ["product-not-compatible"])
    assert (refused.status_code, refused.json()["slug"]) == (422, "product-not-compatible")
    assert refused.json()["next"] == row["next"]
    assert row["next"]["products"] == ["another-product"]
    assert (overall["next"]["action"], overall["next"]["products"]) == ("add-workspace", ["another-product"])


def test_s9_without_admin_rights_anywhere_the_way_leads_to_an_account_that_has_them(
    marketplace: Marketplace, fay: Caller, gus: Caller, addon: SampleAddOn
) -> None:
    shared = marketplace.pushed(fay, name="Fay's", members=[{"email": gus.email, "role": "member"}])

    shown = until(
        lambda: marketplace.look(addon.key, gus), lambda one: bool(one["member_of"]), "the workspace that Gus is in"
    )
    refused = marketplace.ask(addon.key, shared, gus, acknowledge=["region"])

    assert shown["workspaces"] == []
    assert [(one["workspace_id"], one["name"]) for one in shown["member_of"]] == [(shared, "Fay's")]
    assert (shown["next"]["action"], shown["next"]["role"]) == ("log-in-with-admin-account", "admin")
    assert urlsplit(shown["next"]["href"]).path == "/login"
    assert back_from(shown["next"]) == f"/addons/{addon.key}/install"
    assert is_taken_as_a_way_back(marketplace, back_from(shown["next"]))
    assert [one["action"] for one in shown["alternatives"]] == ["add-workspace", "ask-an-admin"]
    assert (refused.status_code, refused.json()["slug"]) == (403, "not-admin")
    # With the other account the same address shows what can be chosen.
    assert marketplace.look(addon.key, fay)["next"]["action"] == "choose-workspace"


def test_s10_whoever_is_not_logged_in_is_reminded_of_an_account_with_an_admin_role(
    marketplace: Marketplace, addon: SampleAddOn
) -> None:
    nobody = httpx.get(f"{marketplace.url}/api/installer/v1/preflight", params={"addon": addon.key})
    install = httpx.post(
        f"{marketplace.url}{INSTALLATIONS}",
        json={"workspace_id": "a" * 24, "addon_key": addon.key},
        headers={"Idempotency-Key": secrets.token_hex(8)},
    )

    told = nobody.json()
    assert (nobody.status_code, told["slug"]) == (401, "token-missing")
    assert (install.status_code, install.json()["next"]) == (401, told["next"])
    assert "admin role" in told["detail"]
    (log_in,) = told["alternatives"]
    assert [(one["action"], one["role"]) for one in (told["next"], log_in)] == [
        ("sign-up", "admin"),
        ("log-in", "admin"),
    ]
    for step in (told["next"], log_in):
        assert back_from(step) == f"/addons/{addon.key}/install"
        assert is_taken_as_a_way_back(marketplace, back_from(step))


def test_s11_the_dropdown_has_the_workspaces_that_one_administers_and_one_can_be_added(
    marketplace: Marketplace, gus: Caller, fay: Caller, addon: SampleAddOn
) -> None:
    ivy = marketplace.customer("Ivy")
    mine, second = marketplace.workspace(ivy), marketplace.workspace(ivy)
    marketplace.preflight(addon.key, mine, ivy)
    marketplace.preflight(addon.key, second, ivy)

    shown = marketplace.look(addon.key, ivy)
    add = shown["alternatives"][0]
    added = marketplace.workspace(ivy)  # as on Manage accounts
    back = until(
        lambda: marketplace.look(addon.key, ivy, added), lambda one: bool(one["chosen"]["selectable"]), "the new one"
    )

    assert {row["workspace_id"] for row in shown["workspaces"]} == {mine, second}
    assert shown["chosen"] is None
    assert add == {"action": "add-workspace", "href": f"/manage-accounts?return_to=%2Faddons%2F{addon.key}%2Finstall"}
    assert {row["workspace_id"] for row in back["workspaces"]} == {mine, second, added}
    assert back["chosen"]["workspace_id"] == added
    assert back["chosen"]["next"]["action"] == "install"
    marketplace.preflight(addon.key, added, ivy)
    assert marketplace.ask(addon.key, added, ivy).status_code == 202


def test_s14_without_two_factor_a_workspace_that_requires_it_is_locked_and_says_what_unlocks_it(
    marketplace: Marketplace, fay: Caller, addon: SampleAddOn
) -> None:
    locked = marketplace.pushed(fay, requires_two_factor=True)

    row = marketplace.preflight(addon.key, locked, fay)
    refused = marketplace.ask(addon.key, locked, fay, acknowledge=["region"])

    assert (row["selectable"], row["blockers"]) == (False, ["two-factor-required"])
    assert (refused.status_code, refused.json()["slug"]) == (422, "two-factor-required")
    assert refused.json()["next"] == row["next"]
    assert row["next"]["action"] == "enable-two-factor"
    page = urlsplit(row["next"]["href"])
    assert (page.path, page.fragment) == ("/profile", "two-factor")
    assert back_from(row["next"]) == f"/addons/{addon.key}/install?workspace={locked}"
    assert is_taken_as_a_way_back(marketplace, back_from(row["next"]))
    assert marketplace.look(addon.key, fay)["two_factor"] is False
    # The lock is the workspace's rule: without it the same account may.
    marketplace.change_at_the_product(fay, locked, requires_two_factor=False)
    until(
        lambda: marketplace.preflight(addon.key, locked, fay), lambda one: bool(one["selectable"]), "the unlocked one"
    )
    assert marketplace.ask(addon.key, locked, fay, acknowledge=["region"]).status_code == 202


def test_s15_a_workspace_that_has_the_addon_is_disabled_and_leads_to_it(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    installation = marketplace.install(addon, workspace)

    row = marketplace.preflight(addon.key, workspace)
    refused = marketplace.ask(addon.key, workspace)

    assert (row["selectable"], row["blockers"]) == (False, ["already-installed"])
    assert row["installation"]["id"] == installation
    assert row["next"] == {"action": "open-installation", "href": f"/installations/{installation}"}
    assert marketplace.admin.call("GET", row["installation"]["href"])["state"] == "INSTALLED"
    assert (refused.status_code, refused.json()["slug"]) == (409, "already-installed")
    assert (refused.json()["installation"], refused.json()["next"]) == (row["installation"], row["next"])
    # Gone, it can be chosen again.
    marketplace.admin.call("DELETE", f"{INSTALLATIONS}/{installation}")
    assert marketplace.preflight(addon.key, workspace)["selectable"]


def test_s16_a_region_is_told_before_and_has_to_be_acknowledged(
    marketplace: Marketplace, fay: Caller, addon: SampleAddOn
) -> None:
    place = marketplace.pushed(fay, region="eu")

    row = marketplace.preflight(addon.key, place, fay)
    unread = marketplace.ask(addon.key, place, fay)
    after = marketplace.preflight(addon.key, place, fay)
    read = marketplace.ask(addon.key, place, fay, acknowledge=["region"])

    assert (row["selectable"], row["region"], row["warnings"]) == (True, "eu", ["region"])
    assert row["acknowledge"] == ["region"]
    assert row["next"] == {
        "action": "acknowledge",
        "href": f"/addons/{addon.key}/install?workspace={place}",
        "acknowledge": ["region"],
        "region": "eu",
    }
    assert (unread.status_code, unread.json()["slug"]) == (422, "region-not-acknowledged")
    assert (unread.json()["region"], unread.json()["next"]) == ("eu", row["next"])
    assert after == row, "the refused request left something"
    assert read.status_code == 202
