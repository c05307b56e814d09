"""Goes through the schedule, and notes what it did."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.chaos.addons import AddOns
from tests.chaos.cluster import Cluster
from tests.chaos.faults.kinds import Arena, Kind
from tests.chaos.schedule import Step

PAUSE_SECONDS = 2.0
TRIES = 3
Tell = Callable[[str], None]


@dataclass
class Deed:
    """One fault as it was done. Empty `failure`: it was begun and undone."""

    kind: str
    began: float
    seconds: float
    hit: str = ""
    failure: str = ""


def done(deeds: Sequence[Deed]) -> Counter[str]:
    """How often each kind was done."""
    return Counter(one.kind for one in deeds if not one.failure)


@dataclass
class Nemesis:
    """`not_run` names the kinds that cannot run here, and why."""

    cluster: Cluster
    addons: AddOns
    tell: Tell
    deeds: list[Deed] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)

    def able(self, kinds: Sequence[Kind]) -> list[Kind]:
        """Those that can run here; the others are told."""
        for kind in kinds:
            if why := kind.lacks(self.cluster):
                self.not_run[kind.name] = why
                self.tell(f"not run: {kind.name}: {why}")
        return [kind for kind in kinds if kind.name not in self.not_run]

    async def run(self, lanes: Mapping[str, Sequence[Step]], kinds: Sequence[Kind], seconds: float) -> None:
        """All lanes beside each other; what has not begun when the time is over is left out."""
        known = {kind.name: kind for kind in kinds}
        end = time.monotonic() + seconds
        await asyncio.gather(*(self._lane(steps, known, end) for steps in lanes.values()))

    async def _lane(self, steps: Sequence[Step], known: Mapping[str, Kind], end: float) -> None:
        """One by one. What could not be done comes again, before any kind comes a second time."""
        coming, tries = deque(steps), Counter[int]()
        while coming and time.monotonic() <= end:
            step = coming.popleft()
            deed = await self._do(step, known[step.kind])
            tries[step.number] += 1
            if deed.failure and step.kind not in done(self.deeds) and tries[step.number] < TRIES:
                firsts = sum(one.first for one in coming)
                coming.insert(firsts, step)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _do(self, step: Step, kind: Kind) -> Deed:
        deed = Deed(step.kind, time.monotonic(), 0.0)
        try:
            deed.hit = await kind.run(Arena(self.cluster, self.addons, Random(step.seed)))
        except Exception as error:  # a fault that could not be begun, such as one that needs a server that is away
            deed.failure = f"{type(error).__name__}: {error}"[:300]
        deed.seconds = time.monotonic() - deed.began
        self.deeds.append(deed)
        result = f"could not be done: {deed.failure}" if deed.failure else deed.hit
        self.tell(f"fault {step.number}: {step.kind}: {result} ({deed.seconds:.0f} s)")
        return deed
