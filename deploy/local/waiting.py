"""Awaiting what other processes do, with a sign of life while it takes long."""

import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HEARTBEAT_SECONDS = 10.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback never goes through a proxy


def say(line: str) -> None:
    print(line, flush=True)


def port_answers(host: str, port: int, seconds: float = 1.0) -> bool:
    try:
        with socket.create_connection((host, port), timeout=seconds):
            return True
    except OSError:
        return False


def url_status(url: str, seconds: float = 2.0) -> int:
    """The status code of a GET; 0 when nobody answers."""
    try:
        with _OPENER.open(url, timeout=seconds) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0


@contextmanager
def progress(doing: str) -> Iterator[None]:
    """Print what is being done, and every ten seconds that it still is."""
    say(f"  {doing} ...")
    began = time.monotonic()
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            say(f"  {doing} ... {time.monotonic() - began:.0f} s")

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()


def run_logged(command: Sequence[str], log: Path, seconds: float) -> str:
    """Run a command with its output appended to a log; the reason when it failed, else an empty string."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as output:
        output.write(f"$ {' '.join(command)}\n")
        output.flush()
        try:
            ran = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return f"it took more than {seconds:.0f} s"
        except OSError as error:
            return str(error)
    return f"it ended with status {ran.returncode}, see {log}" if ran.returncode else ""
