"""The pages that promise something name tests that exist, for every promise, and numbers that the code has."""

import ast
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

from services.notifier import api_downstream
from services.notifier.domain import FEED_KEPT
from shared.contracts import topics
from shared.plumbing.state_relay import TOMBSTONE_AFTER
from tests.chaos.checker import RULES

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("delivery-contract.md", "complaints.md")
_EVIDENCE = re.compile(r"\[`(\w+)`\]\(([^)]+)\)")
_PAGE_MOST = re.search(r"le=(\d+)", inspect.getsource(api_downstream.downstream_router))
NUMBERS = (
    f"on the topic for {topics.EVENT_RETENTION.days} days",
    f"in the feed for {FEED_KEPT.days} days",
    f"follows after {TOMBSTONE_AFTER.days} days",
    f"pages of at most {_PAGE_MOST and _PAGE_MOST[1]}",
)


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the tests in a module."""
    tree = ast.parse(path.read_text()) if path.exists() else ast.parse("")
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def unfounded(text: str, folder: Path) -> list[str]:
    """Rows of tables that name no test, and names of tests that there are not."""
    rows = [
        line for line in text.splitlines() if line.startswith("| ") and "seen in" not in line and "| here" not in line
    ]
    empty = [row for row in rows if not _EVIDENCE.search(row)]
    missing = [f"{path}: {name}" for name, path in _EVIDENCE.findall(text) if name not in names_in(folder / path)]
    return empty + missing


@pytest.mark.parametrize("page", PAGES)
def test_every_promise_names_tests_that_exist(page: str) -> None:
    text = (DOCS / page).read_text()

    assert len(_EVIDENCE.findall(text)) > 20
    assert unfounded(text, DOCS) == []


def test_what_holds_whatever_fails_is_what_the_checker_of_chaos_checks() -> None:
    text = (DOCS / "delivery-contract.md").read_text()
    table = text.partition("## What holds whatever fails")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ") and "| rules |" not in line]
    named = [re.findall(r"\*([a-z ]+)\*", rules) for _, rules, _ in rows]

    assert all(named)
    assert {name for names in named for name in names} <= {name.replace("_", " ") for name in RULES}


def test_the_numbers_are_those_of_the_code() -> None:
    text = " ".join((DOCS / "delivery-contract.md").read_text().split())

    assert [number for number in NUMBERS if number not in text] == []


def test_a_promise_without_a_test_is_seen() -> None:
    told = "| nothing is lost | believe us |\n| more | [`test_no_such`](../tests/meta/test_promises.py) |\n"

    assert unfounded(told, DOCS) == ["| nothing is lost | believe us |", "../tests/meta/test_promises.py: test_no_such"]
