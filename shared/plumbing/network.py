"""Where a request comes from: what limits of unknown callers count by."""

import ipaddress

from starlette.requests import Request

_V6_NETWORK = 64


def network_of(request: Request) -> str:
    """The IPv4 address, or the /64 of an IPv6 address, which is one household; `unknown` if nobody tells.

    As the gateway saw it: the last hop of `X-Forwarded-For`, because clients write the others.
    """
    hop = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        address = ipaddress.ip_address(hop or (request.client.host if request.client else ""))
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _V6_NETWORK), strict=False))
    return str(address)
