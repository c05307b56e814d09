"""Everybody in the story, as they would act: through the gateway, the product's pages, the mailbox."""

import html
import re
import secrets
import time
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin

import httpx

AGAIN = frozenset({502, 503, 504})  # a service is restarting; the gateway or the service says so
PATIENCE_SECONDS = 90.0
SUCCESS = range(200, 300)


class RefusedError(Exception):
    """The marketplace said no, with a problem document."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.request.method} {response.request.url}: {response.status_code} {response.text}")
        self.problem = response.json() if "json" in response.headers.get("content-type", "") else {}
        self.status = response.status_code


def browser() -> httpx.Client:
    """A client that sends `Secure` cookies to http://localhost, as browsers do and Python's cookie jar does not."""
    client = httpx.Client(timeout=20, follow_redirects=True)
    jar = client.cookies.jar
    jar.set_policy(DefaultCookiePolicy(secure_protocols=("https", "http")))

    def add_cookies(request: httpx.Request) -> None:
        # The client copies its cookies into a jar with the default policy for each request.
        request.headers.pop("Cookie", None)
        client.cookies.set_cookie_header(request)

    client.event_hooks["request"].append(add_cookies)
    return client


def patiently(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Repeat while nobody answers, as a client of a system that may restart must. Everything sent is idempotent."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            response = send()
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        else:
            if response.status_code not in AGAIN or time.monotonic() > deadline:
                return response
        time.sleep(0.5)


def eventually(look: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """What `look` finds, as soon as it finds something. Raises TimeoutError naming what was waited for."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(pause)
        pause = min(0.2, 1.5 * pause)  # most things are there at once, or take a while
    raise TimeoutError(f"{what}: not seen within {seconds:.0f} s")


class Mailbox:
    """Reads the SMTP sink."""

    def __init__(self, url: str) -> None:
        self._url = url

    def mails(self, address: str, word: str) -> list[dict[str, Any]]:
        """Mails to `address` with `word` in the subject, oldest first."""
        found = httpx.get(f"{self._url}/api/messages", params={"to": address}).json()
        return [mail for mail in found if word.lower() in mail["subject"].lower()]

    def wait(self, address: str, word: str, seconds: float = 90) -> dict[str, Any]:
        """The newest such mail. Raises TimeoutError."""
        mails = eventually(lambda: self.mails(address, word), f"a mail to {address} about {word!r}", seconds)
        newest: dict[str, Any] = mails[-1]
        return newest


class Person:
    """Somebody with a browser."""

    def __init__(self, marketplace: str, name: str, email: str) -> None:
        self.name = name
        self.email = email
        self.password = secrets.token_urlsafe(12)
        self._marketplace = marketplace
        self.browser = browser()
        self.token = ""
        self._token_until = 0.0

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Call the marketplace as this person. Raises RefusedError with the problem document."""
        headers = options.pop("headers", {})

        def send() -> httpx.Response:
            if self.token:
                if time.monotonic() > self._token_until:
                    self.log_in()
                headers["Authorization"] = f"Bearer {self.token}"
            return self.browser.request(method, self._marketplace + path, headers=headers, **options)

        response = patiently(send)
        if response.status_code not in SUCCESS:
            raise RefusedError(response)
        return response.json() if response.content else None

    def sign_up(self) -> None:
        """Ask for an account with e-mail and password."""
        body = {"email": self.email, "password": self.password, "display_name": self.name}
        self.call("POST", "/api/auth/v1/accounts", json=body)

    def open_link(self, mail: dict[str, Any]) -> None:
        """Open the verification link of a mail and press its button."""
        (link,) = re.findall(rf"{re.escape(self._marketplace)}/\S+token=[\w.~-]+", mail["text"])[:1]
        page = patiently(lambda: self.browser.get(link))
        response = submit(self.browser, page, {})
        if response.status_code not in SUCCESS:
            raise RefusedError(response)

    def log_in(self) -> None:
        """Log in with e-mail and password."""
        held, self.token = self.token, ""
        body = {"email": self.email, "password": self.password}
        try:
            self._keep(self.call("POST", "/api/auth/v1/sessions", json=body))
        except RefusedError:
            self.token = held  # too old, so the next call logs in again
            raise

    def log_in_with_product(self, provider: str) -> httpx.Response:
        """Follow *Log in with (product)*, filling in the product's form when it is shown."""
        response = patiently(lambda: self.browser.get(f"{self._marketplace}/api/auth/v1/login/{provider}"))
        if "<form" in response.text and "password" in response.text:
            response = submit(self.browser, response, {"email": self.email, "password": self.password})
        if response.status_code in SUCCESS and "json" in response.headers.get("content-type", ""):
            self._keep(response.json())
            self.log_in = lambda: self._again(provider)  # type: ignore[method-assign] # how this person logs in
        return response

    def _again(self, provider: str) -> None:
        self.token = ""
        self.log_in_with_product(provider)

    def _keep(self, session: dict[str, Any]) -> None:
        self.token = session["access_token"]
        self._token_until = time.monotonic() + session["expires_in"] - 20


def submit(client: httpx.Client, page: httpx.Response, fields: dict[str, str]) -> httpx.Response:
    """Send the first form of a page with its hidden fields and these."""
    form = re.search(r"<form[^>]*>.*?</form>", page.text, re.DOTALL)
    if form is None:
        raise ValueError(f"no form on {page.url}: {page.status_code} {page.text[:300]}")
    action = re.search(r'<form[^>]*\baction="([^"]*)"', form[0])
    target = urljoin(str(page.url), html.unescape(action[1])) if action and action[1] else str(page.url)
    hidden = {}
    for tag in re.findall(r"<input[^>]*>", form[0]):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes.get("type") == "hidden":
            hidden[attributes["name"]] = html.unescape(attributes.get("value", ""))
    return patiently(lambda: client.post(target, data=hidden | fields))
