"""An add-on that goes down and comes back, as everybody sees it who looks at it meanwhile."""

import re

import pytest
from playwright.sync_api import expect

from deploy.local.demo.people import eventually
from deploy.local.stack import Stack
from tests.e2e.marketplace import Marketplace
from tests.e2e.web.screens import Screens
from tests.e2e.web.wishes import Wish, begin

pytestmark = pytest.mark.slow


def test_an_addon_goes_down_and_comes_back(
    marketplace: Marketplace, stack: Stack, screens: Screens, wish: Wish
) -> None:
    rooms = [marketplace.workspace(wish.owner) for _ in range(4)]
    for room in rooms:
        marketplace.preflight(wish.addon.key, room, wish.owner)
    stack.stop("addon")
    try:
        # Enough of them fail for everybody to be told.
        others = [marketplace.request(wish.addon.key, room, wish.owner) for room in rooms]
        screens.log_in(wish.owner, f"/addons/{wish.addon.key}/install?workspace={wish.room}")
        screens.button("Install").click()
        screens.shows("Add-on maintenance")
        screens.says("You need not do anything: your request is kept, and it goes on by itself.")
        waiting = screens.visitor.at

        screens.menu.get_by_role("link", name="Notices").click()
        expect(screens.link(wish.addon.title)).to_be_visible()
        screens.says("Does not answer")
        screens.link(wish.addon.title).click()
        screens.says("It does not answer at present. An install waits until it does.")
        screens.menu.get_by_role("link", name="Add-ons").click()
        screens.page.get_by_role("searchbox", name="Search add-ons").fill(wish.addon.name)
        card = screens.page.get_by_role("listitem").filter(has_text=wish.addon.title)
        expect(card).to_contain_text(re.compile("Not available now|Recovering"))
        screens.open(waiting)
        screens.shows("Add-on maintenance")
        loads = screens.loads
    finally:
        stack.start("addon")

    screens.shows(f"{wish.addon.title} is installed")
    assert screens.loads == loads, "the page was loaded again"
    eventually(lambda: all(wish.is_installed(one) for one in others), "the other installs")
    # Within a minute everybody is told that it is over.
    screens.menu.get_by_role("link", name="Notices").click()
    eventually(lambda: gone(screens, wish.addon.title), "the end of the notice")
    screens.open(f"/addons/{wish.addon.key}")
    screens.says("Nothing is known to be wrong. Installs go through.")


def gone(screens: Screens, title: str) -> bool:
    """Whether the list of notices, looked at again, has nothing of the add-on any more."""
    screens.page.reload()
    screens.shows("Notices")
    expect(screens.page.get_by_role("status", name="Loading")).to_have_count(0)
    return screens.link(title).count() == 0


def test_who_had_it_installed_keeps_it_and_can_uninstall_it_while_it_is_down(
    stack: Stack, screens: Screens, wish: Wish
) -> None:
    begin(screens, wish)
    screens.shows(f"{wish.addon.title} is installed")
    stack.stop("addon")
    try:
        screens.link("Add-ons of this workspace").first.click()
        screens.button(f"Uninstall {wish.addon.title}?").click()
        asked = screens.dialog(f"Uninstall {wish.addon.title}?")
        asked.get_by_role("button", name="Uninstall").click()
        screens.says("No add-on is installed")
    finally:
        stack.start("addon")
    eventually(lambda: wish.addon.calls("DELETED"), "what it is told when it is back")
