"""Group commit: many callers, one round trip.

Under load a database operation per caller costs 10 to 50 times the CPU of the same operation in a batch.
A batch is whatever has gathered while the previous one was on its way, so an idle service adds no delay
beyond `linger`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Turns single calls into batches.

    `flush` gets up to `max_size` items and returns one result per item, in order; a result that is an
    exception is raised to that item's caller alone. If `flush` itself raises, every caller of the batch
    gets the exception.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        max_size: int = 256,
        linger: float = 0.003,
        parallel: int = 2,
    ) -> None:
        self._flush = flush
        self._max_size = max_size
        self._linger = linger
        self._slots = asyncio.Semaphore(parallel)
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._collector: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Result:
        """The result for `item`. A cancelled caller does not take its item back out of the batch."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._collector is None or self._collector.done():
            self._collector = asyncio.create_task(self._collect())
        return await future

    async def _collect(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._linger)
            await self._slots.acquire()
            batch, self._waiting = self._waiting[: self._max_size], self._waiting[self._max_size :]
            task = asyncio.create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._flush([item for item, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        except Exception as exc:  # noqa: BLE001 - handed to every caller of the batch
            for _, future in batch:
                if not future.done():
                    future.set_exception(exc)
        finally:
            self._slots.release()
