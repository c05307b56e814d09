"""Rows S13 and S14 in a browser: the lock on workspaces that ask for a second factor, and the key to it."""

from playwright.sync_api import expect

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.two_factor import next_code, switch_off, switch_on, two_workspaces
from tests.e2e.web.enrolling import enrol
from tests.e2e.web.screens import Screens

LOCKED = "Locked: it requires two-factor authentication. Switch it on in your profile settings"


def test_s13_with_a_second_factor_all_workspaces_can_be_chosen_in_the_browser(
    marketplace: Marketplace, screens: Screens, owner: Caller, addon: SampleAddOn
) -> None:
    device, _ = switch_on(owner)
    rooms = [marketplace.name_of(addon.key, one, owner) for one in two_workspaces(marketplace, owner)]
    screens.open(f"/login?return_to=/addons/{addon.key}/install")
    screens.give(owner)
    screens.shows("Second factor")
    screens.page.get_by_label("Code").fill(next_code(device))
    screens.button("Log in").click()
    screens.is_logged_in(owner.name)

    for room in rooms:
        screens.dropdown.click()
        expect(screens.page.get_by_text(LOCKED)).to_have_count(0)
        expect(screens.option(room)).to_be_enabled()
        screens.option(room).click()
        screens.has_chosen(room)
        expect(screens.button("Install")).to_be_enabled()
    screens.button("Install").click()
    screens.shows(f"{addon.title} is installed")


def test_s14_a_lock_that_opens_as_soon_as_there_is_a_second_factor_in_the_browser(
    marketplace: Marketplace, screens: Screens, owner: Caller, addon: SampleAddOn
) -> None:
    _, codes = switch_on(owner)
    strict, easy = two_workspaces(marketplace, owner)  # only who has a second factor makes the rule
    switch_off(owner, next(codes))
    eventually(lambda: not marketplace.preflight(addon.key, strict, owner)["selectable"], "the lock")
    locked, open_one = (marketplace.name_of(addon.key, one, owner) for one in (strict, easy))
    screens.log_in(owner, f"/addons/{addon.key}/install")
    screens.has_chosen(open_one)  # the only one that can be

    screens.dropdown.click()
    expect(screens.option(locked)).to_contain_text(LOCKED)
    screens.cannot_choose(locked)
    screens.has_chosen(open_one)

    screens.open(f"/addons/{addon.key}/install?workspace={strict}")
    screens.says(f"Why “{locked}” cannot be chosen")
    screens.says(LOCKED)
    expect(screens.button("Install")).to_be_disabled()
    screens.link("Switch on two-factor authentication").click()
    screens.shows("Profile")
    enrol(screens)

    screens.says("Locked workspaces are open now.")
    screens.link("Back to the install").last.click()
    screens.has_chosen(locked)
    screens.button("Install").click()
    screens.shows(f"{addon.title} is installed")
