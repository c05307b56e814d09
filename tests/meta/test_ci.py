"""What a fresh machine runs: in which order, and that nothing fails unnoticed. `make` is played here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ORDER = ["apache test", "lint", "types", "client", "apache demo", "down", "embedded demo", "down"]
MAKE = """\
#!/bin/sh
step="${LOCAL_KAFKA:+$LOCAL_KAFKA }$1"
echo "$step" >>"$STEPS"
case "$1" in
  test) printf 'dots\\n=== short test summary info ===\\nSKIPPED [1] why\\n7 passed\\n' ;;
  *) echo "output of $step" ;;
esac
[ "$step" != "$FAILING" ]
"""
OTHERS = {
    **dict.fromkeys(("java", "mvn", "node", "npm", "chromium"), "exit 0"),
    "ldconfig": "echo 'libcurl.so.4 (libc6)'",
}


def run(folder: Path, failing: str = "") -> tuple[int, list[str], list[str]]:
    """The status, the steps that were taken, and the lines of the output."""
    commands = folder / "bin"
    commands.mkdir()
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    for name, script in {"make": MAKE, **{name: f"#!/bin/sh\n{line}\n" for name, line in OTHERS.items()}}.items():
        (commands / name).write_text(script)
        (commands / name).chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LOCAL_", "MAKE"))}
    env |= {"PATH": f"{commands}:{env['PATH']}", "STEPS": str(folder / "steps"), "FAILING": failing}
    ran = subprocess.run([folder / ".ci" / "run"], env=env, capture_output=True, text=True, check=False)  # noqa: S603 -- ours
    return ran.returncode, (folder / "steps").read_text().splitlines(), ran.stdout.splitlines()


def test_everything_runs_in_its_order_and_the_summary_of_the_tests_comes_last(tmp_path: Path) -> None:
    status, steps, output = run(tmp_path)

    assert status == 0
    assert steps == ORDER
    assert output[-4:] == ["output of down", "=== short test summary info ===", "SKIPPED [1] why", "7 passed"]


@pytest.mark.parametrize("failing", dict.fromkeys(ORDER))
def test_a_step_that_fails_fails_all_and_leaves_nothing_running(tmp_path: Path, failing: str) -> None:
    status, steps, output = run(tmp_path, failing)

    assert status != 0
    assert steps == [*ORDER[: ORDER.index(failing) + 1], "down"]
    assert output[-1] == "7 passed"
