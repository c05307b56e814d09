"""Somebody with a real browser, as the pages of the marketplace would act for them."""

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext

REFRESH = """async () => {
  const answer = await fetch('/api/auth/v1/sessions/refresh', {method: 'POST', headers: {'X-Souk-CSRF': '1'}});
  return answer.ok ? (await answer.json()).access_token : '';
}"""
CALL = """async ([method, path, token, body]) => {
  const headers = {'X-Souk-CSRF': '1', ...(token && {Authorization: `Bearer ${token}`})};
  if (body !== null) headers['Content-Type'] = 'application/json';
  const answer = await fetch(path, {method, headers, body: body === null ? undefined : JSON.stringify(body)});
  const text = await answer.text();
  return [answer.status, text ? JSON.parse(text) : null];
}"""


class Visitor:
    """Their browser, with one tab at the marketplace or on the way there."""

    def __init__(self, context: BrowserContext, marketplace: str) -> None:
        self.context = context
        self.page = context.new_page()
        self.marketplace = marketplace
        self.went: list[str] = []
        self.page.on("framenavigated", lambda frame: self.went.append(frame.url))

    def open(self, path: str) -> None:
        """Type an address of the marketplace."""
        self.page.goto(self.marketplace + path)

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
        self.page.wait_for_url(f"{self.marketplace}/**")

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """What a page's script would get for this visitor, logged in or not."""
        status, answer = self.page.evaluate(CALL, [method, path, self.page.evaluate(REFRESH), body])
        return status, answer

    def me(self) -> dict[str, Any]:
        """Their account; empty if nobody is logged in."""
        status, answer = self.call("GET", "/api/auth/v1/me")
        return dict(answer) if status == 200 else {}
