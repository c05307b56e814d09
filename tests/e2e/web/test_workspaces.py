"""Rows S11, S15 and S16 in a browser: the dropdown of workspaces, and what each of them says."""

import secrets
from typing import Any

from playwright.sync_api import expect

from tests.e2e.invites import join
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.web.screens import Screens


def test_s11_the_dropdown_has_what_one_administers_and_one_can_be_added_in_the_browser(
    marketplace: Marketplace, screens: Screens, owner: Caller, addon: SampleAddOn
) -> None:
    mine, second = (marketplace.name_of(addon.key, marketplace.workspace(owner), owner) for _ in range(2))
    joined = marketplace.workspace()
    join(marketplace, marketplace.admin, joined, owner, "member")
    screens.log_in(owner, f"/addons/{addon.key}/install")
    install, keyboard = screens.button("Install"), screens.page.keyboard
    expect(install).to_be_disabled()

    screens.dropdown.focus()
    keyboard.press("ArrowDown")
    expect(screens.page.get_by_role("option")).to_contain_text(sorted((mine, second)))
    keyboard.type(second)
    expect(screens.page.get_by_role("option")).to_have_count(1)
    keyboard.press("Enter")
    screens.has_chosen(second)
    keyboard.press("ArrowDown")
    keyboard.type("nothing of that name")
    screens.says("No workspace of that name")
    keyboard.press("Escape")
    screens.has_chosen(second)
    screens.choose(mine)
    expect(screens.link("Add a workspace")).to_be_visible()
    install.click()

    screens.shows(f"{addon.title} is installed")


def test_s11_what_stands_in_the_way_is_told_with_what_to_do_in_the_browser(
    marketplace: Marketplace, screens: Screens
) -> None:
    kim = marketplace.customer_of_the_product("Kim")
    key = needs_standard(marketplace)
    states: dict[str, dict[str, Any]] = {
        "Small": {"plan": "BASIC"},
        "Old": {"plan": "PRO", "active": False},
        "Fit": {"plan": "PRO"},
    }
    ids = {name: marketplace.pushed(kim, name=name, **fields) for name, fields in states.items()}
    for one in ids.values():
        marketplace.preflight(key, one, kim)
    screens.log_in_by_product(kim, f"/addons/{key}/install")

    screens.has_chosen("Fit")
    screens.dropdown.click()
    for name, words in {"Small": "Its plan is too low", "Old": "It is archived"}.items():
        expect(screens.option(name)).to_contain_text(words)
        expect(screens.option(name)).to_be_disabled()
    screens.open(f"/addons/{key}/install?workspace={ids['Small']}")
    screens.says("Its plan is too low")
    screens.says("It needs at least the plan STANDARD.")
    screens.open(f"/addons/{key}/install?workspace={ids['Old']}")
    screens.says("It is archived")
    expect(screens.link("Restore the workspace")).to_be_visible()

    other = marketplace.addon(products=["another-product"])
    marketplace.preflight(other.key, ids["Fit"], kim)
    screens.open(f"/addons/{other.key}/install")
    screens.says("None of your workspaces can take it now")
    expect(screens.link("Add a workspace").first).to_be_visible()
    screens.dropdown.click()
    expect(screens.option("Fit")).to_contain_text("The add-on does not fit its product")


def needs_standard(marketplace: Marketplace) -> str:
    """The key of an add-on for plans from STANDARD on."""
    manifest = {
        "schemaVersion": "1.3",
        "key": f"dear-{secrets.token_hex(4)}",
        "name": "Dear",
        "baseUrl": f"{marketplace.site.url}/dear",
        "minimalSubscriptionPlan": "STANDARD",
    }
    key: str = marketplace.publisher.call("POST", "/api/catalog/v1/addons", json={"manifest": manifest})["key"]
    return key


def test_a_workspace_that_is_nobody_of_yours_is_not_passed_over_in_silence(
    marketplace: Marketplace, screens: Screens, owner: Caller, addon: SampleAddOn
) -> None:
    for _ in "ab":
        marketplace.preflight(addon.key, marketplace.workspace(owner), owner)
    foreign = marketplace.workspace(marketplace.customer())
    screens.log_in(owner, f"/addons/{addon.key}/install?workspace={foreign}")

    screens.says("The workspace that this page was opened with is none that you administer.")
    expect(screens.button("Install")).to_be_disabled()


def test_s15_a_workspace_that_has_the_addon_is_disabled_and_says_so_in_the_browser(
    marketplace: Marketplace, screens: Screens, owner: Caller, addon: SampleAddOn
) -> None:
    taken, free = marketplace.workspace(owner), marketplace.workspace(owner)
    installation = marketplace.install(addon, taken, owner)
    has_it, open_one = (marketplace.name_of(addon.key, one, owner) for one in (taken, free))
    screens.log_in(owner, f"/addons/{addon.key}/install")

    screens.dropdown.click()
    expect(screens.option(has_it)).to_contain_text("Already installed")
    screens.cannot_choose(has_it)
    screens.has_chosen(open_one)

    screens.open(f"/addons/{addon.key}/install?workspace={taken}")
    screens.says("Already installed")
    screens.link("See the installation").click()
    screens.is_at(f"/installations/{installation}")
    screens.shows(f"{addon.title} is installed")
    # Gone, it can be chosen again.
    screens.link("Add-ons of this workspace").first.click()
    screens.button(f"Uninstall {addon.title}?").click()
    screens.dialog(f"Uninstall {addon.title}?").get_by_role("button", name="Uninstall").click()
    screens.says("No add-on is installed")
    screens.open(f"/addons/{addon.key}/install?workspace={taken}")
    screens.has_chosen(has_it)


def test_s16_the_notice_about_the_region_has_to_be_acknowledged_in_the_browser(
    marketplace: Marketplace, screens: Screens, addon: SampleAddOn
) -> None:
    fay = marketplace.customer_of_the_product("Fay")
    place = marketplace.name_of(addon.key, marketplace.pushed(fay, region="eu"), fay)
    screens.log_in_by_product(fay, f"/addons/{addon.key}/install")

    screens.choose(place)
    screens.says(
        "The data of this workspace is kept in the region “eu”. "
        "The add-on may keep data outside of it; the marketplace does not know where."
    )
    install = screens.button("Install")
    expect(install).to_be_disabled()
    install.click(force=True)
    screens.shows(f"Install {addon.title}")
    assert addon.calls() == []
    screens.page.get_by_role("checkbox", name="I have read this").check()
    install.click()

    screens.shows(f"{addon.title} is installed")
