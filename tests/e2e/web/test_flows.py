"""An install outlives what happens to browsers: a reload, the back button, a log-out, a lost connection."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from deploy.local.demo.people import eventually
from deploy.local.stack import Stack
from tests.e2e.invites import join
from tests.e2e.marketplace import INSTALLATIONS, Marketplace
from tests.e2e.people import Caller
from tests.e2e.visitor import Visitor
from tests.e2e.web.screens import Screens
from tests.e2e.web.wishes import Wish, begin

pytestmark = pytest.mark.slow

LOST = "Connection lost. What you see may be old; it is tried again by itself."
OFFLINE = "You are offline. It goes on by itself when the connection is back."


def token_ends(page: Page) -> None:
    """The next request for an install is answered as if the page had slept for longer than its token is good."""
    problem = {"slug": "token-expired", "status": 401, "title": "The token has expired."}
    page.route(f"**{INSTALLATIONS}", lambda route: route.fulfill(status=401, json=problem), times=1)


@pytest.fixture
def hanging(wish: Wish) -> Wish:
    """A wish whose add-on lets a call wait until it is told otherwise."""
    wish.addon.behave("hang")
    return wish


def test_a_reload_in_the_middle_of_an_install_changes_nothing(screens: Screens, hanging: Wish) -> None:
    installation = begin(screens, hanging)
    screens.says("Requested")
    screens.page.reload()
    screens.is_at(f"/installations/{installation}")
    expect(screens.page.get_by_role("list", name="Steps")).to_be_visible()

    hanging.addon.behave("ok")
    screens.shows(f"{hanging.addon.title} is installed")
    assert hanging.installations() == [installation]


def test_back_and_forward_show_what_is_now_and_install_nothing_again(screens: Screens, wish: Wish) -> None:
    installation = begin(screens, wish)
    screens.shows(f"{wish.addon.title} is installed")
    screens.page.go_back()
    screens.shows(f"Install {wish.addon.title}")
    screens.says("Already installed")
    expect(screens.button("Install")).to_be_disabled()

    screens.page.go_forward()
    screens.shows(f"{wish.addon.title} is installed")
    assert wish.installations() == [installation]


def test_two_tabs_tell_the_same(screens: Screens, hanging: Wish) -> None:
    installation = begin(screens, hanging)
    second = Screens(Visitor(screens.page.context, screens.visitor.marketplace))
    second.open(f"/installations/{installation}")
    expect(second.page.get_by_role("list", name="Steps")).to_be_visible()

    hanging.addon.behave("ok")
    for tab in (screens, second):
        tab.shows(f"{hanging.addon.title} is installed")
    # Who logs out in one of them is logged out in both.
    second.menu.get_by_role("button", name="Log out").click()
    screens.is_logged_out()
    assert second.broken == []


def test_a_session_that_ends_before_the_press_on_install_is_renewed_by_a_log_in_and_the_install_goes_on(
    screens: Screens, wish: Wish
) -> None:
    screens.log_in(wish.owner, f"/addons/{wish.addon.key}/install")
    expect(screens.button("Install")).to_be_enabled()
    screens.page.context.clear_cookies()
    token_ends(screens.page)

    screens.button("Install").click()
    screens.says("Your session has ended. Log in, and you go on where you were.")
    screens.page.get_by_role("link", name="Log in").last.click()
    screens.give(wish.owner)

    screens.shows(f"{wish.addon.title} is installed")  # without another press
    assert len(wish.installations()) == 1


def test_a_session_that_ends_under_an_install_leads_back_to_it(screens: Screens, hanging: Wish) -> None:
    installation = begin(screens, hanging)
    screens.menu.get_by_role("button", name="Log out").click()
    screens.shows("Please log in")
    hanging.addon.behave("ok")
    eventually(lambda: hanging.is_installed(installation), "the install")

    screens.link("Log in").click()
    screens.give(hanging.owner)
    screens.is_at(f"/installations/{installation}")
    screens.shows(f"{hanging.addon.title} is installed")


def test_a_lost_connection_says_so_and_what_was_missed_is_shown_when_it_is_back(
    screens: Screens, hanging: Wish
) -> None:
    installation = begin(screens, hanging)
    expect(screens.page.get_by_role("list", name="Steps")).to_be_visible()
    loads = screens.loads

    screens.page.context.set_offline(True)
    screens.says(OFFLINE)
    hanging.addon.behave("ok")
    eventually(lambda: hanging.is_installed(installation), "the install")
    screens.page.context.set_offline(False)

    screens.shows(f"{hanging.addon.title} is installed")
    expect(screens.page.get_by_text(OFFLINE)).to_have_count(0)
    assert screens.loads == loads, "the page was loaded again"


@pytest.mark.apache
def test_live_updates_that_break_off_say_so_and_go_on(killable: Stack, screens: Screens, hanging: Wish) -> None:
    installation = begin(screens, hanging)
    expect(screens.page.get_by_role("list", name="Steps")).to_be_visible()
    loads = screens.loads
    try:
        killable.kill("notifier")
        screens.says(LOST)
        hanging.addon.behave("ok")
        eventually(lambda: hanging.is_installed(installation), "the install")
    finally:
        killable.start("notifier")

    screens.shows(f"{hanging.addon.title} is installed")
    expect(screens.page.get_by_text(LOST)).to_have_count(0)
    assert screens.loads == loads, "the page was loaded again"


def test_a_link_to_an_installation_leads_there_after_the_log_in(screens: Screens, wish: Wish) -> None:
    installation = begin(screens, wish)
    screens.shows(f"{wish.addon.title} is installed")
    screens.page.context.clear_cookies()

    screens.open(f"/installations/{installation}")
    screens.shows("Please log in")
    screens.link("Log in").click()
    screens.give(wish.owner)
    screens.is_at(f"/installations/{installation}")
    screens.shows(f"{wish.addon.title} is installed")


def test_two_admins_at_once_get_one_install_and_both_see_it(
    marketplace: Marketplace, screens: Screens, another_browser: Callable[[], Screens], wish: Wish
) -> None:
    bea = marketplace.customer("Bea")
    join(marketplace, wish.owner, wish.room, bea, "admin")
    eventually(lambda: marketplace.preflight(wish.addon.key, wish.room, bea)["selectable"], "her role")
    both = [(screens, wish.owner), (another_browser(), bea)]
    for shown, person in both:
        shown.log_in(person, f"/addons/{wish.addon.key}/install")
        expect(shown.button("Install")).to_be_enabled()

    for shown, _ in both:
        shown.button("Install").dispatch_event("click")  # which waits for no answer

    see, done = "See the installation", f"{wish.addon.title} is installed"
    for shown, _ in both:
        heading = shown.page.get_by_role("heading", level=1, name=done)
        expect(heading.or_(shown.link(see)).first).to_be_visible()
    slower = [shown for shown, _ in both if shown.link(see).count()]
    assert len(slower) == 1
    slower[0].says("It is already installed there")
    slower[0].link(see).first.click()
    for shown, _ in both:
        shown.shows(done)
    assert len(wish.installations()) == 1


def test_windows_of_different_accounts_never_mix(
    marketplace: Marketplace, screens: Screens, owner: Caller, wish: Wish
) -> None:
    bob = marketplace.customer("Bob")
    screens.log_in(wish.owner, f"/addons/{wish.addon.key}/install")
    expect(screens.button("Install")).to_be_enabled()

    second = Screens(Visitor(screens.page.context, screens.visitor.marketplace))
    second.open("/login?another=1")
    second.give(bob)
    second.is_logged_in(bob.name)

    # The first window belongs to the same browser, so it is Bob's now, and says so.
    screens.is_logged_in(bob.name)
    screens.says("You have no workspace yet")
    assert wish.installations() == []
    assert second.broken == []


def test_logging_out_ends_the_session_and_not_only_its_token(screens: Screens, owner: Caller) -> None:
    screens.log_in(owner)
    with screens.page.expect_request(lambda one: one.method == "DELETE") as asked:
        screens.menu.get_by_role("button", name="Log out").click()
    screens.is_logged_out()

    assert "authorization" not in asked.value.headers, "a token that is too old would keep the session"
    screens.page.reload()
    screens.is_logged_out()


def test_a_press_that_nobody_answered_is_not_repeated_for_another_workspace(screens: Screens, wish: Wish) -> None:
    other = wish.owner.call("POST", "/api/auth/v1/workspaces", json={"name": "The other one"})["id"]
    screens.log_in(wish.owner, f"/addons/{wish.addon.key}/install?workspace={wish.room}")
    expect(screens.button("Install")).to_be_enabled()
    screens.page.route(f"**{INSTALLATIONS}", lambda route: route.abort("connectionrefused"))
    screens.button("Install").click()
    screens.says("It is tried again by itself.")

    screens.page.unroute(f"**{INSTALLATIONS}")
    screens.open(f"/addons/{wish.addon.key}/install?workspace={other}")
    screens.has_chosen("The other one")
    expect(screens.button("Install")).to_be_enabled()
    assert wish.owner.call("GET", f"{INSTALLATIONS}?workspace={other}")["items"] == []
