"""A producer that is told to end while it connects to a real Kafka."""

import asyncio
import contextlib
import gc
from collections.abc import Iterator
from typing import Any

import pytest

from shared.plumbing.producer import Producer


@pytest.fixture
def little_garbage() -> Iterator[None]:
    """A collection looks at what the test has made, and not each time at all that a whole run has."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("little_garbage")
async def test_whenever_a_producer_ends_nothing_stays_open(kafka: str) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    for milliseconds in range(0, 40, 2):  # connecting takes about ten, on a quiet machine
        running = asyncio.create_task(Producer(kafka, "tests").run())
        await asyncio.sleep(milliseconds / 1000)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        del running
        gc.collect()
    await asyncio.sleep(0)
    assert told == []
