"""What the tests of the plumbing send, and what they run."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from shared.contracts.envelope import Envelope, Message, StateMessage
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.tasks import end


class Happened(Message):
    """An event of these tests."""

    name: str
    number: int = 0

    def key(self) -> str:
        return self.name


class Thing(StateMessage):
    """A state record of these tests."""

    name: str
    colour: str = ""

    def key(self) -> str:
        return self.name


def envelope(message: Message, number: int = 1, clock: DatabaseClock | None = None) -> Envelope[Message]:
    assert clock is not None
    return Envelope(
        id=f"{message.key()}:{number}",
        source="/tests",
        subject=message.key(),
        time=clock.now(),
        data=message,
        correlation_id="c-1",
        causation_id=None,
        seq=number,
    )


@asynccontextmanager
async def running(*loops: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(loop()) for loop in loops]
    try:
        yield
    finally:
        for task in reversed(tasks):
            await end(task, again=5)  # consumers finish their batch, and producers flush
