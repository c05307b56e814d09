"""`make bench`: installs per second at saturation, latency at half load and at 30/s, CPU, memory, idle cost.

Load generator, add-on stub, MongoDB, Apache Kafka and all services share this machine. CPU counts every process
but the generator, the stub and the idle samples.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.load import Load, Run
from benchmarks.past import Traffic, add_past
from benchmarks.usage import Usage, measure, spent
from benchmarks.world import World, world
from deploy.local.paths import PROJECT


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--window", type=int, default=128)
    parser.add_argument("--past", type=int, default=0, help="at the end, again beside so many finished installations")
    parser.add_argument("--gateway", action="store_true", help="send through the gateway, not to the installer's port")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="souk-bench-") as folder, world(Path(folder) / "stack") as made:
        rows = [idle(made)]
        run(made, options, "warm-up", options.window, None)
        for number in range(options.rounds):
            saturated = run(made, options, f"saturation {number + 1}", options.window, None)
            half = run(made, options, f"half load {number + 1}", None, saturated["installs_per_second"] / 2)
            slow = run(made, options, f"30/s {number + 1}", None, 30.0)
            rows += [saturated, half, slow]
        if options.past:
            print(f"adding {options.past} past installations", flush=True)
            add_past(made.stack.plan.mongo_url, options.past)
            rows += [run(made, options, f"with a past {number + 1}", options.window, None) for number in range(2)]
        memory = measure(made.pids()).memory
    report(rows, memory)
    kept = PROJECT / "var" / "bench"
    kept.mkdir(parents=True, exist_ok=True)
    (kept / f"{int(time.time())}.json").write_text(json.dumps({"rows": rows, "memory": memory}, indent=1))


def idle(made: World) -> dict[str, Any]:
    """CPU of everything while nothing happens, in percent of one core."""
    time.sleep(5)
    before = measure(made.pids())
    seconds = 15
    time.sleep(seconds)
    used = spent(before, measure(made.pids()))
    return {"name": "idle", "cpu_percent": {name: 100 * cpu / seconds for name, cpu in used.items()}}


def run(made: World, options: argparse.Namespace, name: str, window: int | None, rate: float | None) -> dict[str, Any]:
    """One run, with the CPU that it cost."""
    made.story.admin.log_in()
    api = made.stack.plan.public_url if options.gateway else made.stack.plan.url("installer")
    token = made.story.admin.token
    load = Load(api, made.stack.plan.kafka, token, made.pairs)
    traffic = Traffic(made.stack.plan.mongo_url)
    asked = traffic.look()
    before = measure(made.pids())
    work = load.closed(window, options.seconds) if window else load.open(rate or 1.0, options.seconds)
    result = uvloop.run(work)
    row = row_of(name, result, before, measure(made.pids()))
    row["mongo"] = {key: (now - asked[key]) / max(1, len(result.installed)) for key, now in traffic.look().items()}
    print(json.dumps({key: value for key, value in row.items() if key not in ("cpu", "mongo")}), flush=True)
    return row


def row_of(name: str, result: Run, before: Usage, after: Usage) -> dict[str, Any]:
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


def percentile(values: list[float], which: int) -> float:
    """In milliseconds."""
    if len(values) < 2:  # noqa: PLR2004 - quantiles need two
        return 0.0
    return 1000 * statistics.quantiles(values, n=100, method="inclusive")[which - 1]


def report(rows: list[dict[str, Any]], memory: Mapping[str, float]) -> None:
    """Medians and spread, as a table."""
    quiet = rows[0]["cpu_percent"]
    print("\nidle, % of one core:", {name: round(value, 1) for name, value in quiet.items()})
    print("memory, MB:", {name: round(value) for name, value in memory.items()})
    print("\n| load | installs/s | p50 ms | p99 ms | 202 p50 ms | CPU s per 1,000 | accepted = installed |")
    print("|---|---|---|---|---|---|---|")
    for kind in ("saturation", "half load", "30/s", "with a past"):
        same = [row for row in rows if row["name"].startswith(kind)]
        if not same:
            continue
        cells = [spread(same, key) for key in ("installs_per_second", "p50_ms", "p99_ms", "answer_p50_ms")]
        cells.append(spread(same, "cpu_seconds_per_1000", 2))
        whole = all(row["accepted"] == row["installed"] for row in same)
        print(f"| {kind} | {' | '.join(cells)} | {'yes' if whole else 'NO'} |")
    parts = rows[1]["cpu"]
    print("\nCPU s per 1,000 installs at saturation, by process (median):")
    same = [row for row in rows if row["name"].startswith("saturation")]
    print({part: round(statistics.median(row["cpu"][part] for row in same), 2) for part in parts})
    print("\nMongoDB per install at saturation (median):")
    print({key: round(statistics.median(row["mongo"][key] for row in same), 2) for key in same[0]["mongo"]})


def spread(rows: list[dict[str, Any]], key: str, digits: int = 0) -> str:
    """Median (min..max)."""
    values = [row[key] for row in rows]
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"


if __name__ == "__main__":
    main()
