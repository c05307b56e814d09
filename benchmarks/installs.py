"""Installs per second at saturation, latency at half load and at 30/s, CPU, memory, idle cost.

CPU counts every process but the generator, the stub and the idle samples.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import uvloop

from benchmarks.figures import Row, percentile, spread, table
from benchmarks.load import Load, Run
from benchmarks.past import Traffic, add_past
from benchmarks.usage import Usage, measure, spent
from benchmarks.world import World

WORKSPACES = 400
ADDONS = 100  # pairs of a workspace and an add-on are what a run uses up


@dataclass(frozen=True)
class Field:
    """Where the installs go."""

    made: World
    options: argparse.Namespace
    pairs: Iterator[tuple[str, str]]


def measured(made: World, options: argparse.Namespace) -> dict[str, Any]:
    """All rounds. Prints them as they come, and then the table."""
    workspaces = made.push_workspaces(made.story, WORKSPACES)
    keys = made.publish(ADDONS)
    made.await_preflight(made.story, keys[-1], WORKSPACES)
    field = Field(made, options, iter([(workspace, key) for key, workspace in product(keys, workspaces)]))
    rows = [idle(made)]
    run(field, "warm-up", options.window, None)
    for number in range(options.rounds):
        saturated = run(field, f"saturation {number + 1}", options.window, None)
        half = run(field, f"half load {number + 1}", None, saturated["installs_per_second"] / 2)
        slow = run(field, f"30/s {number + 1}", None, 30.0)
        rows += [saturated, half, slow]
    if options.past:
        print(f"adding {options.past} past installations", flush=True)
        add_past(made.stack.plan.mongo_url, options.past)
        rows += [run(field, f"with a past {number + 1}", options.window, None) for number in range(2)]
    memory = measure(made.pids()).memory
    report(rows, memory)
    return {"rows": rows, "memory": memory}


def idle(made: World) -> dict[str, Any]:
    """CPU of everything while nothing happens, in percent of one core."""
    time.sleep(5)
    before = measure(made.pids())
    seconds = 15
    time.sleep(seconds)
    used = spent(before, measure(made.pids()))
    return {"name": "idle", "cpu_percent": {name: 100 * cpu / seconds for name, cpu in used.items()}}


def run(field: Field, name: str, window: int | None, rate: float | None) -> Row:
    """One run, with the CPU that it cost."""
    made, options = field.made, field.options
    made.story.admin.log_in()
    load = Load([made.api("installer", options)], made.stack.plan.kafka, made.story.admin.token, field.pairs)
    traffic = Traffic(made.stack.plan.mongo_url)
    asked = traffic.look()
    before = measure(made.pids())
    work = load.closed(window, options.seconds) if window else load.open(rate or 1.0, options.seconds)
    result = uvloop.run(work)
    row = row_of(name, result, before, measure(made.pids()))
    row["mongo"] = {key: (now - asked[key]) / max(1, len(result.installed)) for key, now in traffic.look().items()}
    print(json.dumps({key: value for key, value in row.items() if key not in ("cpu", "mongo")}), flush=True)
    return row


def row_of(name: str, result: Run, before: Usage, after: Usage) -> Row:
    """The figures of one run."""
    cpu = spent(before, after)
    count = max(1, len(result.installed))
    return {
        "name": name,
        "installs_per_second": len(result.installed) / result.seconds,
        "accepted": len(result.accepted),
        "installed": len(result.installed),
        "refused": len(result.refused),
        "first_refusal": result.refused[:1],
        "p50_ms": percentile(list(result.installed.values()), 50),
        "p99_ms": percentile(list(result.installed.values()), 99),
        "answer_p50_ms": percentile(result.answered, 50),
        "cpu_seconds_per_1000": 1000 * sum(cpu.values()) / count,
        "cpu": {part: 1000 * seconds / count for part, seconds in cpu.items()},
    }


def report(rows: list[Row], memory: Mapping[str, float]) -> None:
    """Medians and spread."""
    quiet = rows[0]["cpu_percent"]
    print("\nidle, % of one core:", {name: round(value, 1) for name, value in quiet.items()})
    print("memory, MB:", {name: round(value) for name, value in memory.items()})
    lines = []
    for kind in ("saturation", "half load", "30/s", "with a past"):
        same = [row for row in rows if row["name"].startswith(kind)]
        if same:
            cells = [spread(same, key) for key in ("installs_per_second", "p50_ms", "p99_ms", "answer_p50_ms")]
            whole = all(row["accepted"] == row["installed"] for row in same)
            lines.append([kind, *cells, spread(same, "cpu_seconds_per_1000", 2), "yes" if whole else "NO"])
    head = ("load", "installs/s", "p50 ms", "p99 ms", "202 p50 ms", "CPU s per 1,000", "accepted = installed")
    print(f"\n{table(head, lines)}")
    parts = rows[1]["cpu"]
    print("\nCPU s per 1,000 installs at saturation, by process (median):")
    same = [row for row in rows if row["name"].startswith("saturation")]
    print({part: round(statistics.median(row["cpu"][part] for row in same), 2) for part in parts})
    print("\nMongoDB per install at saturation (median):")
    print({key: round(statistics.median(row["mongo"][key] for row in same), 2) for key in same[0]["mongo"]})
