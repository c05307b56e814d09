"""`make chaos`: hurt the whole marketplace under load, and say what was lost, doubled or stranded.

`--seed` repeats the faults of an earlier run, in the same order on the same targets. Exit status 1 if any promise was
broken, or if the run shows too little (`--at-least`).
"""

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
import time
from pathlib import Path

from deploy.local import ports
from deploy.local.broker import Engine, choose
from tests.chaos import report
from tests.chaos.faults.kinds import Kind
from tests.chaos.running import Size, fresh_seed, run
from tests.chaos.schedule import ALL_KINDS, schedule


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=None, help="of an earlier run, to repeat its faults")
    parser.add_argument("--installs", type=int, default=2_000)
    parser.add_argument("--rate", type=float, default=3.0, help="installs begun a second, on average")
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--at-least", type=int, default=0, help="faults, and each kind once; else the run is no good")
    parser.add_argument("--minutes", type=float, default=17, help="after which no fault begins any more")
    parser.add_argument("--within", type=float, default=0, help="minutes, in all; a longer run is no good")
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help="only faults whose name has this")
    parser.add_argument("--list", action="store_true", help="print the schedule, and run nothing")
    options = parser.parse_args()
    seed = fresh_seed() if options.seed is None else options.seed
    kinds = [kind for kind in ALL_KINDS if _wanted(kind, options.only)]
    if options.list:
        for lane, steps in schedule(seed, options.faults, kinds).items():
            for step in steps:
                print(f"{lane:10} {step.number:4} {step.kind}")
        return
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # add-ons reset connections on purpose
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)

    ports.FREE_RANGE = range(12_000, 20_000)  # minutes pass until all are taken, and tests choose from others
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # what was started is stopped then
    size = Size(installs=options.installs, rate=options.rate, faults=options.faults, seconds=options.minutes * 60)
    with tempfile.TemporaryDirectory(prefix="souk-chaos-") as folder:
        result = asyncio.run(run(Path(folder) / "stack", choose(Engine.APACHE), seed, size, kinds, tell))
    print(report.told(result))
    print(f"kept in {report.keep(result)}")
    sys.exit(0 if report.good(result, options.at_least, options.within * 60) else 1)


def _wanted(kind: Kind, words: list[str]) -> bool:
    return not words or any(word in kind.name for word in words)


if __name__ == "__main__":
    main()
