"""How a run is shared out among workers, as in `pytest -n 4`."""

import os
import shutil
import tempfile
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

from deploy.local import ports
from deploy.local.plan import Plan
from deploy.local.stack import Stack

RUN_FOLDER = "TEST_RUN_FOLDER"  # the variable by which a run tells its workers
END_TO_END = "tests/e2e/"
# The longest ways, each with a stack of its own, so they begin together. More stacks cost more than they save.
# A consumer with no protection of its own must not meet what `test_bad_records` puts on the topics.
ON_ONE_STACK = {
    "rows": ("test_rows_", "test_agreement", "test_consumer"),
    # All of these are slow ones, so `make test` starts no stack for them.
    "screens": tuple(
        f"web/test_{one}" for one in ("addresses", "answers", "flows", "keyboard", "looks", "maintenance", "texts")
    ),
}


class Files(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no type information
    """Gives each file to one worker, and to one worker all end-to-end tests that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return stack_of(file.removeprefix(END_TO_END)) if file.startswith(END_TO_END) else file


def stack_of(file: str) -> str:
    """Which end-to-end tests this file shares a stack with."""
    names = (name for name, beginnings in ON_ONE_STACK.items() if file.startswith(beginnings))
    return END_TO_END + next(names, "story")


def begin() -> None:
    """Called in each process of a run: the one that controls the workers, or the only one, and each worker."""
    if number := os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"):
        count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        # What one worker has chosen and not yet taken, no other worker chooses.
        ports.FREE_RANGE = ports.FREE_RANGE[int(number) :: count]
    else:
        os.environ[RUN_FOLDER] = tempfile.mkdtemp(prefix="souk-tests-")


def end() -> None:
    """Whoever made the folder of the run ends what interrupted workers have left in it, and deletes it."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    folder = Path(os.environ.pop(RUN_FOLDER))
    for saved in folder.glob("*/stack.json"):
        if plan := Plan.saved(saved.parent):
            Stack(plan).destroy()
    shutil.rmtree(folder)
