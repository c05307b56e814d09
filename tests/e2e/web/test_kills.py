"""An installer that dies under an install in the browser: the same page, the same end, once."""

import httpx
import pytest
from playwright.sync_api import expect

from deploy.local.demo.people import eventually
from deploy.local.stack import Stack
from tests.e2e.marketplace import Marketplace
from tests.e2e.web.screens import Screens
from tests.e2e.web.wishes import Wish, begin

pytestmark = pytest.mark.apache


def test_an_install_whose_installer_is_killed_ends_on_the_success_screen_without_a_reload(
    marketplace: Marketplace, killable: Stack, screens: Screens, wish: Wish
) -> None:
    wish.addon.behave("hang")
    installation = begin(screens, wish)
    eventually(lambda: wish.addon.calls("INSTALLED"), "the call")
    loads = screens.loads

    killable.kill("installer")
    wish.addon.behave("ok")
    killable.start("installer")

    eventually(lambda: wish.is_installed(installation), "the install", 120)
    screens.shows(f"{wish.addon.title} is installed")
    screens.is_at(f"/installations/{installation}")
    assert screens.loads == loads, "the page was loaded again"
    assert wish.installations() == [installation]


def test_an_install_that_is_asked_for_while_the_installer_is_away_is_done_once(
    marketplace: Marketplace, killable: Stack, screens: Screens, wish: Wish
) -> None:
    screens.log_in(wish.owner, f"/addons/{wish.addon.key}/install")
    expect(screens.button("Install")).to_be_enabled()
    loads = screens.loads

    killable.kill("installer")
    screens.button("Install").click()
    screens.says(f"Installing {wish.addon.title} is temporarily unavailable.")
    screens.says("It is tried again by itself.")
    killable.start("installer")

    screens.shows(f"{wish.addon.title} is installed")
    assert screens.loads == loads, "the page was loaded again"
    assert len(wish.installations()) == 1


def test_an_install_that_is_heard_of_late_ends_on_the_success_screen_without_a_reload(
    killable: Stack, screens: Screens, wish: Wish
) -> None:
    screens.log_in(wish.owner, f"/addons/{wish.addon.key}/install")
    expect(screens.button("Install")).to_be_enabled()
    loads = screens.loads
    killable.pause("kafka")
    try:
        with screens.page.expect_response(lambda one: "/stream" in one.url and one.status == httpx.codes.NOT_FOUND):
            screens.button("Install").click()
    finally:
        killable.resume("kafka")

    screens.shows(f"{wish.addon.title} is installed")
    assert screens.loads == loads, "the page was loaded again"
