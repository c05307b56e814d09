"""The samples are outsiders: what they know of the marketplace is its contract, never its code."""

import ast
from itertools import permutations
from pathlib import Path

SAMPLES = Path(__file__).parents[3] / "samples"


def imported(source: str) -> set[str]:
    """The top-level names of everything that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_samples_import_nothing_of_souk() -> None:
    modules = list(SAMPLES.rglob("*.py"))
    assert len(modules) > 20
    insiders = {path.name for path in modules if imported(path.read_text()) & {"shared", "services", "deploy", "tests"}}
    assert insiders == set()


def test_samples_know_nothing_of_each_other() -> None:
    names = ("addon", "consumer", "product")
    for name, other in permutations(names, 2):
        for path in (SAMPLES / name).rglob("*.py"):
            assert f"samples.{other}" not in path.read_text()
