"""Where a request comes from, as limits count it."""

import pytest
from starlette.requests import Request

from shared.plumbing.network import network_of


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("6.6.6.6, 203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "10.0.0.9"),
        ("nonsense", "unknown"),
        ("203.0.113.5, nonsense", "unknown"),
    ],
)
def test_the_gateways_word_counts_and_the_clients_does_not(forwarded: str, seen: str) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())]

    assert network_of(Request({"type": "http", "headers": headers, "client": ("10.0.0.9", 1234)})) == seen


def test_a_caller_without_an_address_is_unknown() -> None:
    assert network_of(Request({"type": "http", "headers": [], "client": None})) == "unknown"
