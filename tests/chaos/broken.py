"""Builds that break a promise on purpose, to show that the checker sees it.

`python -m tests.chaos.broken NAME services.installer serve --role all` runs a service whose code was changed in its own
process. No flag of the services' leads here.
"""

import asyncio
import importlib
import runpy
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import UpdateOne

from shared.plumbing.outbox import OutboxRelay

TASKS: set[asyncio.Task[Any]] = set()
HEAD_START_SECONDS = 1.0
"""What a correct build does in the right order is done so far apart here that a kill falls in between."""


def clear_first() -> None:
    """The outbox is cleared before its entries are sent."""

    async def deliver(self: OutboxRelay, batch: Mapping[str, Mapping[str, Any]]) -> int:
        await self._on_sent({one: list(entries) for one, entries in batch.items()})
        await asyncio.sleep(HEAD_START_SECONDS)
        for entries in batch.values():
            await self._send_in_order(list(entries.values()))
        return len(batch)

    OutboxRelay._deliver = deliver  # type: ignore[method-assign]


def without_compare_and_set() -> None:
    """Whoever writes, wins: the update does not ask for the version that it was decided on."""
    store: Any = importlib.import_module("services.installer.store")
    right = store._operation

    def operation(*given: Any) -> UpdateOne:
        made = right(*given)
        return UpdateOne({"_id": made._filter["_id"]}, made._doc)

    store._operation = operation


def commit_first() -> None:
    """Records are committed before they are handled."""
    consumer: Any = importlib.import_module("shared.plumbing.consumer")
    right = consumer._Batch.consume

    async def consume(self: Any, records: Sequence[Any]) -> None:
        async def later() -> None:
            await asyncio.sleep(HEAD_START_SECONDS)
            await right(self, records)

        task = asyncio.create_task(later())
        TASKS.add(task)
        task.add_done_callback(TASKS.discard)

    consumer._Batch.consume = consume


BUILDS = {"clear-first": clear_first, "without-compare-and-set": without_compare_and_set, "commit-first": commit_first}

if __name__ == "__main__":
    _, build, module, *arguments = sys.argv
    BUILDS[build]()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
