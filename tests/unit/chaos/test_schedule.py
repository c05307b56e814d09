"""A seed is all that it takes to repeat a run's faults."""

from collections import Counter

from deploy.local.paths import PROJECT
from tests.chaos.checker import RULES
from tests.chaos.schedule import ALL_KINDS, schedule

LONG = {kind.name: kind.most for kind in ALL_KINDS if kind.most <= 5}


def counted(seed: int, faults: int) -> Counter[str]:
    return Counter(step.kind for steps in schedule(seed, faults, ALL_KINDS).values() for step in steps)


def test_no_kind_comes_twice_before_each_came_once() -> None:
    for steps in schedule(7, 100, ALL_KINDS).values():
        names = [step.kind for step in steps]
        assert len(set(names[: len(set(names))])) == len(set(names))


def test_one_seed_is_one_schedule() -> None:
    assert schedule(7, 60, ALL_KINDS) == schedule(7, 60, ALL_KINDS)
    assert schedule(7, 60, ALL_KINDS) != schedule(8, 60, ALL_KINDS)


def test_every_kind_has_its_turn_and_as_many_faults_as_asked_for() -> None:
    found = counted(7, 60)

    assert set(found) == {kind.name for kind in ALL_KINDS}
    assert found.total() == 60


def test_what_takes_long_comes_seldom() -> None:
    found = counted(7, 300)

    assert {name: found[name] <= most for name, most in LONG.items()} == dict.fromkeys(LONG, True)


def test_each_fault_is_in_the_lane_of_its_kind() -> None:
    lanes = {kind.name: kind.lane for kind in ALL_KINDS}

    assert all(lanes[step.kind] == lane for lane, steps in schedule(7, 60, ALL_KINDS).items() for step in steps)


def test_the_documentation_names_every_kind_and_every_rule() -> None:
    page = (PROJECT / "docs" / "chaos.md").read_text()
    rules = {f"*{name.replace('_', ' ')}*" for name in RULES}

    assert {one for one in {f"| {kind.name} |" for kind in ALL_KINDS} | rules if one not in page} == set()
