"""One world from one seed, run to its quiet end in virtual time, and judged."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import structlog

from shared.contracts.topics import INSTALLER_INSTALLATION_STATE, INSTALLER_INSTALLATIONS
from tests.model import promises
from tests.model.promises import BrokenPromiseError
from tests.model.virtual_time import VirtualLoop, run
from tests.model.world import World

PATIENCE = 200.0
"""Virtual seconds until all is quiet: far more than every deadline together."""
SLOW = 10.0
"""A process that was slow may still tell a state that another one has told, and then corrects it."""
_SHOWN = 60


@contextmanager
def _quietly(seed: int) -> Iterator[None]:
    """No logs, and the service's own draws from this seed too."""
    drawn, configured = random.getstate(), structlog.get_config()
    random.seed(seed)
    structlog.configure(processors=[_drop])
    try:
        yield
    finally:
        random.setstate(drawn)
        structlog.configure(**configured)


def _drop(*_: object) -> str:
    raise structlog.DropEvent


def simulate(seed: int, *, commit_first: bool = False) -> World:
    """Raises BrokenPromiseError, which names the seed and tells the end of the story."""
    with _quietly(seed):
        return run(lambda loop: _live(loop, seed, commit_first))


async def _live(loop: VirtualLoop, seed: int, commit_first: bool) -> World:
    world = World(loop, Random(seed), commit_first)  # noqa: S311 - no secrets are drawn
    await world.run()
    while left := promises.what_is_left(world):
        if loop.time() > PATIENCE:
            world.expect(False, f"it never ends: {left}")
            break
        await asyncio.sleep(1)
    if not world.broken:
        await asyncio.sleep(SLOW)
        promises.when_quiet(world)
        await _read_again(world)
    if world.broken:
        raise BrokenPromiseError("\n".join([f"seed {seed}: {world.broken[0]}", *world.trace[-_SHOWN:]]))
    return world


async def _read_again(world: World) -> None:
    """Every topic from its beginning, at once: nothing changes and nothing new is told."""
    before, told = dict(world.store.all("installations")), _told(world)
    process = world.start()
    for member in process.members:
        for begin in range(0, len(log := world.broker.log(member.topic)), 500):
            await process.spawn(member.consume(tuple(log[begin : begin + 500])))
    await asyncio.sleep(3)
    world.expect(before == world.store.all("installations"), "reading the topics again changed an installation")
    world.expect(told == _told(world), "reading the topics again told something")


def _told(world: World) -> list[int]:
    return [len(world.broker.log(topic.name)) for topic in (INSTALLER_INSTALLATIONS, INSTALLER_INSTALLATION_STATE)]
