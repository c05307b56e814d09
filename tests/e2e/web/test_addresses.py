"""Addresses that somebody else has written: they lead nowhere else, and put no words into our mouth."""

import pytest
from playwright.sync_api import expect

from tests.e2e.people import Caller
from tests.e2e.web.screens import Screens

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/.//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_way_back_leads_to_our_own_pages_only(screens: Screens, owner: Caller, back: str) -> None:
    screens.log_in(owner)
    screens.open(f"/login?return_to={back}")
    screens.link("Go on").click()

    screens.is_at("/")
    screens.open(f"/manage-accounts?return_to={back}")
    screens.shows("Manage accounts")
    expect(screens.page.get_by_role("link", name="Back to the install")).to_have_count(0)


def test_the_reason_of_a_refused_log_in_is_one_of_ours(screens: Screens) -> None:
    words = "Your account is locked, call 555-0100"
    screens.open(f"/login?error={words}")

    screens.says("The product did not log you in")
    expect(screens.page.get_by_text(words)).to_have_count(0)


def test_a_refused_link_of_a_product_is_told_to_who_is_logged_in(screens: Screens, owner: Caller) -> None:
    screens.log_in(owner)
    screens.open("/login?error=product-account-taken&return_to=/manage-accounts")

    screens.says("This product account belongs to another account")
    screens.link("Go on").click()
    screens.is_at("/manage-accounts")


def test_an_address_that_is_no_encoded_one_breaks_nothing(screens: Screens) -> None:
    screens.open("/addons/%FF%FE")
    expect(screens.page.get_by_role("heading", level=1)).to_be_visible()
    screens.menu.get_by_role("link", name="Add-ons").click()

    screens.shows("Add-ons for Souk of tests")


def test_letters_of_a_search_stay_as_they_are_typed(screens: Screens) -> None:
    screens.open("/")
    box = screens.page.get_by_role("searchbox", name="Search add-ons")
    box.press_sequentially("a&b %41 x")

    expect(box).to_have_value("a&b %41 x")
    expect(box).to_be_focused()
    screens.says("Nothing found")
    screens.page.reload()
    expect(box).to_have_value("a&b %41 x")
