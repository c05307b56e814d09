"""How the nemesis goes through a lane."""

from typing import cast

import pytest

from tests.chaos import nemesis
from tests.chaos.addons import AddOns
from tests.chaos.cluster import Cluster
from tests.chaos.faults.kinds import Arena, Kind
from tests.chaos.nemesis import Nemesis, done
from tests.chaos.schedule import Step


async def deeds(monkeypatch: pytest.MonkeyPatch, *, failures: int) -> list[tuple[str, bool]]:
    """Kinds in the order in which they were tried, and whether each was done. The first kind fails so often."""
    left = failures

    async def seldom(_: Arena) -> str:
        nonlocal left
        left -= 1
        if left >= 0:
            raise TimeoutError("not reached")
        return "somebody"

    async def always(_: Arena) -> str:
        return "somebody"

    monkeypatch.setattr(nemesis, "PAUSE_SECONDS", 0.0)
    kinds = {name: Kind(name, "processes", run) for name, run in (("seldom", seldom), ("often", always))}
    steps = [Step(1, "seldom", 7), Step(2, "often", 8), Step(3, "often", 9, first=False)]
    at_work = Nemesis(cast(Cluster, None), cast(AddOns, None), lambda _: None)
    await at_work.run({"processes": steps}, list(kinds.values()), 60)
    assert done(at_work.deeds)["often"] == 2
    return [(one.kind, not one.failure) for one in at_work.deeds]


async def test_what_could_not_be_done_comes_again_before_a_kind_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await deeds(monkeypatch, failures=1)

    assert found == [("seldom", False), ("often", True), ("seldom", True), ("often", True)]


async def test_after_three_tries_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await deeds(monkeypatch, failures=99)

    assert found == [("seldom", False), ("often", True), ("seldom", False), ("seldom", False), ("often", True)]
