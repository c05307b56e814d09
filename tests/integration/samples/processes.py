"""Starts a sample as its own process, on free ports, and ends it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.ports import free
from tests.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]


def free_port() -> int:
    return free(["port"])["port"]


@contextmanager
def running(module: str, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The process, from the moment it says "started". It must end by itself on SIGTERM, with status 0."""
    process = subprocess.Popen(  # noqa: S603 -- our own module
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            reader = _wait_until_started(process)
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0
            reader.join()
        finally:
            process.kill()


def _wait_until_started(process: subprocess.Popen[str]) -> threading.Thread:
    assert process.stdout
    too_late = threading.Timer(PATIENCE_SECONDS, process.kill)
    too_late.start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if '"event": "started"' in line:
            break
    else:
        raise AssertionError("the sample did not start:\n" + "".join(lines))
    too_late.cancel()
    # Somebody must read on, or a full pipe stops the process.
    reader = threading.Thread(target=process.stdout.read, daemon=True)
    reader.start()
    return reader
