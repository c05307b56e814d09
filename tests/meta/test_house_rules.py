"""The house keeps its shape: sizes, names, no plumbing twice. Each guard is shown to fail."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARD_LIMIT = 300
CLIENT_LIMIT = 6_000
"""Lines of the web client's sources."""
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "base.py", "misc.py"}
EVERY_SERVICE_HAS = {"__main__.py", "main.py", "settings.py", "domain.py", "handlers.py", "api.py", "store.py"}


def too_long(root: Path) -> list[str]:
    """Source files beyond the hard limit."""
    return [
        f"{path.relative_to(root)}: {lines}"
        for folder in ("services", "shared", "deploy", "samples")
        for path in (root / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > HARD_LIMIT
    ]


def client_lines(root: Path) -> dict[str, int]:
    """Lines by source file of the web client, styles included."""
    found = [path for path in (root / "web" / "src").rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in found}


def dumping_grounds(root: Path) -> list[str]:
    """Files whose name says nothing."""
    return [str(path.relative_to(root)) for path in root.glob("s*/**/*.py") if path.name in FORBIDDEN_NAMES]


def test_no_source_file_is_longer_than_a_newcomer_reads() -> None:
    assert too_long(ROOT) == []


def test_the_size_guard_sees_a_long_file(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "long.py").write_text("x = 1\n" * (HARD_LIMIT + 1))

    assert too_long(tmp_path) == [f"services/long.py: {HARD_LIMIT + 1}"]


def test_the_web_client_stays_small() -> None:
    lines = client_lines(ROOT)

    assert 1_000 < sum(lines.values()) <= CLIENT_LIMIT
    scripts = {name: count for name, count in lines.items() if not name.endswith(".css")}
    assert {name: count for name, count in scripts.items() if count > HARD_LIMIT} == {}


def test_no_file_is_a_dumping_ground(tmp_path: Path) -> None:
    assert dumping_grounds(ROOT) == []
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "utils.py").touch()
    assert dumping_grounds(tmp_path) == ["shared/utils.py"]


@pytest.mark.parametrize("service", ["auth", "catalog", "installer", "notifier"])
def test_every_service_has_the_same_files(service: str) -> None:
    present = {path.name for path in (ROOT / "services" / service).glob("*.py")}

    assert present >= EVERY_SERVICE_HAS
