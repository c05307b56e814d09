"""Name servers that never answer: whose calls they hold up, and who is blamed."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from shared.plumbing.outgoing import OutgoingClient
from tests.unit.plumbing.outgoing.servers import Make, Server, at, call, failure

hanging: list[str] = []


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Look-ups of names with `hang` in them wait for this; all others below .example are this machine."""
    gate, system = threading.Event(), socket.getaddrinfo
    hanging.clear()

    def look_up(host: str, *rest: Any) -> Any:
        if "hang" in host:
            hanging.append(host)
            gate.wait()
        return system("127.0.0.1" if host.endswith(".example") else host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield gate
    gate.set()


@pytest.fixture
def client(make: Make, server: Server, answered: threading.Event) -> OutgoingClient:
    names = ("good.example", "x.good.example", "good.hang.example")
    return make(*(f"{name}:{server.port}" for name in names), connect_timeout=1)


async def reasons(client: OutgoingClient, server: Server, *names: str) -> set[str]:
    failed = await asyncio.gather(*(failure(client, at(server, name)) for name in names))
    return {each.reason for each in failed}


async def test_a_hundred_names_of_one_domain_that_hang_hold_up_no_other_domain(
    client: OutgoingClient, server: Server
) -> None:
    bad = asyncio.create_task(reasons(client, server, *(f"n{number}.hang.example" for number in range(100))))
    while len(hanging) < 4:
        await asyncio.sleep(0.01)

    assert (await call(client, at(server, "x.good.example"))).status == 200
    assert await bad == {"dns", "resolver-busy"}
    assert (await call(client, at(server, "good.example"))).status == 200


async def test_a_name_that_never_had_its_turn_is_not_to_blame(
    client: OutgoingClient, server: Server, answered: threading.Event
) -> None:
    assert await reasons(client, server, *(f"hang{number}.hang.example" for number in range(4))) == {"dns"}
    assert await reasons(client, server, "good.hang.example") == {"resolver-busy"}

    more = [f"{number}.hang{domain}.example" for domain in range(7) for number in range(4)]
    assert await reasons(client, server, *more) == {"dns"}
    assert await reasons(client, server, "good.example") == {"resolver-busy"}

    answered.set()
    assert (await call(client, at(server, "good.example"))).status == 200
    assert (await call(client, at(server, "good.hang.example"))).status == 200


async def test_a_name_that_hangs_again_and_again_takes_two_threads_and_the_blame(
    client: OutgoingClient, server: Server
) -> None:
    for _ in range(4):
        assert await reasons(client, server, "hang.example") == {"dns"}
    # Two of the four that the domain may have are free.
    assert (await failure(client, "http://x.hang.example/")).reason == "dns"
    assert (await failure(client, "http://y.hang.example/")).reason == "dns"
    assert (await failure(client, "http://z.hang.example/")).reason == "resolver-busy"
