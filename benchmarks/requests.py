"""The same request again and again: one at a time, or several in flight."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from benchmarks.figures import Row, percentile, spread, table


@dataclass(frozen=True)
class Answers:
    """What one run saw."""

    seconds: float
    times: list[float]
    """Seconds until each answer was read."""

    def row(self, name: str, used: Mapping[str, float], parts: Sequence[str]) -> Row:
        """The figures, with the CPU milliseconds per answer of these processes."""
        count = len(self.times)
        return {
            "name": name,
            "per_second": count / self.seconds,
            "p50_ms": percentile(self.times, 50),
            "p99_ms": percentile(self.times, 99),
            **{f"cpu_{part}": 1000 * used[part] / count for part in parts},
        }


def report(rows: Sequence[Row], parts: Sequence[str]) -> str:
    """A line for each name: medians and spread."""
    lines = []
    for name in dict.fromkeys(row["name"] for row in rows):
        same = [row for row in rows if row["name"] == name]
        cells = [spread(same, key, 1) for key in ("per_second", "p50_ms", "p99_ms", *(f"cpu_{one}" for one in parts))]
        lines.append([name, *cells])
    return table(("in flight", "a second", "p50 ms", "p99 ms", *(f"CPU ms of {part}" for part in parts)), lines)


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
