"""What a visitor waits for in a browser: from *Install* to the progress, and from a letter to what is found.

Both are measured in the page, from the event of the press to the frame after which it is seen.
"""

import argparse
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page

from benchmarks.figures import percentile, table
from benchmarks.logins import account
from benchmarks.world import World
from deploy.local.demo.people import Person
from tests.browser import chromium

ADDONS = 200
# Waits for a heading or list that fits, and for the frame in which it is painted.
SEEN = """
window.seen = (event, fits) => new Promise(done => {
  addEventListener(event, begun => {
    const look = () => fits() && (watch.disconnect(), requestAnimationFrame(() => setTimeout(
      () => done((performance.now() - begun.timeStamp) / 1000))));
    const watch = new MutationObserver(look);
    watch.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
  }, {once: true, capture: true});
});
"""
PROGRESS = """() => { window.waited = seen('click', () => location.pathname.startsWith('/installations/')
  && document.querySelector('h1')); }"""
FOUND = """wanted => { window.waited = seen('input', () => {
  const cards = [...document.querySelectorAll('.addon-card h2')];
  return cards.length === 1 && cards[0].textContent === wanted;
}); }"""


def measured(made: World, options: argparse.Namespace) -> dict[str, Any]:
    """Installs by the button, one after the other; searches among some hundred add-ons, a letter at a time."""
    times: dict[str, list[float]] = {"install": [], "search": []}
    keys = made.publish(ADDONS)
    with browser(made) as page:
        person = account(made)
        person.log_in()
        body = {"name": "Design"}
        workspace = person.call("POST", "/api/auth/v1/workspaces", json=body)["id"]
        _log_in(page, made.stack.plan.public_url, person)
        for number in range(10 * options.rounds):
            times["install"].append(_install(page, workspace, keys[number]))
            times["search"].append(_search(page, keys[-number - 1]))
        person.browser.close()
    lines = [
        [name, len(seen), f"{1000 * statistics.median(seen):.0f}", f"{percentile(seen, 90):.0f}"]
        for name, seen in times.items()
    ]
    print(table(("what", "times", "median ms", "p90 ms"), lines))
    return times


@contextmanager
def browser(made: World) -> Iterator[Page]:
    """A page of Debian's Chromium at the marketplace."""
    with chromium() as started:
        page = started.new_page(base_url=made.stack.plan.public_url)
        page.add_init_script(SEEN)
        yield page


def _log_in(page: Page, marketplace: str, person: Person) -> None:
    page.goto(f"{marketplace}/login")
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()


def _install(page: Page, workspace: str, key: str) -> float:
    page.goto(f"/addons/{key}/install?workspace={workspace}")
    button = page.get_by_role("main").get_by_role("button", name="Install", exact=True)
    page.locator("button[type=submit][aria-disabled=false]").wait_for()
    page.evaluate(PROGRESS)
    button.click()
    waited: float = page.evaluate("waited")
    page.get_by_role("heading", name=f"{key} is installed").wait_for()
    return waited


def _search(page: Page, key: str) -> float:
    page.goto("/")
    box = page.get_by_role("searchbox")
    page.locator(".addon-card").nth(20).wait_for()
    page.evaluate(FOUND, key)
    box.fill(key)
    waited: float = page.evaluate("waited")
    return waited
