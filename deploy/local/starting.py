"""Starting parts together, and waiting until each is ready."""

import time
from collections.abc import Mapping, Sequence

from deploy.local.part import Part
from deploy.local.process import Daemon, StartError
from deploy.local.waiting import HEARTBEAT_SECONDS, say


def start_all(parts: Sequence[tuple[Part, Daemon]], ports: Mapping[str, int]) -> None:
    """Start those that do not run, wait for all of them, and tell each as it gets ready.

    One that runs was perhaps left half ready by a start that was interrupted; it is waited for like the others.
    Raises StartError with the end of the log of a part that ends or takes too long.
    """
    for part, daemon in parts:
        if not daemon.pid():
            part.before()
            daemon.start(part.command, part.env, part.folder)
    began = told = time.monotonic()
    waiting = list(parts)
    while waiting:
        for part, daemon in [it for it in waiting if it[0].ready()]:
            part.after()
            daemon.mark_ready()
            waiting.remove((part, daemon))
            say(f"  {part.name:<17} {' '.join(str(ports[port]) for port in part.ports):<11} {part.about}")
        for part, daemon in waiting:
            _give_up(part, daemon, time.monotonic() - began)
        if waiting and time.monotonic() - told > HEARTBEAT_SECONDS:
            told = time.monotonic()
            say(f"  waiting for {', '.join(part.name for part, _ in waiting)} ... {told - began:.0f} s")
        time.sleep(0.05)


def _give_up(part: Part, daemon: Daemon, waited: float) -> None:
    if not daemon.pid():
        fault = "ended before it was ready"
    elif waited > part.ready_seconds:
        fault = f"was not ready after {waited:.0f} s"
    else:
        return
    raise StartError(f"{part.name} {fault}. The end of {daemon.log_file}:\n{daemon.last_words()}")
