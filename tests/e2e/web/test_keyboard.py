"""An install without a mouse, and what somebody hears who does not see the page."""

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.web.screens import Screens
from tests.e2e.web.wishes import Wish

pytestmark = pytest.mark.slow

FURTHEST = 60  # presses of Tab, from one end of a screen to the other
RING = """one => {
  const style = getComputedStyle(one);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 || style.boxShadow !== 'none';
}"""


LOCAL = """([at, locale, timeZone]) =>
  new Date(at).toLocaleString(locale, {dateStyle: 'medium', timeStyle: 'short', timeZone})"""


class Keyboard:
    """What can be done with keys alone. Whatever has the focus shows it."""

    def __init__(self, screens: Screens) -> None:
        self.screens = screens
        self.page = screens.page

    def reach(self, target: Locator) -> None:
        """Press Tab until it has the focus."""
        expect(target).to_be_visible()
        for _ in range(FURTHEST):
            if target.evaluate("one => one === document.activeElement"):
                assert target.evaluate(RING), f"nothing shows that {target} has the focus"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {target}")

    def press(self, target: Locator, key: str = "Enter") -> None:
        self.reach(target)
        self.page.keyboard.press(key)

    def write(self, label: str, text: str) -> None:
        self.reach(self.page.get_by_label(label))
        self.page.keyboard.type(text)


@pytest.fixture
def keyboard(screens: Screens) -> Keyboard:
    return Keyboard(screens)


def test_an_install_by_keyboard_alone(
    marketplace: Marketplace, screens: Screens, keyboard: Keyboard, owner: Caller, addon: SampleAddOn
) -> None:
    for name in ("Berlin", "Cairo"):
        body = {"name": name, "region": "eu"}
        made = owner.call("POST", "/api/auth/v1/workspaces", json=body)["id"]
        marketplace.preflight(addon.key, made, owner)
    screens.open("/")
    keyboard.page.keyboard.press("Tab")
    expect(screens.page.get_by_role("button", name="Skip to the content")).to_be_focused()
    keyboard.page.keyboard.press("Enter")
    keyboard.write("Search add-ons", addon.name)
    keyboard.press(screens.link(addon.title))
    screens.shows(addon.title)
    keyboard.press(screens.link("Install"))
    screens.shows(f"Install {addon.title}")
    keyboard.press(screens.link("Log in"))
    screens.shows("Log in")
    keyboard.write("E-mail address", owner.email)
    keyboard.write("Password", owner.password)
    keyboard.page.keyboard.press("Enter")
    screens.shows(f"Install {addon.title}")

    keyboard.press(screens.dropdown, "ArrowDown")
    keyboard.page.keyboard.type("Cai")
    keyboard.page.keyboard.press("Enter")
    screens.has_chosen("Cairo")
    keyboard.press(screens.page.get_by_role("checkbox", name="I have read this"), "Space")
    keyboard.press(screens.button("Install"))

    screens.shows(f"{addon.title} is installed")
    keyboard.press(screens.link("Add-ons of this workspace").first)
    keyboard.press(screens.button(f"Uninstall {addon.title}?"))
    asked = screens.dialog(f"Uninstall {addon.title}?")
    keyboard.press(asked.get_by_role("button", name="Cancel"))
    expect(screens.button(f"Uninstall {addon.title}?")).to_be_focused()  # where it was


def test_a_dialog_keeps_the_focus_and_escape_closes_it(screens: Screens, owner: Caller) -> None:
    screens.log_in(owner, "/profile")
    screens.button("Make a token").click()
    asked = screens.dialog("Make a token")
    for _ in range(30):
        screens.page.keyboard.press("Tab")
        outside = "document.activeElement !== document.body && !document.activeElement.closest('dialog')"
        assert not screens.page.evaluate(outside), "the focus has left the dialog"
    screens.page.keyboard.press("Escape")

    expect(asked).to_have_count(0)
    expect(screens.button("Make a token")).to_be_focused()


def test_each_screen_is_announced_by_its_title(screens: Screens, addon: SampleAddOn) -> None:
    screens.open(f"/?q={addon.name}")
    screens.link(addon.title).click()
    screens.shows(addon.title)

    expect(screens.page).to_have_title(f"{addon.title} · Souk of tests")
    expect(screens.page.get_by_role("heading", level=1)).to_be_focused()


def test_what_happens_to_an_install_is_read_out(screens: Screens, wish: Wish) -> None:
    wish.addon.behave("error")
    screens.log_in(wish.owner, f"/addons/{wish.addon.key}/install")
    expect(screens.page.get_by_role("main")).to_match_aria_snapshot(
        """
        - heading "Install Souk sample" [level=1]
        - combobox "Workspace"
        - heading "You allow the add-on to:" [level=2]
        - list
        - button "Install"
        """.replace("Install Souk sample", f"Install {wish.addon.title}")
    )
    screens.button("Install").click()

    main = screens.page.get_by_role("main")
    expect(main.get_by_role("status").filter(has_text="is temporarily unavailable")).to_be_visible()
    expect(main).to_match_aria_snapshot(
        """
        - heading "Add-on maintenance" [level=1]
        - list "Steps":
          - listitem: /Requested/
          - listitem: /The workspace is checked/
          - listitem: /The add-on is told/
          - listitem: /Installed/
        - button "Try again now"
        - button "Cancel the install"
        """
    )
    wish.addon.behave("ok")
    expect(main.get_by_role("status").filter(has_text="The add-on has confirmed it.")).to_be_visible()


def test_motion_is_left_out_for_those_who_do_not_want_it(screens: Screens) -> None:
    screens.page.emulate_media(reduced_motion="reduce")
    screens.open("/")
    screens.shows("Add-ons for Souk of tests")
    moving = """[...document.querySelectorAll('*')].filter(one => {
      const style = getComputedStyle(one);
      return parseFloat(style.animationDuration) > 0.001 && style.animationName !== 'none'
        || parseFloat(style.transitionDuration) > 0.001;
    }).length"""
    assert screens.page.evaluate(moving) == 0
    screens.page.emulate_media(reduced_motion="no-preference")
    assert screens.page.evaluate(moving) > 0, "nothing moves anyway"


@pytest.mark.parametrize("locale", ["de-DE", "fr-FR", "ar-EG"])
def test_times_are_told_in_the_visitors_locale(
    marketplace: Marketplace, browser: Browser, addon: SampleAddOn, locale: str
) -> None:
    context = browser.new_context(locale=locale, timezone_id="Asia/Tokyo")
    try:
        page = context.new_page()
        page.goto(f"{marketplace.url}/addons/{addon.key}")
        told = page.locator("dd time")
        expected = page.evaluate(LOCAL, [told.get_attribute("datetime"), locale, "Asia/Tokyo"])
        expect(told).to_have_text(expected)
    finally:
        context.close()
