import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.plumbing.addresses import is_public, parse_url


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - called, not bound
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "not an address",
        "",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
    ],
)
def test_what_is_not_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"]
)
def test_what_is_the_public_internet(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not is_public(str(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "//example.org",
        "/path",
        "ftp://example.org",
        "file:///etc/passwd",
        "gopher://example.org",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://user@example.org",
        "http://user:secret@example.org",
        "http://:secret@example.org",
        "http://example.org:0",
        "http://example.org:99999",
        "http://example.org:abc",
        "http://[::1",
        "http://example.org/" + "a" * 5000,
    ],
)
def test_what_cannot_be_called(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_url(url)


def test_what_can_be_called() -> None:
    assert parse_url("HTTPS://Example.ORG/a?b#c").host == "example.org"
    assert parse_url("http://[::1]:8080/").port == 8080
