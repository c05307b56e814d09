"""Three installers beside one, and nine add-ons beside one that hangs: installs per second at saturation."""

import argparse
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.figures import Row, spread, table
from benchmarks.installs import row_of
from benchmarks.load import Load, Pair
from benchmarks.usage import measure
from benchmarks.world import World, world

WORKSPACES = 400
ADDONS = 45


def _pairs(made: World, addons: int, behaviour: str = "") -> Iterator[Pair]:
    """Fresh add-ons in the seeded workspaces."""
    keys = made.publish(addons, behaviour)
    made.await_preflight(made.story, keys[-1], WORKSPACES)
    return iter([(workspace, key) for key, workspace in product(keys, made.workspaces)])


def _round(made: World, options: argparse.Namespace, pairs: Iterator[Pair], aside: Iterator[Pair] | None = None) -> Row:
    made.story.admin.log_in()
    apis = [made.stack.plan.url(one.name) for one in made.stack.plan.processes if one.service == "installer"]
    load = Load(apis, made.stack.plan.kafka, made.story.admin.token, pairs, aside)
    before = measure(made.pids())
    result = uvloop.run(load.closed(options.window, options.seconds))
    row = row_of("", result, before, measure(made.pids()))
    print({key: row[key] for key in ("installs_per_second", "p50_ms", "p99_ms", "accepted", "installed")}, flush=True)
    return row


def _told(rows: dict[str, list[Row]]) -> None:
    head = ("", "installs/s", "p50 ms", "p99 ms", "CPU s per 1,000")
    figures = ("installs_per_second", "p50_ms", "p99_ms")
    lines = [
        [name, *(spread(each, key) for key in figures), spread(each, "cpu_seconds_per_1000", 2)]
        for name, each in rows.items()
    ]
    print(f"\n{table(head, lines)}")


def processes(options: argparse.Namespace) -> dict[str, Any]:
    """One installer process, then three, each on a stack of its own."""
    rows: dict[str, list[Row]] = {}
    for number in (1, 3):
        with tempfile.TemporaryDirectory(prefix="souk-bench-") as folder, world(Path(folder) / "stack", number) as made:
            made.workspaces = made.push_workspaces(made.story, WORKSPACES)
            pairs = _pairs(made, ADDONS)
            _round(made, options, pairs)  # warms up
            rows[f"{number} installer processes"] = [_round(made, options, pairs) for _ in range(options.rounds)]
    _told(rows)
    return {"rows": rows}


def hanging(options: argparse.Namespace) -> dict[str, Any]:
    """Installs of add-ons that answer, alone, and while every tenth request is for one that hangs."""
    rows: dict[str, list[Row]] = {"all answer": [], "one of ten hangs": []}
    with tempfile.TemporaryDirectory(prefix="souk-bench-") as folder, world(Path(folder) / "stack") as made:
        made.workspaces = made.push_workspaces(made.story, WORKSPACES)
        pairs = _pairs(made, ADDONS)
        _round(made, options, pairs)  # warms up
        for _ in range(options.rounds):
            rows["all answer"].append(_round(made, options, pairs))
            # A fresh one each time: the breaker of the last one is open already.
            rows["one of ten hangs"].append(_round(made, options, pairs, aside=_pairs(made, 2, "hanging/")))
    _told(rows)
    return {"rows": rows}
