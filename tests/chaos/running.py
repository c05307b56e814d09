"""One run: a cluster, people, load, faults, quiet, evidence, verdict."""

import asyncio
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from deploy.local import ports
from deploy.local.broker import Broker
from deploy.local.paths import VAR
from tests.chaos.addons import AddOns
from tests.chaos.checker import Violation, check
from tests.chaos.cluster import Cluster
from tests.chaos.evidence import Evidence
from tests.chaos.faults.kinds import Kind
from tests.chaos.gathering import Database, gather, quiet
from tests.chaos.load import Load, summary
from tests.chaos.nemesis import Deed, Nemesis, Tell, done
from tests.chaos.schedule import schedule
from tests.chaos.world import people

QUIET_SECONDS = 600.0  # all deadlines of `cluster.ENV`, and minutes for a busy machine


@dataclass(frozen=True)
class Size:
    """How much of everything. `seconds` bounds the faults; load goes on until they are over."""

    installs: int
    rate: float
    faults: int
    seconds: float
    large: bool = True
    admins: int = 4
    workspaces: int = 120
    addons: int = 8


@dataclass
class Result:
    """What is told of a run."""

    seed: int
    evidence: Evidence
    violations: list[Violation]
    deeds: list[Deed]
    not_run: dict[str, str]
    never: list[str]
    """Kinds that can run here and were wanted, and of which none was done."""
    left: dict[str, int]
    """What was still to come after the quiet time."""
    seconds: float
    answers: dict[str, int] = field(default_factory=dict)

    @property
    def done(self) -> Counter[str]:
        """How often each kind of fault was done."""
        return done(self.deeds)


Before = Callable[[Cluster], Awaitable[None]]


async def run(  # noqa: PLR0917 - one run, all of it
    folder: Path,
    kafka: Broker,
    seed: int,
    size: Size,
    kinds: Sequence[Kind],
    tell: Tell,
    before: Before | None = None,
) -> Result:
    """`before` may change what stands, once everybody is in."""
    began = time.monotonic()
    tell(f"seed {seed}")
    addon_ports = list(ports.free(f"addon {number}" for number in range(size.addons)).values())
    well = False
    cluster = Cluster(folder, kafka, addon_ports, large=size.large)
    async with AddOns(addon_ports, Random(seed)) as addons:
        try:
            await asyncio.to_thread(cluster.start)
            world = await asyncio.to_thread(people, cluster.stack, addons, size.admins, size.workspaces)
            tell(f"everybody is in after {time.monotonic() - began:.0f} s")
            if before is not None:
                await before(cluster)
            load = Load(cluster.stack.plan.public_url, world, Random(seed))
            nemesis = Nemesis(cluster, addons, tell)
            able = nemesis.able(kinds)
            loading = asyncio.create_task(load.run(size.rate, size.installs))
            await nemesis.run(schedule(seed, size.faults, able), able, size.seconds)
            await cluster.heal()
            for port in addon_ports:
                await addons.behave(port, "ok")
            load.enough()
            if size.installs > size.seconds * size.rate:
                load.end()
            await loading
            tell(f"{load.begun} installs begun; waiting for the quiet, {time.monotonic() - began:.0f} s")
            database = await asyncio.to_thread(Database, cluster.stack.plan.mongo_url)
            try:
                left = await quiet(cluster.stack, database, QUIET_SECONDS)
                evidence = await gather(cluster.stack, database, load, addons.calls, world)
            finally:
                database.close()
            violations = check(evidence)
            well = not violations and not left
        finally:
            if not well:
                kept = VAR / "chaos" / f"logs-{seed}"
                await asyncio.to_thread(shutil.copytree, folder / "log", kept, dirs_exist_ok=True)
                tell(f"logs are kept in {kept}")
            await asyncio.to_thread(cluster.close)
    seconds = time.monotonic() - began
    answers = summary(load.asked)
    never = sorted({kind.name for kind in able} - done(nemesis.deeds).keys())
    return Result(seed, evidence, violations, nemesis.deeds, nemesis.not_run, never, left, seconds, answers)


def fresh_seed() -> int:
    """One that nobody has chosen, which the run prints; or CHAOS_SEED, to run the tests' short ones again."""
    if chosen := os.environ.get("CHAOS_SEED"):
        return int(chosen)
    return random.SystemRandom().randrange(1, 1_000_000)
