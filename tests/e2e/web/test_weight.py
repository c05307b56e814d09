"""What a visit costs: bytes, requests, and how much the page moves under the visitor's eyes."""

from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, Response, expect

from tests.e2e.marketplace import SampleAddOn
from tests.e2e.web.screens import Screens
from tests.e2e.web.wishes import Wish, begin

FIRST_BYTES = 120_000
FIRST_REQUESTS = 15
SHIFT = 0.1  # what web.dev/articles/cls calls good
WATCH = """
window.moved = 0;
new PerformanceObserver(list => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.moved += one.value;
}).observe({type: 'layout-shift', buffered: true});
"""


@dataclass
class Weight:
    """What has been answered since it was begun."""

    page: Page
    answers: list[Response] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.add_init_script(WATCH)
        self.page.on("response", self.note)

    def note(self, answer: Response) -> None:
        self.answers.append(answer)

    def size(self) -> int:
        """Bytes on the line, headers too."""
        sizes = [one.request.sizes() for one in self.answers]
        return sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes)

    def moved(self) -> float:
        """The layout shift of the document that is shown."""
        return float(self.page.evaluate("window.moved"))


@pytest.fixture
def weight(screens: Screens) -> Weight:
    return Weight(screens.page)


@pytest.mark.parametrize("width", [320, 1920])
def test_a_first_visit_is_light_and_stands_still(
    screens: Screens, weight: Weight, addon: SampleAddOn, width: int
) -> None:
    screens.page.set_viewport_size({"width": width, "height": 900})
    screens.open(f"/addons/{addon.key}")
    screens.shows(addon.title)
    expect(screens.page.get_by_role("status", name="Loading")).to_have_count(0)

    assert weight.size() < FIRST_BYTES
    assert len(weight.answers) <= FIRST_REQUESTS
    assert weight.moved() < SHIFT


def test_an_install_takes_few_requests_and_stands_still(screens: Screens, weight: Weight, wish: Wish) -> None:
    begin(screens, wish)
    screens.shows(f"{wish.addon.title} is installed")

    urls = [one.url for one in weight.answers]
    assert len(urls) <= 3 * FIRST_REQUESTS, urls
    assert weight.moved() < SHIFT


def test_what_moves_is_seen(screens: Screens, weight: Weight) -> None:
    screens.open("/")
    screens.shows("Add-ons for Souk of tests")
    screens.page.evaluate(
        """() => new Promise(done => requestAnimationFrame(() => {
          const block = document.createElement('div');
          block.style.height = '400px';
          document.body.prepend(block);
          requestAnimationFrame(() => requestAnimationFrame(done));
        }))"""
    )
    assert weight.moved() > SHIFT
