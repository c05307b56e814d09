"""Ninety seconds of kills under load, on one broker and one member."""

from pathlib import Path

import pytest

from deploy.local.broker import Engine, choose
from tests.chaos import report
from tests.chaos.faults import addons, processes
from tests.chaos.running import Size, fresh_seed, run

pytestmark = pytest.mark.apache

KINDS = [kind for kind in processes.KINDS if kind.name.startswith(("kill", "SIGTERM", "struck"))] + [
    kind for kind in addons.KINDS if kind.most > 5
]
SIZE = Size(installs=1_000, rate=2, faults=20, seconds=90, large=False, admins=2, workspaces=40, addons=4)


async def test_ninety_seconds_of_kills_lose_double_and_strand_nothing(run_folder: Path) -> None:
    assert sum(kind.name.startswith("struck") for kind in KINDS) > 5
    seed = fresh_seed()

    result = await run(run_folder / "chaos", choose(Engine.APACHE), seed, SIZE, KINDS, print)

    assert result.violations == [], report.told(result)
    assert result.left == {}, report.told(result)
    assert len(result.evidence.documents) > 50, report.told(result)
    assert result.done.total() > 5, report.told(result)
