"""Rows S7 to S10 in a browser: whoever chooses an add-on gets to its install, or to what is missing for it."""

from playwright.sync_api import expect

from tests.e2e.arriving import confirm
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.visitor import Visitor
from tests.e2e.web.screens import Screens


def test_s7_an_admin_chooses_an_addon_and_gets_to_the_install_screen_in_the_browser(
    marketplace: Marketplace, screens: Screens
) -> None:
    ada = marketplace.admin
    addon = marketplace.addon(long_text="It waves at everybody.", publisher_name="Paula Ltd")
    room = marketplace.name_of(addon.key, marketplace.workspace())
    screens.log_in(ada)
    screens.page.get_by_role("searchbox", name="Search add-ons").fill(addon.name)
    screens.link(addon.title).click()
    screens.shows(addon.title)
    screens.says("It waves at everybody.")
    screens.says("See members and their profiles")
    screens.says("By Paula Ltd")

    screens.link("Install").click()
    screens.shows(f"Install {addon.title}")
    screens.choose(room)
    screens.says("You allow the add-on to:")
    screens.button("Install").click()

    screens.shows(f"{addon.title} is installed")


def test_s8_a_newcomer_comes_back_to_the_addon_that_was_chosen_in_the_browser(
    marketplace: Marketplace, visitor: Visitor, screens: Screens, addon: SampleAddOn
) -> None:
    newcomer = marketplace.person("Nell")
    screens.open(f"/addons/{addon.key}")
    screens.link("Install").click()
    screens.shows(f"Install {addon.title}")
    screens.link("Create an account").click()
    screens.page.get_by_label("Your name").fill(newcomer.name)
    screens.page.get_by_label("E-mail address").fill(newcomer.email)
    screens.page.get_by_label("Password").fill(newcomer.password)
    screens.button("Create the account").click()
    screens.shows("Look into your mailbox")

    confirm(marketplace, visitor, newcomer.email)
    screens.page.get_by_role("link", name="Log in").click()
    screens.shows("Log in")
    screens.give(newcomer)

    screens.is_logged_in(newcomer.name)
    screens.is_at(f"/addons/{addon.key}/install")
    screens.shows(f"Install {addon.title}")
    screens.says("You have no workspace yet")
    expect(screens.link("Add a workspace")).to_be_visible()


def test_s9_without_admin_rights_the_way_leads_to_an_account_that_has_them_in_the_browser(
    marketplace: Marketplace, screens: Screens, addon: SampleAddOn
) -> None:
    gus, fay = (marketplace.customer_of_the_product(name) for name in ("Gus", "Fay"))
    members = [{"email": gus.email, "role": "member"}]
    shared = marketplace.pushed(fay, name="The shared one", plan="PRO", members=members)
    marketplace.preflight(addon.key, shared, fay)
    screens.log_in_by_product(gus, f"/addons/{addon.key}/install")
    screens.is_at(f"/addons/{addon.key}/install")
    screens.says("You do not administer a workspace")
    screens.says("Or ask an admin of one of these to install it:")
    screens.says("The shared one")

    screens.link("Log in with an account that is an admin").click()
    screens.shows("Log in with another account")
    screens.link("Log in with Acme").click()
    screens.give_to_product(fay)

    screens.is_logged_in(fay.name)
    screens.is_at(f"/addons/{addon.key}/install")
    screens.choose("The shared one")


def test_s9_a_password_of_another_account_leads_back_to_the_install_in_the_browser(
    marketplace: Marketplace, screens: Screens, owner: Caller, addon: SampleAddOn
) -> None:
    room = marketplace.name_of(addon.key, marketplace.workspace())
    marketplace.look(addon.key, owner)
    screens.log_in(owner, f"/addons/{addon.key}/install")
    screens.link("Log in with an account that is an admin").click()
    screens.shows("Log in with another account")
    screens.give(marketplace.admin)

    screens.is_logged_in(marketplace.admin.name)
    screens.is_at(f"/addons/{addon.key}/install")
    screens.choose(room)


def test_s10_who_is_not_logged_in_is_reminded_of_an_admins_account_in_the_browser(
    screens: Screens, addon: SampleAddOn
) -> None:
    screens.open(f"/addons/{addon.key}")
    screens.link("Install").click()

    screens.shows(f"Install {addon.title}")
    screens.says("Log in to install")
    screens.says(f"To install {addon.title} you need an account that administers a workspace.")
    expect(screens.dropdown).to_have_count(0)
    expect(screens.link("Log in")).to_be_visible()
    screens.link("Create an account").click()
    screens.shows("Create an account")
    screens.says("To install add-ons you need the role of an admin in a workspace.")
    screens.link("Back").click()
    screens.is_at(f"/addons/{addon.key}/install")
