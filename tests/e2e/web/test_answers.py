"""A screen whose services answer late, with a refusal, or not at all says what is the matter, and mends by itself."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.marketplace import Marketplace
from tests.e2e.web.screens import Screens
from tests.e2e.web.wishes import Wish

pytestmark = pytest.mark.slow

SERVICES = re.compile(r"/api/(auth|catalog|installer|notifier)/v1/(?!sessions)")
"""What is asked for a screen; who the visitor is, is another question."""


def problem(status: int, slug: str, **headers: str) -> Callable[[Route], None]:
    body = {"slug": slug, "status": status, "title": f"Told by {slug}.", "detail": "", "correlation_id": "c0ffee"}

    def answer(route: Route) -> None:
        kind = {"Content-Type": "application/problem+json"}
        route.fulfill(status=status, json=body, headers=kind | headers)

    return answer


ANSWERS: dict[str, Callable[[Route], None]] = {
    "401": problem(401, "token-missing"),
    "403": problem(403, "not-allowed"),
    "409": problem(409, "changed-meanwhile"),
    "429": problem(429, "too-many-requests", **{"Retry-After": "1"}),
    "500": problem(500, "internal-error"),
    "502": lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>", content_type="text/html"),
    "none": lambda route: route.abort("connectionrefused"),
    "nonsense": lambda route: route.fulfill(status=200, body="<!doctype html><p>Sign in to the wireless network"),
}


@pytest.fixture(scope="module")
def screens_of(marketplace: Marketplace) -> Callable[[Wish], dict[str, str]]:
    """Each screen that asks for something, with what it shows when all is well."""

    def make(wish: Wish) -> dict[str, str]:
        installation = marketplace.request(wish.addon.key, wish.room, wish.owner)
        room = wish.owner.call("GET", f"/api/auth/v1/workspaces/{wish.room}")["name"]
        return {
            f"/?q={wish.addon.name}": wish.addon.title,
            f"/addons/{wish.addon.key}": "See members and their profiles",
            f"/addons/{wish.addon.key}/install": "Already installed",
            f"/installations/{installation}": "Everybody in the workspace can use it now.",
            f"/workspaces/{wish.room}": wish.addon.title,
            f"/workspaces/{wish.room}/members": "Invite somebody",
            f"/workspaces/{wish.room}/settings": "Who installs here needs two-factor authentication",
            "/manage-accounts": room,
            "/profile": "Off. Workspaces that require it are locked for you.",
            "/login?another=1": "Log in with Acme",
            "/signup": "Create an account at Acme",
        }

    return make


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_screen_says_why_it_shows_nothing_and_shows_it_when_it_can(
    screens: Screens, wish: Wish, screens_of: Callable[[Wish], dict[str, str]], answer: str
) -> None:
    pages = screens_of(wish)
    screens.log_in(wish.owner)
    for path, content in pages.items():
        screens.page.route(SERVICES, ANSWERS[answer])
        screens.open(path)
        told(screens.page)
        screens.page.unroute(SERVICES)
        again = screens.page.get_by_role("main").get_by_role("button", name="Try now")
        if again.count():
            again.first.click()
        else:
            screens.page.reload()
        expect(screens.page.get_by_text(content).first).to_be_visible()


def told(page: Page) -> None:
    """A title, and in words what is the matter; not only that something is coming."""
    main = page.get_by_role("main")
    expect(main.get_by_role("heading", level=1)).to_be_visible()
    expect(main.get_by_role("alert").or_(main.locator(".empty")).first).to_be_visible()
    expect(main.get_by_role("status", name="Loading")).to_have_count(0)


def test_every_screen_shows_that_it_waits(
    screens: Screens, wish: Wish, screens_of: Callable[[Wish], dict[str, str]]
) -> None:
    pages = screens_of(wish)
    screens.log_in(wish.owner)
    held: list[Route] = []
    waiting = threading.Event()

    def hold(route: Route) -> None:
        if waiting.is_set():
            held.append(route)
        else:
            route.continue_()

    screens.page.route(SERVICES, hold)
    for path, content in pages.items():
        waiting.set()
        screens.open(path)
        main = screens.page.get_by_role("main")
        expect(main.get_by_role("heading", level=1)).to_be_visible()
        expect(main.get_by_role("status", name="Loading").first).to_be_visible()
        waiting.clear()
        while held:
            held.pop().continue_()
        expect(screens.page.get_by_text(content).first).to_be_visible()


def test_a_search_that_failed_shows_nothing_of_the_one_before_not_even_while_it_is_tried_again(
    screens: Screens, wish: Wish
) -> None:
    card = screens.link(wish.addon.title)
    screens.open(f"/?q={wish.addon.name}")
    expect(card).to_be_visible()

    screens.page.route(SERVICES, ANSWERS["500"])
    screens.page.get_by_role("searchbox").fill("something else")
    told(screens.page)
    expect(card).to_have_count(0)

    screens.page.unroute(SERVICES)
    screens.page.route(SERVICES, lambda _: None)  # it is asked again, and nobody answers
    with screens.page.expect_request(SERVICES):
        screens.button("Try now").click()
    expect(screens.page.get_by_role("main").locator("[aria-busy=true]").first).to_be_visible()
    expect(card).to_have_count(0)


def test_a_request_that_nobody_answers_ends_and_is_done_once(screens: Screens, wish: Wish) -> None:
    screens.log_in(wish.owner, f"/addons/{wish.addon.key}/install")
    expect(screens.button("Install")).to_be_enabled()
    cut = threading.Event()

    def lose_the_answer(route: Route) -> None:
        if cut.is_set():
            route.continue_()
            return
        cut.set()
        route.fetch()  # it is done, and nobody hears of it
        route.abort("connectionreset")

    screens.page.route("**/api/installer/v1/installations", lose_the_answer)
    screens.button("Install").click()
    screens.says("No connection")
    screens.says("It is tried again by itself.")

    screens.shows(f"{wish.addon.title} is installed")
    path = f"/api/installer/v1/installations?workspace={wish.room}"
    made: list[dict[str, Any]] = wish.owner.call("GET", path)["items"]
    assert len(made) == 1


@pytest.mark.parametrize("hours", [24, -24])
def test_a_clock_that_is_wrong_by_a_day_is_nobodys_trouble(
    screens: Screens, marketplace: Marketplace, wish: Wish, hours: int
) -> None:
    wrong = datetime.now(UTC) + timedelta(hours=hours)
    screens.page.clock.install(time=wrong)
    installation = marketplace.request(wish.addon.key, wish.room, wish.owner)

    screens.log_in(wish.owner, f"/workspaces/{wish.room}")
    screens.says(wish.addon.title)
    for wrong_words in ("yesterday", "tomorrow", "day ago", "hours ago", "in 1 day", "in 23 hours", "in 24 hours"):
        expect(screens.page.get_by_text(re.compile(wrong_words))).to_have_count(0)
    assert abs(screens.page.evaluate("Date.now()") / 1000 - wrong.timestamp()) < 3600, "the clock is right"
    screens.open(f"/installations/{installation}")
    screens.shows(f"{wish.addon.title} is installed")
