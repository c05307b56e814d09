"""Somebody with a real browser, and what the pages of the marketplace do for them."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import BrowserContext

REFRESH = """async () => {
  const answer = await fetch('/api/auth/v1/sessions/refresh', {method: 'POST', headers: {'X-Souk-CSRF': '1'}});
  return answer.ok ? (await answer.json()).access_token : '';
}"""
CALL = """async ([method, path, token, body, more]) => {
  const headers = {'X-Souk-CSRF': '1', ...more, ...(token && {Authorization: `Bearer ${token}`})};
  if (body !== null) headers['Content-Type'] = 'application/json';
  const answer = await fetch(path, {method, headers, body: body === null ? undefined : JSON.stringify(body)});
  const text = await answer.text();
  return [answer.status, text ? JSON.parse(text) : null];
}"""
QUIET = "/docs/problems"
"""A page of ours without a script: it logs nobody in, and renews no session while a test looks at one."""
LEAVE = "address => { location.href = address; }"


class Visitor:
    """Their browser, with one tab at the marketplace or on the way there."""

    def __init__(self, context: BrowserContext, marketplace: str) -> None:
        self.page = context.new_page()
        self.marketplace = marketplace
        self.went: list[str] = []
        """Every page that was shown, in its order."""
        self.page.on("framenavigated", lambda frame: self.went.append(frame.url))

    def open(self, path: str) -> None:
        """Type an address of the marketplace."""
        self.page.goto(self.marketplace + path)

    def follow(self, address: str) -> None:
        """Let the page lead to an address, as a link on it does, and wait until the marketplace is there again."""
        self.leave(address)
        self.home()

    def leave(self, address: str) -> None:
        """Let the page lead to an address."""
        with self.page.expect_navigation():
            self.page.evaluate(LEAVE, address)

    def home(self) -> None:
        """Wait for a page of the marketplace, past those that only lead on."""
        self.page.wait_for_url(lambda url: url.startswith(self.marketplace) and "/callback/" not in url)

    @property
    def at(self) -> str:
        """Path and query of the page, if it is the marketplace's."""
        parts = urlsplit(self.page.url)
        if f"{parts.scheme}://{parts.netloc}" != self.marketplace:
            return ""
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def log_in_as(self, login: str) -> None:
        """Fill in the form of the test's provider."""
        self.page.get_by_label("Account").fill(login)
        self.page.get_by_role("button", name="Log in").click()
        self.home()

    def sign_up_as(self, login: str, email: str) -> None:
        """Fill in the provider's sign-up."""
        self.page.get_by_label("Account").fill(login)
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_role("button", name="Create an account").click()

    def arrival(self, **query: str) -> dict[str, Any]:
        """What the page learns of how its visitor came."""
        referrer = self.page.evaluate("document.referrer")
        known = query | ({"referrer": referrer} if referrer else {}) | {"return_to": self.at}
        status, answer = self.call("GET", f"/api/auth/v1/arrival?{urlencode(known)}")
        assert status == 200, answer
        return dict(answer)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """What a page's script would get for this visitor, logged in or not."""
        token = self.page.evaluate(REFRESH)
        status, answer = self.page.evaluate(CALL, [method, path, token, body, headers])
        return status, answer

    def me(self) -> dict[str, Any]:
        """Their account; empty if nobody is logged in."""
        status, answer = self.call("GET", "/api/auth/v1/me")
        return dict(answer) if status == 200 else {}
