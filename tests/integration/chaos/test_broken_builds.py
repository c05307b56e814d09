"""Three builds that are broken on purpose are each caught: what the checker passes, it has looked at."""

from pathlib import Path

import pytest

from deploy.local.broker import Engine, choose
from tests.chaos import report
from tests.chaos.cluster import Cluster
from tests.chaos.faults import addons, processes
from tests.chaos.faults.kinds import Kind
from tests.chaos.running import Size, fresh_seed, run

pytestmark = [pytest.mark.apache, pytest.mark.slow]

KILLS = [kind for kind in processes.KINDS if kind.name.startswith("kill")]
LATE = [kind for kind in addons.KINDS if "late" in kind.name]
SIZE = Size(installs=400, rate=3, faults=25, seconds=100, large=False, admins=2, workspaces=40, addons=4)


@pytest.mark.parametrize(
    ("build", "service", "kinds", "rules"),
    [
        ("clear-first", "installer", KILLS, {"accepted_is_known", "one_outcome", "events_in_order"}),
        ("without-compare-and-set", "installer", [*KILLS, *LATE], {"one_outcome", "one_id_one_content"}),
        ("commit-first", "notifier", KILLS, {"everybody_hears_once"}),
    ],
)
async def test_a_broken_build_is_caught(
    run_folder: Path, build: str, service: str, kinds: list[Kind], rules: set[str]
) -> None:
    async def break_it(cluster: Cluster) -> None:
        names = [name for name in cluster.services if name.startswith(service)]
        for name in names:
            await cluster.kill(name)
            await cluster.begin(name, before=("-m", "tests.chaos.broken", build))
        assert await cluster.ready(names) == []

    result = await run(run_folder / f"chaos-{build}", choose(Engine.APACHE), fresh_seed(), SIZE, kinds, print, break_it)

    assert rules & {one.rule for one in result.violations}, report.told(result)
