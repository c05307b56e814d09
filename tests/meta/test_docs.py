"""The documentation says what the code does, because it is generated from it or compared with it."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from docs.generate import files
from shared.contracts.reasons import SCREEN_OF, SIDE_OF, FailureReason

ROOT = Path(__file__).parents[2]


def stale() -> list[str]:
    """Generated files that differ from what would be generated now."""
    return [str(path) for path, text in files() if not path.exists() or path.read_text() != text]


def test_the_generated_documentation_is_fresh() -> None:
    assert stale() == [], "run `make docs`"


def test_the_guard_sees_a_stale_document(monkeypatch: pytest.MonkeyPatch) -> None:
    path, text = next(iter(files()))
    monkeypatch.setattr("tests.meta.test_docs.files", lambda: iter([(path, text + " ")]))

    assert stale() == [str(path)]


def test_every_failure_reason_has_a_side_and_a_screen() -> None:
    assert set(SIDE_OF) == set(SCREEN_OF) == set(FailureReason)


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][a-z0-9-]+)", (ROOT / "README.md").read_text()))

    assert named <= targets


def test_make_lists_every_target_and_nothing_else() -> None:
    ran = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607 -- from the PATH

    assert " ".join(re.findall(r"^  make (\S+)", ran.stdout, re.MULTILINE)) == (
        "demo up down logs test test-unit test-integration test-e2e test-all lint types client docs lock bench chaos "
        "chaos-long operator doctor"
    )


def test_every_link_in_the_documents_leads_somewhere() -> None:
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if not target.startswith(("http:", "https:", "mailto:")) and not (page.parent / target).exists()
    ]

    assert dead == []


def test_every_problem_slug_of_the_code_is_documented() -> None:
    pattern = re.compile(
        r"\b(?:Problem|Unauthorized|Forbidden|NotFound|Conflict|Invalid|TooMany|Unavailable)\(\s*\"([a-z0-9-]+)\""
    )
    used = {
        slug
        for folder in ("services", "shared")
        for path in (ROOT / folder).rglob("*.py")
        for slug in pattern.findall(path.read_text())
    }
    documented = set(re.findall(r"^## ([a-z0-9-]+)$", (ROOT / "docs" / "problems.md").read_text(), re.MULTILINE))

    assert used - documented == set()


def test_openapi_documents_name_no_machine() -> None:
    for path in (ROOT / "docs" / "openapi").glob("*.json"):
        assert "servers" not in json.loads(path.read_text()), path


def test_every_route_that_takes_a_users_token_tells_how_it_refuses_one() -> None:
    untold = [
        f"{path.stem}: {method} {route}"
        for path in (ROOT / "docs" / "openapi").glob("*.json")
        for route, operations in json.loads(path.read_text())["paths"].items()
        for method, told in operations.items()
        if any("user" in needed for needed in told.get("security", ()))
        and "`token-expired`" not in told["responses"].get("401", {}).get("description", "")
    ]

    assert untold == []
