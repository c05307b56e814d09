"""A producer that is told to end before Kafka answered."""

import asyncio
import contextlib
import gc
from typing import Any

import pytest

from shared.plumbing.producer import Producer
from shared.plumbing.records import Record
from tests.waiting import eventually


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


async def test_a_record_that_waits_shows_that_kafka_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library keeps it, tries on for ever, and looks connected."""
    taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    class Patient:
        async def send(self, *_: Any, **__: Any) -> Any:
            return taken

    producer = Producer("nowhere:1", "tests")
    monkeypatch.setattr(producer, "_inner", Patient())
    monkeypatch.setattr(producer, "_alive", lambda _: True)
    monkeypatch.setattr("shared.plumbing.producer.REACH_SECONDS", 0.05)
    sending = asyncio.create_task(producer.send(Record("topic", b"key", b"{}", ())))
    await asyncio.sleep(0)
    assert producer.reaches

    await eventually(lambda: not producer.reaches)
    assert producer.connected
    taken.set_result(None)
    await sending
    assert producer.reaches
