"""`make bench`: the project's figures, or those that `--only` names.

Load generator, add-on stub, MongoDB, Apache Kafka and all services share this machine.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import installs, logins, preflight, recovery, screens, sharing, tokens
from benchmarks.world import World, world
from deploy.local.paths import PROJECT

# Each prints its figures, and returns what is to be kept of them. They run in this order, on one stack.
MEASUREMENTS: Mapping[str, Callable[[World, argparse.Namespace], dict[str, Any]]] = {
    "installs": installs.measured,
    "preflight": preflight.measured,
    "logins": logins.measured,
    "tokens": tokens.measured,
    "screens": screens.measured,
}
# Each on stacks of its own.
APART: Mapping[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "processes": sharing.processes,
    "hanging": sharing.hanging,
    "killed": recovery.killed,
    "backlog": recovery.backlog,
}
EVERY = [*MEASUREMENTS, *APART]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", choices=EVERY, default=EVERY, metavar="WHAT")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--window", type=int, default=128, help="installs in flight")
    parser.add_argument("--past", type=int, default=0, help="at the end, again beside so many finished installations")
    parser.add_argument("--gateway", action="store_true", help="send through the gateway, not to a service's port")
    options = parser.parse_args()
    kept: dict[str, Any] = {}
    together = [name for name in MEASUREMENTS if name in options.only]
    if together:
        with tempfile.TemporaryDirectory(prefix="souk-bench-") as folder, world(Path(folder) / "stack") as made:
            for name in together:
                print(f"\n== {name}", flush=True)
                kept[name] = MEASUREMENTS[name](made, options)
    for name in [name for name in APART if name in options.only]:
        print(f"\n== {name}", flush=True)
        kept[name] = APART[name](options)
    folder_of_figures = PROJECT / "var" / "bench"
    folder_of_figures.mkdir(parents=True, exist_ok=True)
    (folder_of_figures / f"{int(time.time())}.json").write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
