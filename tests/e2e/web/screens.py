"""The web client as its visitors have it: by what they read or hear, with mouse and keyboard.

The texts are those of web/messages/en.ts.
"""

import re

from playwright.sync_api import Locator, Page, expect

from tests.e2e.people import Caller
from tests.e2e.visitor import Visitor
from tests.waiting import PATIENCE_SECONDS

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


def sticks_out(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


class Screens:
    """The client in a visitor's browser."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.page: Page = visitor.page
        self.broken: list[str] = []
        """What went wrong in the page's scripts, which a visitor may not notice."""
        self.loads = 0
        """How many documents were opened; the client changes screens without."""
        self.page.on("pageerror", lambda error: self.broken.append(str(error)))
        self.page.on("domcontentloaded", self._count)

    def _count(self, _: Page) -> None:
        self.loads += 1

    def open(self, path: str) -> None:
        """Type an address of the marketplace."""
        self.visitor.open(path)

    def shows(self, title: str) -> None:
        """Wait for the screen with this title."""
        expect(self.page.get_by_role("heading", level=1, name=title)).to_be_visible()

    def says(self, text: str) -> None:
        """Wait for a text on the page."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("main").get_by_role("link", name=name, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("main").get_by_role("button", name=name, exact=True)

    @property
    def menu(self) -> Locator:
        """The links above each screen."""
        return self.page.get_by_role("navigation", name="Main")

    def dialog(self, title: str) -> Locator:
        """What is asked or told above the page."""
        return self.page.get_by_role("dialog", name=title)

    def is_at(self, path: str) -> None:
        """Wait for an address of the marketplace."""
        expect(self.page).to_have_url(self.visitor.marketplace + path)

    def is_logged_in(self, name: str) -> None:
        """Wait until the page names its visitor."""
        expect(self.menu.get_by_role("link", name=name, exact=True)).to_be_visible()
        expect(self.menu.get_by_role("button", name="Log out")).to_be_visible()

    def is_logged_out(self) -> None:
        """Wait until the page offers a log-in, and names nobody."""
        expect(self.menu.get_by_role("link", name="Log in")).to_be_visible()

    def give(self, person: Caller) -> None:
        """Fill in the log-in form that is shown, and send it."""
        self.page.get_by_label("E-mail address").fill(person.email)
        self.page.get_by_label("Password").fill(person.password)
        self.button("Log in").click()

    def log_in(self, person: Caller, path: str = "/") -> None:
        """Open a page and log in from there; the log-in leads back to it."""
        self.open(path)
        self.menu.get_by_role("link", name="Log in").click()
        self.give(person)
        self.is_logged_in(person.name)

    def log_in_by_product(self, person: Caller, path: str = "/") -> None:
        """The same with the sample product, whose form it fills in."""
        self.open(path)
        self.menu.get_by_role("link", name="Log in").click()
        self.link("Log in with Acme").click()
        self.give_to_product(person)
        self.is_logged_in(person.name)

    def give_to_product(self, person: Caller) -> None:
        """Fill in the sample product's form, and send it."""
        expect(self.page).to_have_title("Log in to Acme")
        self.page.get_by_label("E-mail address").fill(person.email)
        self.page.get_by_label("Password").fill(person.password)
        self.page.get_by_role("button", name="Log in").click()

    @property
    def dropdown(self) -> Locator:
        return self.page.get_by_role("combobox", name="Workspace")

    def option(self, workspace: str) -> Locator:
        """The line of a workspace in the open dropdown."""
        return self.page.get_by_role("option").filter(has_text=re.compile(f"^{re.escape(workspace)}"))

    def choose(self, workspace: str) -> None:
        """Take a workspace from the dropdown, and see that it is taken."""
        self.dropdown.click()
        self.option(workspace).click()
        self.has_chosen(workspace)

    def has_chosen(self, workspace: str) -> None:
        """Wait until the dropdown names the workspace."""
        expect(self.dropdown).to_have_value(workspace)
        expect(self.page.get_by_role("option")).to_have_count(0)

    def cannot_choose(self, workspace: str) -> None:
        """See that neither mouse nor keyboard take a line of the open dropdown, and that both are told why."""
        why = self.page.get_by_text(f"Why “{workspace}” cannot be chosen")
        expect(why).to_have_count(0)
        expect(self.option(workspace)).to_be_disabled()
        self.option(workspace).click(force=True)  # what is disabled is not waited for
        expect(why).to_be_visible()
        expect(self.dropdown).not_to_have_value(workspace)
        self.dropdown.fill(workspace)
        self.page.keyboard.press("Enter")
        expect(self.dropdown).to_have_attribute("aria-expanded", "false")
        expect(self.dropdown).not_to_have_value(workspace)
