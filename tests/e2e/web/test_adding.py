"""Row S12 in a browser: a workspace is added on the way of an install, and chosen on the way back."""

import re

import pytest
from playwright.sync_api import expect

from deploy.local.stack import Stack
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.web.screens import Screens


def test_s12_an_added_workspace_is_one_step_from_the_same_install_in_the_browser(
    marketplace: Marketplace, screens: Screens, owner: Caller, addon: SampleAddOn
) -> None:
    marketplace.look(addon.key, owner)
    screens.log_in(owner, f"/addons/{addon.key}/install")
    screens.link("Add a workspace").click()
    screens.shows("Manage accounts")
    screens.page.get_by_label("Name").fill("Ivy's rooms")
    screens.button("Create").click()
    screens.says("“Ivy's rooms” is there, and you are its owner.")

    screens.link("Back to the install, with “Ivy's rooms”").click()
    screens.shows(f"Install {addon.title}")
    screens.has_chosen("Ivy's rooms")
    screens.button("Install").click()
    screens.shows(f"{addon.title} is installed")


def test_s12_rights_are_set_before_the_step_back_to_the_install_in_the_browser(
    marketplace: Marketplace, screens: Screens, owner: Caller, addon: SampleAddOn
) -> None:
    marketplace.look(addon.key, owner)
    screens.log_in(owner, f"/addons/{addon.key}/install")
    screens.link("Add a workspace").click()
    screens.page.get_by_label("Name").fill("Ivy's garden")
    screens.button("Create").click()
    screens.link("Ivy's garden").click()
    screens.shows("Ivy's garden")
    screens.link("Members").click()
    expect(screens.page.get_by_label("Role: Ivy")).to_have_value("owner")
    screens.page.get_by_label("E-mail address").fill(marketplace.admin.email)
    screens.page.get_by_label("Role", exact=True).select_option("admin")
    screens.button("Send the invite").click()
    screens.says(f"The invite to {marketplace.admin.email} is on its way.")
    marketplace.mailbox.wait(marketplace.admin.email, "invited to Ivy's garden")

    screens.link("Manage accounts").click()
    screens.shows("Manage accounts")
    back = screens.link("Back to the install, with “Ivy's garden”")
    expect(back).to_be_visible()
    back.click()

    screens.shows(f"Install {addon.title}")
    screens.has_chosen("Ivy's garden")


def test_s12_a_workspace_made_at_the_product_appears_and_is_one_step_from_the_install_in_the_browser(
    marketplace: Marketplace, screens: Screens, addon: SampleAddOn
) -> None:
    pia = marketplace.customer_of_the_product("Pia")
    screens.log_in_by_product(pia, f"/addons/{addon.key}/install")
    screens.link("Add a workspace").click()
    expect(screens.link("Create it at Acme")).to_have_attribute("href", re.compile(f"^{marketplace.product_url}/?$"))
    screens.says("it appears here by itself, as soon as Acme tells of it.")
    wing = marketplace.pushed(pia, name="Pia's wing", plan="PRO")
    marketplace.preflight(addon.key, wing, pia)

    expect(screens.link("Pia's wing")).to_be_visible()
    screens.link("Back to the install, with “Pia's wing”").click()

    screens.shows(f"Install {addon.title}")
    screens.has_chosen("Pia's wing")


@pytest.mark.apache
def test_s12_a_workspace_that_is_not_known_yet_is_chosen_as_soon_as_it_is_in_the_browser(
    marketplace: Marketplace, killable: Stack, screens: Screens, owner: Caller, addon: SampleAddOn
) -> None:
    marketplace.look(addon.key, owner)
    screens.log_in(owner, f"/addons/{addon.key}/install")
    screens.link("Add a workspace").click()
    screens.page.get_by_label("Name").fill("Ivy's cellar")
    killable.pause("kafka")
    try:
        screens.button("Create").click()
        with screens.page.expect_response(lambda answer: "/preflight?" in answer.url):
            screens.link("Back to the install, with “Ivy's cellar”").click()
    finally:
        killable.resume("kafka")

    screens.has_chosen("Ivy's cellar")
