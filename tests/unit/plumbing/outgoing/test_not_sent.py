"""Failures of which we know that the other side saw nothing."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.plumbing.outgoing import AddressBlocked, NotSent, OutgoingClient
from tests.unit.plumbing.outgoing.servers import Make, Names, Server, at, call, failure


async def test_a_refused_connection_was_not_sent(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    failed = await failure(make(f"127.0.0.1:{port}"), f"http://127.0.0.1:{port}/")
    assert isinstance(failed, NotSent)
    assert failed.reason == "refused"


@pytest.mark.parametrize("host", ["a.example", "a" * 64 + ".example", "a..example", "xn--.example"])
async def test_a_name_without_an_address_was_not_sent(make: Make, host: str) -> None:
    names = Names(socket.gaierror(socket.EAI_NONAME, "unknown"))
    failed = await failure(make(resolver=names), f"http://{host}/")
    assert isinstance(failed, (NotSent, AddressBlocked))
    assert failed.reason in ("dns", "invalid-url")


async def test_the_systems_resolver_turns_bad_names_into_failures(make: Make) -> None:
    client = make()
    for host in ("a" * 64 + ".invalid", "no-such-name.invalid"):
        assert (await failure(client, f"http://{host}/")).reason in ("dns", "invalid-url")


async def test_a_name_server_that_never_answers_costs_the_deadline(make: Make) -> None:
    failed = await failure(make(resolver=Names(None)), "http://a.example/", deadline=0.1)
    assert isinstance(failed, NotSent)
    assert failed.reason == "connect-timeout"


async def test_a_connection_that_never_opens_costs_the_connect_timeout(make: Make) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]  # fills the backlog
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        failed = await failure(make(f"127.0.0.1:{port}", connect_timeout=0.2), f"http://127.0.0.1:{port}/")
        for each in waiting:
            each.close()
    assert isinstance(failed, NotSent)
    assert failed.reason == "connect-timeout"


async def test_a_server_that_does_not_speak_tls_saw_no_request(make: Make, server: Server) -> None:
    client = make(f"127.0.0.1:{server.port}", connect_timeout=0.5)
    assert isinstance(await failure(client, f"https://127.0.0.1:{server.port}/"), NotSent)
    assert server.requests == []


def certified(folder: Path, *, until: timedelta = timedelta(days=1)) -> tuple[Path, ssl.SSLContext]:
    """A certificate for `localhost` that nobody but itself has signed, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody-else")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return pem, context


async def test_a_certificate_that_has_expired_is_a_tls_failure(make: Make, tmp_path: Path) -> None:
    pem, context = certified(tmp_path, until=timedelta(days=-1))
    server = Server()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=str(pem))

    failed = await failure(make(f"localhost:{port}", ssl_context=trusting), f"https://localhost:{port}/")
    listening.close()

    assert (type(failed), failed.reason) == (NotSent, "tls")
    assert "expired" in str(failed)
    assert server.requests == []


async def test_a_certificate_of_somebody_else_is_a_tls_failure(make: Make, tmp_path: Path) -> None:
    pem, context = certified(tmp_path)
    server = Server()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]

    failed = await failure(make(f"localhost:{port}"), f"https://localhost:{port}/")
    assert isinstance(failed, NotSent)
    assert failed.reason == "tls"

    trusting = ssl.create_default_context(cafile=str(pem))
    assert (await call(make(f"localhost:{port}", ssl_context=trusting), f"https://localhost:{port}/")).status == 200
    other_name = await failure(make(f"127.0.0.1:{port}", ssl_context=trusting), f"https://127.0.0.1:{port}/")
    assert other_name.reason == "tls"
    listening.close()


async def test_a_call_held_back_at_the_last_moment_was_not_sent(client: OutgoingClient, server: Server) -> None:
    def too_late() -> None:
        raise TimeoutError("the lease is over")

    failed = await failure(client, at(server), before_send=too_late)
    assert isinstance(failed, NotSent)
    assert (failed.reason, str(failed)) == ("held-back", "held-back: the lease is over")
    assert server.requests == []

    await call(client, at(server))
    assert (await failure(client, at(server), before_send=too_late)).reason == "held-back"  # on a kept connection
    assert len(server.requests) == 1


async def test_before_send_is_asked_when_the_connection_is_ready(make: Make, server: Server) -> None:
    asked: list[int] = []
    names = Names(["127.0.0.1"])
    client = make(f"a.example:{server.port}", resolver=names)
    await call(client, at(server, "a.example"), before_send=lambda: asked.append(names.asked))
    assert asked == [1]
