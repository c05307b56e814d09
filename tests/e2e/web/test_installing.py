"""Row S17 in a browser: whatever goes wrong on the way of an install, its page says so and goes on by itself."""

from playwright.sync_api import expect

from deploy.local.demo.people import eventually
from deploy.local.stack import Stack
from tests.e2e.marketplace import Marketplace
from tests.e2e.web.screens import Screens
from tests.e2e.web.wishes import Wish, begin

NOTICES = "/api/notifier/v1/notices"


def goes_on(screens: Screens) -> None:
    """The maintenance screen of an install that is not lost."""
    screens.shows("Add-on maintenance")
    screens.says("You need not do anything: your request is kept, and it goes on by itself.")
    steps = screens.page.get_by_role("list", name="Steps").get_by_role("listitem")
    expect(steps).to_contain_text(["Requested", "The workspace is checked", "The add-on is told", "Installed"])
    expect(screens.button("Try again now")).to_be_visible()
    expect(screens.button("Cancel the install")).to_be_visible()


def facts(screens: Screens, term: str) -> str:
    """What the page says of one thing."""
    listed = screens.page.get_by_role("term").filter(has_text=term)
    return listed.locator("xpath=following-sibling::dd[1]").inner_text()


def test_s17_an_addon_that_is_down_shows_maintenance_and_goes_on_in_the_browser(
    stack: Stack, screens: Screens, wish: Wish
) -> None:
    stack.stop("addon")
    try:
        begin(screens, wish)
        goes_on(screens)
        screens.says(f"Installing {wish.addon.title} is temporarily unavailable.")
        room = wish.owner.call("GET", f"/api/auth/v1/workspaces/{wish.room}")["name"]
        screens.says(f"In the workspace “{room}”")
        screens.says("It waits until the add-on answers again.")
        assert facts(screens, "Where the trouble is") == "with the add-on"
        assert facts(screens, "Given up, if not done")
        loads = screens.loads
    finally:
        stack.start("addon")

    screens.shows(f"{wish.addon.title} is installed")
    screens.says("The add-on has confirmed it.")
    assert screens.loads == loads, "the page was loaded again"


def test_s17_an_addon_that_is_broken_shows_maintenance_until_it_is_mended_in_the_browser(
    screens: Screens, wish: Wish
) -> None:
    wish.addon.behave("error")
    begin(screens, wish)
    goes_on(screens)
    assert facts(screens, "Where the trouble is") == "with the add-on"
    screens.button("Try again now").click()
    screens.says("Somebody asked to try again")
    wish.addon.behave("ok")

    screens.shows(f"{wish.addon.title} is installed")


def test_s17_an_operators_notice_is_told_before_and_during_an_install_in_the_browser(
    marketplace: Marketplace, screens: Screens, wish: Wish
) -> None:
    scope = f"addon:{wish.addon.key}"
    notice = {"scope": scope, "text": "We move its server."}
    eventually(
        lambda: marketplace.operator.send("POST", NOTICES, json=notice).is_success, "an add-on that the notifier knows"
    )
    try:
        row = eventually(
            lambda: (shown := marketplace.preflight(wish.addon.key, wish.room, wish.owner))["will_wait"] and shown,
            "the warning",
        )
        screens.log_in(wish.owner, f"/addons/{wish.addon.key}/install")
        screens.dropdown.click()
        expect(screens.option(row["name"])).to_contain_text("Will wait: the add-on does not answer now")
        screens.option(row["name"]).click()
        screens.says("Your install waits, and goes on by itself as soon as it does.")
        screens.button("Install").click()
        goes_on(screens)
        screens.says("What the operators say")
        screens.says("We move its server.")
        screens.says("It waits until the maintenance is over.")
        loads = screens.loads
    finally:
        marketplace.operator.call("DELETE", f"{NOTICES}/{scope}")

    screens.shows(f"{wish.addon.title} is installed")
    assert screens.loads == loads, "the page was loaded again"


def test_s17_who_does_not_want_to_wait_cancels_in_the_browser(screens: Screens, wish: Wish) -> None:
    wish.addon.behave("error")
    begin(screens, wish)
    goes_on(screens)

    screens.button("Cancel the install").click()
    asked = screens.dialog("Cancel this install?")
    expect(asked).to_contain_text("Nothing is installed then.")
    asked.get_by_role("button", name="Cancel the install").click()

    screens.shows(f"{wish.addon.title} was not installed")
    screens.says("It was cancelled.")


def test_s17_a_refusal_is_told_in_the_addons_own_words_in_the_browser(
    marketplace: Marketplace, screens: Screens, wish: Wish
) -> None:
    reason = "Ask <b>sales</b> first: your seats are taken."
    wish.addon.behave("refuse", reason=reason)
    begin(screens, wish)

    screens.shows(f"{wish.addon.title} was not installed")
    screens.says("The add-on refused the install.")
    expect(screens.page.get_by_role("blockquote")).to_have_text(reason)
    wish.addon.behave("ok")
    screens.link("Start again").click()
    screens.has_chosen(marketplace.name_of(wish.addon.key, wish.room, wish.owner))
    screens.button("Install").click()
    screens.shows(f"{wish.addon.title} is installed")
