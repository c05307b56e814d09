"""Which URLs and addresses may be called, so that a call to somebody's URL never reaches our own network."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from yarl import URL

_MAX_URL = 4096
# IANA's special-purpose registries, written out: ipaddress.is_global has changed between patch releases of Python.
_NOT_PUBLIC_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network; Linux routes 0.0.0.0 to itself
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT, and one cloud's metadata (100.100.100.200)
            "127.0.0.0/8",
            "168.63.129.16/32",  # one cloud's metadata, on an address that looks public
            "169.254.0.0/16",  # link-local, and most clouds' metadata (169.254.169.254)
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
# Only global unicast can be public. That leaves out loopback, unspecified, link-local, unique local, multicast and
# NAT64 (64:ff9b::/96), whose last 32 bits could be any IPv4 address.
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo (2001::/32) among them
            "2001:db8::/32",
            "2002::/16",  # 6to4: an IPv4 address inside
            "3fff::/20",
        ),
    )
)


@lru_cache(maxsize=4096)
def is_public(address: str) -> bool:
    """Tell whether an IP address, as written in a socket address, may be called without being allowed by name."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return parsed in _PUBLIC_6 and not any(parsed in network for network in _NOT_PUBLIC_6)
        parsed = parsed.ipv4_mapped
    return not any(parsed in network for network in _NOT_PUBLIC_4)


@lru_cache(maxsize=4096)
def parse_url(url: str) -> URL:
    """Parse an absolute http or https URL without user and password. Raises ValueError for anything else."""
    if len(url) > _MAX_URL:
        raise ValueError("too long")
    target = URL(url)
    if target.scheme not in ("http", "https") or not target.host or not target.port:
        raise ValueError("only http and https, with a host")
    if target.user is not None or target.password is not None:
        raise ValueError("user and password do not belong into a URL")
    return target
