"""Callers of the API: people as the demo has them, with answers as they come."""

import time
from typing import Any

import httpx

from deploy.local.demo.people import Mailbox, Person


class Caller(Person):
    """Somebody logged in, whose requests are sent once and whose refusals are answers."""

    user_id = ""

    def open_account(self, mailbox: Mailbox) -> None:
        """Sign up, follow the mailed link, log in."""
        self.sign_up()
        self.open_link(mailbox.wait(self.email, "confirm"))
        self.log_in()
        self.user_id = self.call("GET", "/api/auth/v1/me")["id"]

    def keep(self, session: dict[str, Any]) -> None:
        """Go on with a session that was opened by steps of one's own."""
        self._keep(session)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request, one answer, whatever it is. `headers` win over the caller's token."""
        if self.token and time.monotonic() > self._token_until:
            self.log_in()
        known = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers = {**known, **options.pop("headers", {})}
        timeout = options.pop("timeout", 40)
        return httpx.request(method, self._marketplace + path, headers=headers, timeout=timeout, **options)
