"""Every screen of the client at three widths, dark and light: nothing for axe to find, nothing that sticks out.

The pictures are kept in `var/pictures`, for whoever wants to look.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page

from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.web.screens import Screens, sticks_out
from tests.e2e.web.tour import installs, owners, visitors
from tests.e2e.web.tour.stops import STOPS, Guest

__all__ = ["installs", "owners", "visitors"]  # they add their stops

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PICTURES = ROOT / "var" / "pictures"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
# WCAG 2.2 AA is all of these together; of 2.2 itself axe leaves the size of targets out unless it is asked.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}
WIDTHS = {320: 640, 768: 1024, 1920: 1080}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FOUND = """async rules => (await axe.run(document, rules)).violations.map(one =>
  `${one.id}: ${one.help}: ` + one.nodes.map(node => node.target.join(' ')).join(', '))"""


def wrong(page: Page) -> list[str]:
    """What axe finds on a page, and whether it is wider than its window."""
    found: list[str] = page.evaluate(FOUND, RULES)
    wider = sticks_out(page)
    return [*found, *([f"wider than the window by {wider} px"] if wider else [])]


@pytest.fixture
def look(screens: Screens) -> Callable[[str], dict[str, Any]]:
    """Takes the pictures of the screen that is shown. Returns what is wrong with each."""

    def take(name: str) -> dict[str, Any]:
        page, faults = screens.page, {}
        page.evaluate(AXE.read_text())
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            for width, height in WIDTHS.items():
                page.set_viewport_size({"width": width, "height": height})
                page.screenshot(path=PICTURES / f"{name}-{width}-{theme}.png", full_page=True, animations="disabled")
                if found := wrong(page):
                    faults[f"{width} {theme}"] = found
        return faults

    return take


@pytest.fixture
def guest(marketplace: Marketplace, screens: Screens, owner: Caller, addon: SampleAddOn) -> Guest:
    return Guest(marketplace, screens, owner, addon)


@pytest.mark.parametrize("name", STOPS)
def test_a_screen_can_be_read_by_everybody(
    name: str, look: Callable[[str], dict[str, Any]], guest: Guest, screens: Screens
) -> None:
    STOPS[name](guest)
    title = screens.page.get_by_role("heading", level=1).inner_text()

    assert look(name) == {}
    assert screens.page.get_by_role("heading", level=1).inner_text() == title, "the screen has changed meanwhile"


def test_what_sticks_out_or_cannot_be_read_is_seen(screens: Screens) -> None:
    screens.open("/login")
    screens.shows("Log in")
    screens.page.evaluate(AXE.read_text())
    screens.page.evaluate(
        """() => {
          const main = document.querySelector('main');
          main.append(Object.assign(document.createElement('p'), {textContent: 'Hardly seen'}));
          Object.assign(main.lastChild.style, {color: '#ccc', background: '#fff', width: '300vw'});
          main.append(Object.assign(document.createElement('img'), {src: '/favicon.svg'}));
        }"""
    )

    found = " ".join(wrong(screens.page))
    assert [one for one in ("color-contrast", "image-alt", "wider than the window") if one not in found] == [], found
