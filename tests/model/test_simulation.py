"""The installer's real parts in worlds where anything goes wrong, each from one seed, in virtual time.

A failure prints its seed and the end of its story; `SEED=17 .venv/bin/python -m pytest tests/model -k one_seed` tells
it again.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.model.simulation import simulate

ROOT = Path(__file__).parents[2]
BLOCK = 10


@pytest.mark.parametrize("first", range(0, 30, BLOCK))
def test_everything_comes_to_one_end(first: int) -> None:
    for seed in range(first, first + BLOCK):
        simulate(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 3000, 100))
def test_thousands_of_worlds(first: int) -> None:
    for seed in range(first, first + 100):
        simulate(seed)


@pytest.mark.skipif("SEED" not in os.environ, reason="tells one world again: SEED=17")
def test_one_seed() -> None:
    simulate(int(os.environ["SEED"]))


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_tells_the_same_story_in_every_process(hash_seed: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from tests.model.simulation import simulate; print(*simulate(3).trace, sep='\\n')"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines() == simulate(3).trace


def test_worlds_are_as_bad_as_they_should_be() -> None:
    """Else all would be well for want of trouble."""
    stories = "\n".join("\n".join(simulate(seed).trace) for seed in range(BLOCK))
    for misfortune in ("dies", "stands still", "-> WAITING", "-> FAILED", "clean-up owed", "notice for", "is deleted"):
        assert misfortune in stories, misfortune
    assert "generation 2" in stories
