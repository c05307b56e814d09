"""HTTP calls to addresses that others chose. One attempt each: no redirect, no proxy, no cookie, no decompression.

What can go wrong is told apart by what the other side may have seen: `shared.plumbing.outgoing_errors`.
"""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
from aiohttp.abc import AbstractResolver

from shared.plumbing.addresses import is_public, parse_url
from shared.plumbing.dns import Resolver
from shared.plumbing.outgoing_errors import (
    OUR_SIDE,
    AddressBlocked,
    NotSent,
    OutcomeUnknown,
    OutgoingError,
    not_sent,
    outcome_unknown,
)

__all__ = [
    "OUR_SIDE",
    "AddressBlocked",
    "NotSent",
    "OutcomeUnknown",
    "OutgoingClient",
    "OutgoingError",
    "OutgoingResponse",
]

# Below the 5 s after which common servers close an idle connection, so that we seldom write into one being closed.
_KEEP_ALIVE_SECONDS = 4.0
_DNS_CACHE_SECONDS = 10
_INTERIM_MOST = 5
# A deadline that is noticed so late was not noticed at all for a while: this process was stopped, or is far too busy,
# and may have slept over the answer.
_STALLED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class OutgoingResponse:
    """`body` is as sent (not decompressed); `body_complete` is false if it broke off or was cut at `max_response`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    body_complete: bool
    duration: float  # seconds


@dataclass(slots=True)
class _Attempt:
    allowed: bool
    before_send: Callable[[], None] | None
    blocked: str = ""
    held_back: Exception | None = None
    sent: bool = False


_attempt: ContextVar[_Attempt] = ContextVar("outgoing_attempt")


def _checked_socket(info: Any) -> socket.socket:
    """Make the socket for one resolved address: the last step before connecting, also for IP literals."""
    family, kind, protocol, _, address = info
    attempt = _attempt.get()
    if not attempt.allowed and not is_public(address[0]):
        attempt.blocked = address[0]
        raise OSError(errno.EACCES, "not a public address")
    return socket.socket(family, kind, protocol)


class _Request(aiohttp.ClientRequest):
    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        attempt = _attempt.get()
        if attempt.before_send is not None:
            try:
                attempt.before_send()
            except Exception as error:
                attempt.held_back = error
                raise
        attempt.sent = True
        return await super().send(conn)


class _Response(aiohttp.ClientResponse):
    """One whose server may say *wait* (1xx) a few times only: reading them for ever would cost us and not them."""

    async def start(self, connection: Any) -> "_Response":
        protocol, left = connection.protocol, _INTERIM_MOST
        read = protocol.read

        async def counted() -> Any:
            nonlocal left
            if left == 0:
                raise aiohttp.ClientPayloadError("too many interim responses")
            left -= 1
            return await read()

        protocol.read = counted
        try:
            await super().start(connection)
        finally:
            del protocol.read
        return self


class OutgoingClient:
    """A pool of kept-alive connections. It sets no limit of its own: callers hold their slots."""

    def __init__(
        self,
        allow: frozenset[str],
        *,
        connect_timeout: float = 3.0,
        user_agent: str,
        ssl_context: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`allow` names, as "host:port", what may be called although its address is private."""
        self._allow = allow
        self._connect_timeout = connect_timeout
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout)
        # Asking for no compression, and undoing none, leaves no bomb to go off.
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._ssl: ssl.SSLContext | Literal[True] = ssl_context or True
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: float,
        max_response: int,
        before_send: Callable[[], None] | None = None,
    ) -> OutgoingResponse:
        """Make one attempt within `deadline` seconds, from DNS to the last byte; read at most `max_response` bytes.

        What breaks after status line and headers still gives a response. `before_send` is called when the
        connection is ready, just before the first byte; if it raises, nothing is sent. Raises OutgoingError.
        """
        try:
            target = parse_url(url)
        except ValueError as error:
            raise AddressBlocked("invalid-url", str(error)) from error
        attempt = _Attempt(f"{target.host_subcomponent}:{target.port}" in self._allow, before_send)
        _attempt.set(attempt)
        started = time.perf_counter()
        response: aiohttp.ClientResponse | None = None
        content = bytearray()
        complete = False
        try:
            async with asyncio.timeout(deadline):
                response = await self._open().request(
                    method, target, headers=headers, data=body, allow_redirects=False, ssl=self._ssl
                )
                complete = await _read(response.content, content, max_response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if response is None:
                stalled = time.perf_counter() - started > deadline + _STALLED_SECONDS
                raise _failure(attempt, error, stalled=stalled) from error
        except Exception as error:
            if attempt.held_back is error:
                raise NotSent("held-back", str(error)) from error
            raise
        finally:
            if response is not None and not complete:
                response.close()  # the connection cannot be used again
        truncated = len(content) > max_response
        duration = time.perf_counter() - started
        seen = bytes(content[:max_response])
        return OutgoingResponse(response.status, response.headers, seen, truncated, complete, duration)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:  # made here, because it needs the running loop
            connector = aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=_KEEP_ALIVE_SECONDS,
                ttl_dns_cache=_DNS_CACHE_SECONDS,
                resolver=self._resolver or Resolver(self._connect_timeout),
                socket_factory=_checked_socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                request_class=_Request,
                response_class=_Response,
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _read(stream: aiohttp.StreamReader, content: bytearray, limit: int) -> bool:
    """Read until the end, or one chunk beyond `limit`. Returns whether the end was reached."""
    while not stream.at_eof():
        content += await stream.readany()
        if len(content) > limit:
            return False
    return True


def _failure(attempt: _Attempt, error: Exception, *, stalled: bool) -> OutgoingError:
    if attempt.held_back is not None:
        return NotSent("held-back", str(attempt.held_back))
    if stalled:
        return OutcomeUnknown("stalled") if attempt.sent else NotSent("stalled")
    if attempt.sent:
        return outcome_unknown(error)
    if attempt.blocked:
        return AddressBlocked("private-address", attempt.blocked)
    return not_sent(error)
