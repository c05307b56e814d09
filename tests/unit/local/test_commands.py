"""What `status` says of parts that are in any state."""

import argparse
import re
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local import commands
from deploy.local.part import Part
from deploy.local.paths import PROJECT


def part(name: str, *, ready: bool = True, gets_on: bool = True) -> Part:
    return Part(name, ("true",), (), lambda: ready, gets_on=lambda: gets_on)


def status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *parts: Part) -> tuple[Any, Any]:
    """The status with which it ends, and what it says of each part; the one named `gone` does not run."""

    def daemon(name: str) -> Any:
        return SimpleNamespace(pid=lambda: 0 if name == "gone" else 7, log_file=PROJECT / "var" / f"{name}.log")

    plan = SimpleNamespace(broker="a broker", ports={})
    stack = SimpleNamespace(plan=plan, parts={one.name: one for one in parts}, daemon=daemon)
    monkeypatch.setattr(commands, "running_stack", lambda: stack)
    with pytest.raises(SystemExit) as ended:
        commands.status(argparse.Namespace())
    _, *lines = capsys.readouterr().out.splitlines()
    return ended.value.code, [tuple(re.split(r"\s{2,}", line.strip())[:2]) for line in lines]


def test_a_stack_is_well_when_every_part_is_ready_and_gets_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = status(monkeypatch, capsys, part("auth"), part("mongo"))
    assert said == (0, [("auth", "ready"), ("mongo", "ready")])


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (part("gone"), "not running"),
        (part("auth", ready=False), "not ready"),
        (part("auth", gets_on=False), "ready, stuck"),
        (part("auth", ready=False, gets_on=False), "not ready, stuck"),
    ],
)
def test_a_part_that_is_not_well_is_told_and_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], one: Part, state: str
) -> None:
    assert status(monkeypatch, capsys, one) == (1, [(one.name, state)])
