"""What a part imports, it declares: its image has nothing else."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
OWN = {"deploy", "samples", "services", "shared", "tests"}
# A part sees its own list and those that it is installed with.
PARTS = {
    "shared": ("shared",),
    "services/auth": ("services/auth", "shared"),
    "services/catalog": ("services/catalog", "shared"),
    "services/installer": ("services/installer", "shared"),
    "services/notifier": ("services/notifier", "shared"),
    "samples": ("samples",),
}


def declared(part: str) -> list[Requirement]:
    project = tomllib.loads((PROJECT / part / "pyproject.toml").read_text())["project"]
    return [Requirement(text) for text in project["dependencies"]]


def imported(source: str) -> set[str]:
    """Top-level packages that are neither ours nor Python's."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - OWN - sys.stdlib_module_names


def undeclared(imports: set[str], names: set[str]) -> set[str]:
    """The imports that no declared distribution brings."""
    brought_by = packages_distributions()
    return {it for it in imports if not names & {canonicalize_name(one) for one in brought_by.get(it, [])}}


@pytest.mark.parametrize("part", PARTS)
def test_every_import_is_declared(part: str) -> None:
    imports = set().union(*(imported(file.read_text()) for file in (PROJECT / part).rglob("*.py")))
    names = {canonicalize_name(it.name) for source in PARTS[part] for it in declared(source)} | {"pydantic-core"}

    assert undeclared(imports, names) == set()


def test_the_check_sees_an_import_that_nobody_declared() -> None:
    imports = imported("import flask.json\nfrom pydantic import BaseModel\nimport os, shared.contracts\n")

    assert imports == {"flask", "pydantic"}
    assert undeclared(imports, {"pydantic"}) == {"flask"}


@pytest.mark.parametrize("part", PARTS)
def test_every_dependency_is_pinned_and_hashed_in_the_export(part: str) -> None:
    """`make lock` was run after the last change."""
    export = (PROJECT / "requirements" / f"{'dev' if part == 'shared' else Path(part).name}.txt").read_text()

    for requirement in declared(part):
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        assert f"\n{canonicalize_name(requirement.name)}=={pin.version}" in f"\n{export}"


@pytest.mark.parametrize("export", sorted((PROJECT / "requirements").glob("*.txt")), ids=lambda file: file.name)
def test_no_export_names_an_address_or_lacks_a_hash(export: Path) -> None:
    text = export.read_text()
    pins = text.count("==")

    assert "://" not in text
    assert "--index" not in text
    assert pins > 5
    assert all("--hash=sha256:" in block for block in text.replace("\\\n", "").splitlines() if "==" in block)
