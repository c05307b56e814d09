"""A real browser without a window: Debian's Chromium, driven by Playwright."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.debian import program
from tests.waiting import PATIENCE_SECONDS

# With letters and pictures of most scripts, so that pages look as they do for visitors.
PACKAGES = "chromium fonts-liberation fonts-noto-color-emoji"
# Root has no sandbox of its own to give to the pages, and every page here is ours.
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that asks nothing of the network but what a test opens.

    Playwright's event loop stays in the thread meanwhile, so no other may run there.
    """
    path = program("chromium", PACKAGES)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def without_foreign_cookies(browser: Browser) -> Iterator[Browser]:
    """Another one, which keeps no cookies of third parties."""
    arguments = (*ARGUMENTS, "--test-third-party-cookie-phaseout")
    started = browser.browser_type.launch(executable_path=program("chromium", PACKAGES), args=arguments)
    try:
        yield started
    finally:
        started.close()


@contextmanager
def nobodys(browser: Browser) -> Iterator[BrowserContext]:
    """The browser as one that nobody has used before."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    try:
        yield context
    finally:
        context.close()
