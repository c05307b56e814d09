"""One program of a stack, as data: what to run, with what, and how to see that it is ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.paths import PROJECT


def nothing() -> None:
    pass


@dataclass(frozen=True)
class Part:
    """`ports` are names of the plan's ports that it will listen on; they are checked before it starts."""

    name: str
    command: tuple[str, ...]
    ports: tuple[str, ...]
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = PROJECT
    before: Callable[[], None] = nothing  # once, before the process starts
    after: Callable[[], None] = nothing  # once it is ready
    ready_seconds: float = 90.0
    gets_on: Callable[[], bool] = lambda: True  # while it runs; False if only a restart would help
    about: str = ""
