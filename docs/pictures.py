"""Takes the README's pictures from the stack that runs here: `make up && .venv/bin/python -m docs.pictures`.

They show a fresh marketplace, so the stack should be one (`make down DELETE=1` before).
"""

import re
import sys
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, ViewportSize, expect

from deploy.local.demo.__main__ import world_of
from deploy.local.demo.people import eventually
from deploy.local.demo.story import PUBLISHER, Story
from deploy.local.demo.watch import TopicWatcher
from deploy.local.paths import STACK
from deploy.local.plan import Plan
from deploy.local.stack import Stack
from tests.browser import chromium

PICTURES = Path(__file__).parent / "pictures"
# Not by asking again and again: the pages allow no code from texts.
DRAWN = """Promise.all([...document.images].filter(one => one.getBoundingClientRect().top < innerHeight)
  .map(one => one.decode().catch(() => null)))"""
ADDONS = {
    "timesheets": ("Timesheet approvals", "time tracking", "Weeks are handed in, looked at, and approved."),
    "invoices": ("Invoices from hours", "billing", "Turns what was worked into invoices, by client and project."),
    "standup": ("Daily stand-up", "teamwork", "Asks everybody what they did, and tells the team in one message."),
    "calendar": ("Calendar both ways", "time tracking", "Meetings become time entries, absences become events."),
    "budgets": ("Budget watch", "billing", "Says in time when a project is about to cost more than it may."),
    "onboarding": ("First week", "teamwork", "Gives newcomers their projects, tasks and people on day one."),
}


def main() -> None:
    plan = Plan.saved(STACK)
    if plan is None or not (stack := Stack(plan)).running():
        sys.exit("No stack runs; `make up` starts one.")
    PICTURES.mkdir(exist_ok=True)
    with TopicWatcher(plan.kafka, lambda _: None) as topics:
        story = Story(world_of(stack), topics, print)
        story.publisher_signs_up()
        story.admin_comes_from_the_product()
        keys = {name: _publish(story, name) for name in ADDONS}
        rooms = _workspaces(story, keys["timesheets"])
        with chromium() as browser:
            size: ViewportSize = {"width": 1080, "height": 720}
            page = browser.new_page(base_url=plan.public_url, viewport=size, locale="en-GB")
            _first_install(page, story, rooms)
            _waiting(page, story, keys["standup"], rooms)
    story.close()


def _publish(story: Story, name: str) -> str:
    """One of the sample's add-ons, under a name that says something."""
    title, category, words = ADDONS[name]
    manifest = httpx.get(f"{story.world.addon}/x/{name}-{story.run}/manifest.json").json()
    listing = {
        "manifest": manifest | {"name": title},
        "short_text": words,
        "category": category,
        "publisher_name": PUBLISHER,
    }
    key: str = story.publisher.call("POST", "/api/catalog/v1/addons", json=listing)["key"]
    return key


def _workspaces(story: Story, key: str) -> dict[str, str]:
    """One that has the add-on, one that is locked, two that can take it."""
    kinds: dict[str, dict[str, Any]] = {
        "Accounting": {},
        "Design": {},
        "Legal": {"requires_two_factor": True},
        "Studio Oslo": {},
    }
    rooms = {}
    for name, fields in kinds.items():
        rooms[name] = story.visit.pushed_workspace(name, **fields)["id"]
    eventually(lambda: len(story.visit.preflight(key)) == len(rooms), "the workspaces in preflight")
    installation = story.visit.ask(key, rooms["Accounting"])
    path = f"/api/installer/v1/installations/{installation}"
    eventually(lambda: story.admin.call("GET", path)["outcome"] == "installed", "the install")
    return rooms


def _take(page: Page, name: str) -> None:
    """Without whatever blinks, and without the mark of the focus on the title."""
    page.evaluate("document.activeElement?.tagName === 'H1' && document.activeElement.blur()")
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    page.evaluate(DRAWN)
    page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


def _first_install(page: Page, story: Story, rooms: dict[str, str]) -> None:
    title = ADDONS["timesheets"][0]
    page.goto("/")
    page.get_by_role("link", name=title).wait_for()
    _take(page, "1-find")
    page.get_by_role("link", name=title).click()
    page.get_by_text("See members and their profiles").wait_for()
    page.get_by_role("link", name="Install", exact=True).click()
    page.get_by_role("main").get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="Log in with Acme").click()
    page.get_by_label("E-mail address").fill(story.admin.email)
    page.get_by_label("Password").fill(story.admin.password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("combobox", name="Workspace").click()
    expect(page.get_by_role("option")).to_have_count(len(rooms))
    _take(page, "2-choose")
    page.get_by_role("option", name="Design").click()
    page.get_by_role("checkbox", name="I have read this").check()
    page.get_by_role("main").get_by_role("button", name="Install", exact=True).click()
    page.get_by_role("heading", name=f"{title} is installed").wait_for()
    _take(page, "3-installed")


def _waiting(page: Page, story: Story, key: str, rooms: dict[str, str]) -> None:
    """An add-on that is broken; on a phone, in the dark."""
    control = f"{story.world.addon_control}/x/standup-{story.run}/control"
    httpx.post(control, json={"mode": "error"}).raise_for_status()
    page.goto(f"/addons/{key}/install?workspace={rooms['Design']}")
    page.get_by_role("checkbox", name="I have read this").check()
    page.get_by_role("main").get_by_role("button", name="Install", exact=True).click()
    expect(page).to_have_url(re.compile("/installations/"))
    page.get_by_role("heading", name="Add-on maintenance").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    _take(page, "4-waiting")
    httpx.post(control, json={"mode": "ok"}).raise_for_status()


if __name__ == "__main__":
    main()
