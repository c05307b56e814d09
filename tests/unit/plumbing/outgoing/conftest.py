import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.plumbing.outgoing import OutgoingClient
from tests.unit.plumbing.outgoing.servers import Make, Server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.handle, ["127.0.0.1", "127.0.0.2"], 0, reuse_port=False)
    # Both addresses on the port of the first.
    first = listening.sockets[0].getsockname()
    listening.close()
    listening = await asyncio.start_server(server.handle, ["127.0.0.1", "127.0.0.2"], first[1])
    server.port = first[1]
    yield server
    listening.close()
    for task in server.tasks:
        task.cancel()
    await asyncio.gather(*server.tasks, return_exceptions=True)


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    clients: list[OutgoingClient] = []

    def create(*allow: str, **options: Any) -> OutgoingClient:
        clients.append(OutgoingClient(frozenset(allow), user_agent="souk-test", **options))
        return clients[-1]

    yield create
    for client in clients:
        await client.close()


@pytest.fixture
def client(make: Make, server: Server) -> OutgoingClient:
    return make(f"127.0.0.1:{server.port}")
