"""An event loop whose time is virtual: it never waits, so hours pass in milliseconds, and the same way each time."""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
Tasks = dict["asyncio.Task[Any]", None]

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TASKS: ContextVar[Tasks | None] = ContextVar("tasks", default=None)
"""Where the tasks begun in this context are noted, in order: all that a simulated process does."""


class NothingHappensError(Exception):
    """Every task waits for another one, and no time will wake any."""


class _Instant(selectors.SelectSelector):
    """Instead of waiting it lets the time pass."""

    def __init__(self, let_pass: Callable[[float], None]) -> None:
        super().__init__()
        self._let_pass = let_pass

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingHappensError
        if timeout > 0:
            self._let_pass(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at second 0. Only `asyncio` and `time.monotonic` know its time; there is no network and no thread."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(_Instant(self._pass))

    def _pass(self, seconds: float) -> None:
        self._virtual += seconds

    def time(self) -> float:
        return self._virtual

    def create_task(self, coro: Any, *, name: object = None, context: Context | None = None) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = super().create_task(coro, name=name, context=context)
        tasks = TASKS.get() if context is None else context.get(TASKS)
        if tasks is not None:
            tasks[task] = None
            task.add_done_callback(lambda ended: tasks.pop(ended, None))
        return task


class VirtualClock:
    """The time of one machine, a little beside the true one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, error: timedelta = timedelta(0)) -> None:
        self._loop = loop
        self._error = error

    def now(self) -> datetime:
        moment = START + timedelta(seconds=self._loop.time()) + self._error
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@contextmanager
def _monotonic(loop: VirtualLoop) -> Iterator[None]:
    true, time.monotonic = time.monotonic, loop.time
    try:
        yield
    finally:
        time.monotonic = true


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """`asyncio.run`, in virtual time."""
    loop = VirtualLoop()
    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    with _monotonic(loop):
        try:
            result = loop.run_until_complete(main(loop))
        finally:
            rest = asyncio.all_tasks(loop)
            for _ in range(20):  # one cancellation may be caught and followed by a last word
                rest = {task for task in rest if not task.done()}
                for task in rest:
                    task.cancel()
                if rest:
                    loop.run_until_complete(asyncio.wait(rest, timeout=30))
            loop.close()
    assert not failures, failures
    return result
