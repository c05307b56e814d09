"""Faults of add-ons."""

import asyncio
from functools import partial

from tests.chaos.faults.kinds import Arena, Kind

SECONDS = 15.0
OUTAGE_SECONDS = 120.0


async def misbehave(mode: str, seconds: float, arena: Arena) -> str:
    port = arena.random.choice(arena.addons.ports)
    await arena.addons.behave(port, mode)
    try:
        await asyncio.sleep(seconds)
    finally:
        await arena.addons.behave(port, "ok")
    return f"the one at port number {arena.addons.ports.index(port) + 1}"


KINDS = (
    Kind("an add-on hangs", "addons", partial(misbehave, "hang", SECONDS)),
    Kind("an add-on drips", "addons", partial(misbehave, "drip", SECONDS)),
    Kind("an add-on says no", "addons", partial(misbehave, "refuse", SECONDS)),
    Kind("an add-on refuses connections", "addons", partial(misbehave, "down", SECONDS)),
    Kind("an add-on resets connections", "addons", partial(misbehave, "reset", SECONDS)),
    Kind("an add-on answers too late", "addons", partial(misbehave, "late", SECONDS)),
    Kind("an add-on fails for two minutes", "addons", partial(misbehave, "error", OUTAGE_SECONDS), most=5),
)
