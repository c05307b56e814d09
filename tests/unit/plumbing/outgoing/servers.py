"""Servers and name servers in other people's hands, and how the tests call them. All on the loopback network."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from shared.plumbing.outgoing import OutgoingClient, OutgoingError, OutgoingResponse

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Speaks bytes: reads one request, then does what the test says, on each connection again."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.script: Callable[[asyncio.StreamWriter], Awaitable[None]] = self.answer(OK)
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.released = asyncio.Event()

    def answer(self, *parts: bytes, pause: float = 0, then_close: bool = False) -> Callable[..., Awaitable[None]]:
        async def write(writer: asyncio.StreamWriter) -> None:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            if then_close:
                writer.close()

        return write

    async def hang(self, _: asyncio.StreamWriter) -> None:
        await self.released.wait()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().splitlines() if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
                self.requests.append(head + body)
                await self.script(writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


class Names(AbstractResolver):
    """A name server in the attacker's hands: each answer is used once, the last one for ever."""

    def __init__(self, *answers: list[str] | OSError | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, OSError):
            raise answer
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in answer or []
        ]

    async def close(self) -> None:
        pass


Make = Callable[..., OutgoingClient]


async def call(client: OutgoingClient, url: str, **options: Any) -> OutgoingResponse:
    given: dict[str, Any] = {"body": b"{}", "deadline": 5.0, "max_response": 1000} | options
    return await client.request(given.pop("method", "POST"), url, **given)


async def failure(client: OutgoingClient, url: str, **options: Any) -> OutgoingError:
    with pytest.raises(OutgoingError) as failed:
        await call(client, url, **options)
    return failed.value


def at(server: Server, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{server.port}/hook"
