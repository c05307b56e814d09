"""Server-Sent Events over ASGI."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from services.notifier.sse import EventStream, frame


class Client:
    """An ASGI client that stays until told to leave, and may stop reading."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 0
        self.left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")


def test_a_frame_is_one_event_whatever_its_data() -> None:
    assert frame("state", {"text": "a\n\ndata: b"}, "7") == b'id: 7\nevent: state\ndata: {"text":"a\\n\\ndata: b"}\n\n'


async def test_frames_are_sent_until_the_source_ends() -> None:
    async def frames() -> AsyncGenerator[bytes, None]:
        yield b"a"
        yield b"b"

    client = Client()
    await EventStream(frames(), send_seconds=1)({}, client.receive, client.send)

    assert (client.status, client.body) == (200, b"ab")


async def test_the_source_is_closed_when_the_client_leaves() -> None:
    closed = asyncio.Event()

    async def frames() -> AsyncGenerator[bytes, None]:
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            closed.set()

    client = Client()
    serving = asyncio.create_task(EventStream(frames(), send_seconds=1)({}, client.receive, client.send))
    await asyncio.sleep(0)
    client.left.set()
    await serving

    assert closed.is_set()


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    closed = asyncio.Event()

    async def frames() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"a"
                client.reads.clear()
        finally:
            closed.set()

    client = Client()
    await asyncio.wait_for(EventStream(frames(), send_seconds=0.02)({}, client.receive, client.send), 2)

    assert closed.is_set()
    assert client.body == b"a"
