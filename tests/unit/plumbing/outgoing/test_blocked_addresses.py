"""Which addresses a call reaches, whatever a name server says."""

import pytest

from shared.plumbing import outgoing
from shared.plumbing.outgoing import AddressBlocked, NotSent, OutgoingClient, OutgoingError
from tests.unit.plumbing.outgoing.servers import OK, Make, Names, Server, at, call, failure


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost"])  # noqa: S104 - called, not bound
async def test_inner_addresses_are_refused_by_default(make: Make, server: Server, host: str) -> None:
    failed = await failure(make(), at(server, host))
    assert isinstance(failed, AddressBlocked)
    assert failed.reason == "private-address"
    assert server.connections == 0


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1", "0177.0.0.1", "localhost."])
async def test_other_spellings_of_inner_addresses_are_refused(make: Make, server: Server, host: str) -> None:
    assert isinstance(await failure(make(), at(server, host)), (AddressBlocked, NotSent))
    assert server.connections == 0


async def test_exactly_the_allowed_host_and_port_pass(make: Make, server: Server) -> None:
    assert (await call(make(f"localhost:{server.port}"), at(server, "LOCALHOST"))).status == 200
    for other in (f"127.0.0.1:{server.port}", f"localhost:{server.port + 1}", "localhost:80"):
        assert isinstance(await failure(make(other), at(server, "localhost")), AddressBlocked)


async def test_a_public_name_with_an_inner_address_is_refused(make: Make, server: Server) -> None:
    for inner in ("127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1", "64:ff9b::7f00:1", "169.254.169.254"):
        client = make(resolver=Names([inner]), connect_timeout=0.2)
        assert (await failure(client, at(server, "evil.example"))).reason == "private-address"
    assert server.connections == 0


async def test_an_inner_address_behind_a_public_one_is_refused(
    make: Make, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "is_public", lambda address: address == "127.0.0.3")  # nobody listens there
    client = make(resolver=Names(["127.0.0.3", "127.0.0.1"]))
    assert isinstance(await failure(client, at(server, "evil.example")), AddressBlocked)
    assert server.connections == 0


async def test_a_name_that_changes_its_address_is_checked_again(
    make: Make, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "is_public", lambda address: address == "127.0.0.2")
    monkeypatch.setattr(outgoing, "_DNS_CACHE_SECONDS", 0)
    server.script = server.answer(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    client = make(resolver=names)
    assert (await call(client, at(server, "evil.example"))).status == 200
    assert isinstance(await failure(client, at(server, "evil.example")), AddressBlocked)
    assert (names.asked, server.connections) == (2, 1)


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://", "http://u:p@a.example/", "//a.example", "x" * 5000])
async def test_what_is_no_address_is_refused(client: OutgoingClient, url: str) -> None:
    failed = await failure(client, url)
    assert isinstance(failed, AddressBlocked)
    assert failed.reason == "invalid-url"


async def test_line_ends_in_an_address_add_no_header(client: OutgoingClient, server: Server) -> None:
    try:
        await call(client, at(server) + "?a=\r\nX-Evil: 1")
    except OutgoingError:
        return
    assert b"\r\nX-Evil" not in server.requests[0]
