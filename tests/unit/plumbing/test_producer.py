"""A producer that is told to end before Kafka answered."""

import asyncio
import contextlib
import gc
from typing import Any

import pytest

from shared.plumbing.producer import Producer


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
async def test_a_producer_that_ends_while_it_connects_leaves_nothing_open() -> None:
    asked = asyncio.Event()
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        asked.set()
        await reader.read()  # until the other side closes
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        running = asyncio.create_task(Producer(f"127.0.0.1:{port}", "tests").run())
        async with asyncio.timeout(30):
            await asked.wait()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        del running
        gc.collect()
        await asyncio.sleep(0)
    assert told == []
