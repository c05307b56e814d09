"""What can go wrong with an outgoing call.

    OutgoingError
    ├── AddressBlocked    we do not call this: a private address, or no URL that can be called
    ├── NotSent           not seen by the other side: DNS, connection, TLS, or something on our side
    └── OutcomeUnknown    may have been seen: no status line came back

Every one has a `reason`, a stable word for programs.
"""

import errno

import aiohttp

from shared.plumbing.dns import ResolverBusyError

OUR_SIDE = frozenset({"held-back", "resolver-busy", "stalled"})
"""Reasons that say nothing about the other side."""


class OutgoingError(Exception):
    """`reason` is stable; the message may quote the other side."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason = reason


class AddressBlocked(OutgoingError):  # noqa: N818 - reads as what happened
    """`reason`: private-address, invalid-url."""


class NotSent(OutgoingError):  # noqa: N818 - as above
    """`reason`: dns, refused, unreachable, connect-timeout, tls, and OUR_SIDE's."""


class OutcomeUnknown(OutgoingError):  # noqa: N818 - as above
    """`reason`: timeout, reset, bad-response; stalled, which is OUR_SIDE's."""


def not_sent(error: Exception) -> OutgoingError:
    """Classify a failure before the first byte."""
    if isinstance(error, aiohttp.InvalidURL):
        return AddressBlocked("invalid-url", str(error))
    if isinstance(error, TimeoutError):
        return NotSent("connect-timeout")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NotSent("resolver-busy" if isinstance(error.os_error, ResolverBusyError) else "dns", str(error))
    if isinstance(error, aiohttp.ClientSSLError):
        return NotSent("tls", str(error))
    refused = isinstance(error, OSError) and error.errno == errno.ECONNREFUSED
    return NotSent("refused" if refused else "unreachable", str(error))


def outcome_unknown(error: Exception) -> OutcomeUnknown:
    """Classify a failure after the first byte, before status line and headers came back."""
    if isinstance(error, TimeoutError):
        return OutcomeUnknown("timeout")
    broken = isinstance(error, (aiohttp.ClientResponseError, aiohttp.ClientPayloadError))
    return OutcomeUnknown("bad-response" if broken else "reset", str(error))
