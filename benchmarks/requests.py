"""The same request again and again: one at a time, or several in flight."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from benchmarks.figures import percentile


@dataclass(frozen=True)
class Answers:
    """What one run saw."""

    seconds: float
    times: list[float]
    """Seconds until each answer was read."""

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds

    def row(self, name: str) -> list[object]:
        """Name, requests, requests a second, p50 and p99 in ms."""
        p50, p99 = (f"{percentile(self.times, which):.1f}" for which in (50, 99))
        return [name, len(self.times), f"{self.per_second:.0f}", p50, p99]


HEAD = ("in flight", "requests", "a second", "p50 ms", "p99 ms")
Request = Callable[[aiohttp.ClientSession], Awaitable[None]]


async def repeat(request: Request, *, flights: int, seconds: float, headers: dict[str, str] | None = None) -> Answers:
    """Keep `flights` requests on their way. Raises what `request` raises."""
    times: list[float] = []

    async def one_after_another(session: aiohttp.ClientSession) -> None:
        while time.perf_counter() < until:
            begun = time.perf_counter()
            await request(session)
            times.append(time.perf_counter() - begun)

    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        await request(session)  # opens the connection
        begin = time.perf_counter()
        until = begin + seconds
        await asyncio.gather(*(one_after_another(session) for _ in range(flights)))
        return Answers(time.perf_counter() - begin, times)
