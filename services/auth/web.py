"""What the routes need to know of a request: where it comes from, whose browser it is, and how often it asks."""

import time
from typing import Literal
from urllib.parse import urlsplit

from fastapi import Request, Response

from services.auth.domain import Cause
from services.auth.sessions.sessions import Client, Device
from services.auth.settings import AuthSettings
from services.auth.texts import address_key
from shared.plumbing.errors import Forbidden, Problem
from shared.plumbing.http import correlation_id, traceparent
from shared.plumbing.network import network_of
from shared.plumbing.rate_limit import RateLimit
from shared.plumbing.security import Principal

# `__Host-` binds a cookie to this very origin: no sibling domain can plant one (RFC 6265bis §4.1.3.2).
REFRESH_COOKIE = "__Host-souk_refresh"
# Says that this browser is not to be logged in without being asked: it was tried, or its visitor logged out.
SILENT_COOKIE = "__Host-souk_silent"
_VISIT_SECONDS = 600
CHALLENGE_COOKIE = "__Host-souk_challenge"
"""Holds what a product's log-in leads to in a browser, if the account asks for a second factor as well."""
_ANY_NETWORK = 4  # times more mails to one address, or codes of one account, from all networks or inviters together
_PERSONAL_TOKENS_PER_HOUR = 60

Way = Literal["anybody's", "verification", "password-reset"]
"""What a mail to an address is about: a claim that anybody may make, or the owner's own way in."""


def cause(request: Request) -> Cause:
    """What this request's changes belong to."""
    caller: Principal | None = getattr(request.state, "principal", None)
    return Cause(
        correlation_id(request),
        traceparent(request),
        network_of(request),
        request.headers.get("user-agent", ""),
        caller.user_id if caller else None,
    )


def device(request: Request, client: Client) -> Device:
    """Where a new session is used from."""
    return Device(client, network_of(request), request.headers.get("user-agent", ""))


class Browser:
    """The cookie of browser clients, and the proof that our own pages sent the request."""

    def __init__(self, public_url: str, session_seconds: int) -> None:
        parts = urlsplit(public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._session_seconds = session_seconds

    def require_own_page(self, request: Request) -> None:
        """For routes that a cookie opens. Raises 403 `cross-site-request`.

        The header makes browsers ask first before another origin may send it; the origin is checked as well.
        """
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        stated = site is not None or origin is not None
        same = site in (None, "same-origin") and origin in (None, self._origin)
        if request.headers.get("x-souk-csrf") != "1" or not stated or not same:
            raise Forbidden(
                "cross-site-request",
                "This route takes requests from our own pages only",
                "Send X-Souk-CSRF: 1, and Origin or Sec-Fetch-Site as browsers do.",
            )

    def refresh_cookie(self, request: Request) -> str | None:
        """The refresh token that this browser keeps; None if it has none.

        Two of the name is none: our own cookie is one, and which of them somebody else has planted is not to be seen.
        """
        return only_cookie(request, REFRESH_COOKIE)

    def challenge_cookie(self, request: Request) -> str | None:
        """As `refresh_cookie`, for what waits for a code."""
        return only_cookie(request, CHALLENGE_COOKIE)

    def keep_challenge(self, response: Response, problem: Problem) -> None:
        """If a log-in was refused for want of a second factor, keep what it waits with, where no address shows it."""
        challenge, seconds = problem.extensions.get("challenge"), problem.extensions.get("expires_in")
        if isinstance(challenge, str) and isinstance(seconds, int):
            response.set_cookie(
                CHALLENGE_COOKIE, challenge, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict"
            )

    def forget_challenge(self, response: Response) -> None:
        """It was used, or never will be."""
        response.delete_cookie(CHALLENGE_COOKIE, path="/", secure=True, httponly=True, samesite="strict")

    def remember(self, response: Response, refresh_token: str) -> None:
        """Keep the refresh token where no script can read it."""
        response.set_cookie(
            REFRESH_COOKIE,
            refresh_token,
            max_age=self._session_seconds,
            path="/",
            secure=True,
            httponly=True,
            samesite="strict",
        )

    def forget(self, response: Response) -> None:
        """Remove the refresh token. Whoever has logged out is not logged in silently, until the browser is closed."""
        response.delete_cookie(REFRESH_COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        response.set_cookie(SILENT_COOKIE, "out", path="/", secure=True, httponly=True, samesite="lax")

    def try_silently(self, response: Response) -> None:
        """Remember, for this visit, that it was tried."""
        response.set_cookie(
            SILENT_COOKIE, "tried", max_age=_VISIT_SECONDS, path="/", secure=True, httponly=True, samesite="lax"
        )

    def was_opened_here(self, request: Request) -> bool:
        """Whether a page of ours led the browser to this address, which a link or a form of others cannot do."""
        return request.headers.get("sec-fetch-site") == "same-origin"

    def came_from_elsewhere(self, request: Request) -> bool:
        """Whether another site led here, so that the browser kept our `SameSite=Strict` cookie back."""
        return request.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def only_cookie(request: Request, name: str) -> str | None:
    """The value of the one cookie of this name; None if there is none, or more than one."""
    pairs = [part.strip() for header in request.headers.getlist("cookie") for part in header.split(";")]
    values = [value for key, _, value in (pair.partition("=") for pair in pairs) if key.strip() == name]
    return values[0].strip() if len(values) == 1 else None


class Limits:
    """How often somebody may ask. All of them raise 429 `too-many-requests`, whether or not there is an account."""

    def __init__(self, settings: AuthSettings) -> None:
        def limit(count: int, seconds: float) -> RateLimit:
            return RateLimit(rate=count / seconds, burst=count, now=time.monotonic)

        self._network = limit(settings.network_requests_per_minute, 60)
        self._log_in = limit(settings.log_ins_per_minute, 60)
        self._refresh = limit(settings.refreshes_per_minute, 60)
        self._workspace = limit(settings.workspaces_per_hour, 3600)
        self._invite = limit(settings.invites_per_hour, 3600)
        self._invited = limit(settings.mails_per_hour, 3600)
        self._invited_by_anybody = limit(settings.mails_per_hour * _ANY_NETWORK, 3600)
        self._change = limit(settings.changes_per_hour, 3600)
        self._code = limit(settings.codes_per_hour, 3600)
        self._code_anywhere = limit(settings.codes_per_hour * _ANY_NETWORK, 3600)
        self._personal_token = limit(_PERSONAL_TOKENS_PER_HOUR, 3600)
        self._mail = limit(settings.mails_per_hour, 3600)
        self._mail_anywhere = limit(settings.mails_per_hour * _ANY_NETWORK, 3600)
        self._account_mail = limit(settings.mails_per_hour, 3600)
        self._export = limit(settings.exports_per_hour, 3600)

    def network(self, request: Request) -> None:
        """Anything that costs us a hash, a mail or a call."""
        self._network.check(network_of(request))

    def log_in(self, request: Request, email: str) -> None:
        """Guessing a password. Counted per network, so that guessing locks out nobody else.

        There is no limit over all networks: whoever has many of them could use it to keep the owner out, and a
        password of ten characters outlasts any number of guesses that the networks' own limits let pass.
        """
        self.network(request)
        self._log_in.check(f"{address_key(email)} {network_of(request)}")

    def guess(self, request: Request, user_id: str) -> None:
        """As `log_in`, for a password that a session asks for once more."""
        self.network(request)
        self._log_in.check(f"{user_id} {network_of(request)}")

    def mail(self, request: Request, email: str, way: Way = "anybody's") -> None:
        """Making us write to an address.

        Others can use up what is allowed from all networks together, for each way apart: what they ask for then are
        the owner's own mails of that way, and the links in them work. With one count for all of them, whoever signs
        up with the address again and again would keep its owner from a new password, and no mail would tell.
        """
        self.network(request)
        self._mail.check(f"{address_key(email)} {network_of(request)}")
        self._mail_anywhere.check(f"{way} {address_key(email)}")

    def account_mail(self, user_id: str) -> None:
        """Making us write to any address, by one account."""
        self._account_mail.check(user_id)

    def refresh(self, session_id: str) -> None:
        """Carrying on one session."""
        self._refresh.check(session_id)

    def code(self, request: Request, user_id: str) -> None:
        """Trying a code of the second factor."""
        self.network(request)
        self._code.check(f"{user_id} {network_of(request)}")

    def code_anywhere(self, user_id: str) -> None:
        """The same from all networks together; see `Guesses` for whom it holds back."""
        self._code_anywhere.check(user_id)

    def personal_token(self, user_id: str) -> None:
        """Making a token: each sends a mail and fills a line of the log."""
        self._personal_token.check(user_id)

    def export(self, user_id: str) -> None:
        """Reading all that there is of oneself."""
        self._export.check(user_id)

    def workspace(self, user_id: str) -> None:
        """Making a workspace."""
        self._workspace.check(user_id)

    def invite(self, request: Request, user_id: str, email: str) -> None:
        """Inviting somebody. The invited have counts of their own, so that nobody's invites use up their links.

        Each inviter has a share of what one address gets, so that a single one does not use up what others may send.
        """
        self.network(request)
        self._invite.check(user_id)
        self._invited.check(f"{address_key(email)} {user_id}")
        self._invited_by_anybody.check(address_key(email))

    def change(self, user_id: str) -> None:
        """Changing what leaves a record each time: a line of a log, or a state that every service is told."""
        self._change.check(user_id)
