"""CPU seconds and memory of processes, by name. CPU per 1,000 installs is the figure that noise moves least."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    """Seconds of user and system time since the process began, and resident megabytes."""

    cpu: Mapping[str, float]
    memory: Mapping[str, float]


def measure(pids: Mapping[str, int]) -> Usage:
    """What each process, with its children, has used so far."""
    cpu: dict[str, float] = {}
    memory: dict[str, float] = {}
    for name, pid in pids.items():
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        cpu[name] = sum(one.cpu_times().user + one.cpu_times().system for one in family)
        memory[name] = sum(one.memory_info().rss for one in family) / 1e6
    return Usage(cpu, memory)


def spent(before: Usage, after: Usage) -> dict[str, float]:
    """CPU seconds between two measurements, by name."""
    return {name: after.cpu[name] - before.cpu[name] for name in before.cpu}
