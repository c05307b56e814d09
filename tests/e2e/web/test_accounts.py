"""Rows S2 to S4 in a browser: accounts are made, confirmed, and linked with products."""

import secrets

from playwright.sync_api import Locator, expect

from deploy.local.demo.people import eventually
from tests.e2e.arriving import confirm, login, somebody
from tests.e2e.marketplace import Marketplace
from tests.e2e.visitor import Visitor
from tests.e2e.web.screens import Screens
from tests.openid_provider import OpenIdProvider

WHY = "Until it is confirmed there is no access to the account."


def account_row(screens: Screens, label: str) -> Locator:
    """A product account on *Manage accounts*."""
    return screens.page.get_by_role("listitem").filter(has=remove(screens, label))


def remove(screens: Screens, label: str) -> Locator:
    """Its button, which tells accounts of one product apart by region and address."""
    return screens.page.get_by_role("button", name=f"Remove {label}")


def test_s2_a_product_account_is_created_and_then_logs_in_in_the_browser(
    globe: OpenIdProvider, visitor: Visitor, screens: Screens
) -> None:
    name = f"n{secrets.token_hex(5)}"
    screens.open("/")
    screens.menu.get_by_role("link", name="Log in").click()
    screens.link("Create an account").click()
    screens.shows("Create an account")
    screens.link("Create an account at Globe").click()
    visitor.sign_up_as(name, f"{name}@globe.example")
    screens.is_logged_in(name)
    screens.is_at("/")

    screens.menu.get_by_role("button", name="Log out").click()
    screens.is_logged_out()
    screens.menu.get_by_role("link", name="Log in").click()
    screens.link("Log in with Globe").click()

    screens.is_logged_in(name)
    screens.is_at("/")


def test_s3_product_accounts_are_rows_that_are_added_and_removed_in_the_browser(
    globe: OpenIdProvider, island: OpenIdProvider, visitor: Visitor, screens: Screens
) -> None:
    name, _ = somebody(globe, account_url="https://ada.globe.example")
    second, _ = somebody(island, region="is-1", account_url="https://ada.island.example")
    screens.open(login(globe, return_to="/"))
    visitor.log_in_as(name)
    screens.is_logged_in(name)

    screens.menu.get_by_role("link", name="Manage accounts").click()
    screens.shows("Manage accounts")
    expect(account_row(screens, "Globe")).to_contain_text("https://ada.globe.example")
    remove(screens, "Globe").click()
    kept = screens.dialog("Remove Globe, ca, https://ada.globe.example?")
    expect(kept).to_contain_text("It is your only way to log in, so it cannot be removed.")
    expect(kept.get_by_role("button", name="Remove")).to_be_disabled()
    kept.get_by_role("button", name="Cancel").click()

    screens.button("Add Island").click()
    visitor.log_in_as(second)
    screens.is_at("/manage-accounts")
    for label, region in (("Globe", "ca"), ("Island", "is-1")):
        row = account_row(screens, label)
        expect(row).to_contain_text(f"https://ada.{label.lower()}.example")
        expect(row.get_by_text(region, exact=True)).to_be_visible()

    remove(screens, "Island").click()
    gone = screens.dialog("Remove Island, is-1, https://ada.island.example?")
    expect(gone).to_contain_text("You can no longer log in with it.")
    gone.get_by_role("button", name="Remove").click()
    screens.is_logged_out()  # all sessions end with it, as was told


def test_s3_a_removal_ends_the_session_and_says_so_in_the_browser(
    globe: OpenIdProvider, island: OpenIdProvider, visitor: Visitor, screens: Screens
) -> None:
    (name, _), (second, _) = somebody(globe), somebody(island)
    screens.open(login(globe, return_to="/manage-accounts"))
    visitor.log_in_as(name)
    screens.button("Add Island").click()
    visitor.log_in_as(second)

    remove(screens, "Island").click()
    gone = screens.dialog("Remove Island")
    expect(gone).to_contain_text("All sessions and tokens end, this one too.")
    gone.get_by_role("button", name="Remove").click()

    screens.is_logged_out()
    screens.link("Log in").click()
    screens.link("Log in with Globe").click()
    visitor.log_in_as(name)  # both products have one host here, so the browser knows the last one only
    screens.is_at("/manage-accounts")
    expect(account_row(screens, "Globe")).to_be_visible()
    expect(account_row(screens, "Island")).to_have_count(0)


def test_s4_no_access_before_the_address_is_confirmed_and_the_mail_comes_again_in_the_browser(
    marketplace: Marketplace, visitor: Visitor, screens: Screens
) -> None:
    nora = marketplace.person("Nora")
    screens.open("/signup")
    screens.page.get_by_label("Your name").fill(nora.name)
    screens.page.get_by_label("E-mail address").fill(nora.email)
    screens.page.get_by_label("Password").fill(nora.password)
    screens.button("Create the account").click()
    screens.shows("Look into your mailbox")
    screens.says(f"A mail with a link goes to {nora.email}.")
    marketplace.mailbox.wait(nora.email, "confirm")

    screens.menu.get_by_role("link", name="Log in").click()
    screens.give(nora)
    screens.says("Your e-mail address is not confirmed")
    screens.link("Send the mail again").click()
    screens.shows("Confirm your e-mail address")
    screens.says(WHY)
    expect(screens.page.get_by_label("E-mail address")).to_have_value(nora.email)
    screens.button("Send the mail again").click()
    screens.says("a new mail is on its way")
    screens.is_logged_out()
    eventually(lambda: len(marketplace.mailbox.mails(nora.email, "confirm")) == 2, "the mail again")

    confirm(marketplace, visitor, nora.email)
    screens.page.get_by_role("link", name="Log in").click()
    screens.shows("Log in")
    screens.give(nora)
    screens.is_logged_in(nora.name)


def test_s4_who_comes_by_a_product_is_told_of_the_address_in_the_browser(
    marketplace: Marketplace, island: OpenIdProvider, visitor: Visitor, screens: Screens
) -> None:
    name, email = somebody(island)
    screens.open("/login?return_to=/notices")
    screens.link("Log in with Island").click()
    visitor.log_in_as(name)
    screens.says("Your e-mail address is not confirmed")
    screens.link("Send the mail again").click()
    screens.shows("Confirm your e-mail address")
    screens.page.get_by_label("E-mail address").fill(email)
    screens.button("Send the mail again").click()
    screens.says("a new mail is on its way")

    confirm(marketplace, visitor, email)
    screens.page.get_by_role("link", name="Log in").click()
    screens.shows("Log in")
    screens.link("Log in with Island").click()
    screens.is_logged_in(name)
    screens.is_at("/notices")
