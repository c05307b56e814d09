"""Everything that goes wrong, drawn from one seed: the same seed, the same misfortunes at the same moments."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Protocol, TypeVar

from pymongo.errors import AutoReconnect

from shared.plumbing.producer import ProducerUnavailableError

T = TypeVar("T")
QUIET_AFTER = 20.0
"""Virtual seconds of trouble; then the world is well again."""


class Fate(Enum):
    """Of one operation on its way to a server."""

    FINE = "fine"
    NOT_REACHED = "not reached"
    HALF = "half"
    LOST = "lost"
    """Done, and the answer does not come back."""
    KILL_BEFORE = "kill before"
    KILL_HALF = "kill half"
    KILL_AFTER = "kill after"


class Adversary:
    """Draws. `rng` belongs to the whole simulation, whose order is itself determined."""

    def __init__(self, rng: Random, now: Callable[[], float]) -> None:
        self.rng = rng
        self._now = now
        self.kills = rng.choice([0.0, 0.002, 0.006])
        self.faults = rng.choice([0.0, 0.01, 0.06])
        self.slow = rng.choice([0.0, 0.01, 0.05])
        self.lost_commits = rng.choice([0.0, 0.2])
        self.away = {name: self._outages() for name in ("mongo", "kafka")}

    def _outages(self) -> list[tuple[float, float]]:
        begins = [self.rng.uniform(0, QUIET_AFTER) for _ in range(self.rng.choice([0, 0, 1, 2]))]
        return [(begin, min(QUIET_AFTER, begin + self.rng.uniform(0.5, 10))) for begin in begins]

    @property
    def calm(self) -> bool:
        return self._now() >= QUIET_AFTER

    def reachable(self, server: str) -> bool:
        return not any(begin <= self._now() < end for begin, end in self.away[server])

    def latency(self) -> float:
        if not self.calm and self.rng.random() < self.slow:
            return self.rng.uniform(0.1, 4)
        return self.rng.uniform(0.0005, 0.004)

    def fate(self, server: str) -> Fate:
        if not self.reachable(server):
            return Fate.NOT_REACHED
        if self.calm:
            return Fate.FINE
        drawn = self.rng.random()
        if drawn < self.kills:
            return self.rng.choice([Fate.KILL_BEFORE, Fate.KILL_HALF, Fate.KILL_AFTER])
        if drawn < self.kills + self.faults:
            return self.rng.choice([Fate.NOT_REACHED, Fate.HALF, Fate.LOST])
        return Fate.FINE

    def commits(self) -> bool:
        return self.calm or self.rng.random() >= self.lost_commits


class Mortal(Protocol):
    """A process, as its connections know it."""

    failures: list[str]

    async def breathe(self) -> None:
        """Go on, unless the process is stopped (then later) or dead (then never)."""
        ...

    def kill(self) -> None: ...


@dataclass(frozen=True)
class Link:
    """A process's connection to one server; see `database.Network`."""

    process: Mortal
    adversary: Adversary
    server: str

    async def reach(self, steps: Sequence[Callable[[], T]]) -> list[T]:
        await asyncio.sleep(self.adversary.latency())
        await self.process.breathe()
        fate = self.adversary.fate(self.server)
        if fate is Fate.KILL_BEFORE:
            self.process.kill()
            await self.process.breathe()
        if fate is Fate.NOT_REACHED:
            raise self._error(fate)
        half = self.adversary.rng.randint(0, len(steps)) if fate in (Fate.HALF, Fate.KILL_HALF) else len(steps)
        try:
            done = [step() for step in steps[:half]]
        except NotImplementedError as exc:
            self.process.failures.append(repr(exc))  # the services would take it for a fault like another
            raise
        if fate in (Fate.KILL_HALF, Fate.KILL_AFTER):
            self.process.kill()
        await asyncio.sleep(self.adversary.latency())
        await self.process.breathe()
        if fate is not Fate.FINE:
            raise self._error(fate)
        return done

    def _error(self, fate: Fate) -> Exception:
        return AutoReconnect(fate.value) if self.server == "mongo" else ProducerUnavailableError(fate.value)
