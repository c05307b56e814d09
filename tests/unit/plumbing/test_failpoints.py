"""Places at which a process gets a signal, and that only tests can make it."""

import os
import signal
import subprocess
import sys

import pytest

from deploy.local.paths import PROJECT
from shared.plumbing import failpoints

PASSING = "from shared.plumbing import failpoints as f; [(f.reached(f.AFTER_WRITE), print(n)) for n in range(4)]"


def passed(**env: str) -> tuple[int, list[str]]:
    command = [sys.executable, "-u", "-c", PASSING]
    ran = subprocess.run(command, env={**os.environ, **env}, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603
    return ran.returncode, ran.stdout.split()


def test_the_process_is_killed_at_the_pass_that_is_named() -> None:
    assert passed(FAILPOINT="after-write:3", FAILPOINTS_ALLOWED="yes") == (-signal.SIGKILL, ["0", "1"])
    assert passed(FAILPOINT="after-write", FAILPOINTS_ALLOWED="yes") == (-signal.SIGKILL, [])


def test_another_signal_is_sent_once() -> None:
    assert passed(FAILPOINT="after-write:2:TERM", FAILPOINTS_ALLOWED="yes") == (-signal.SIGTERM, ["0"])
    command = [sys.executable, "-u", "-c", PASSING]
    env = {**os.environ, "FAILPOINT": "after-write:2:STOP", "FAILPOINTS_ALLOWED": "yes"}
    with subprocess.Popen(command, env=env, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        process.send_signal(signal.SIGCONT)
        assert process.communicate()[0].split() == ["0", "1", "2", "3"]


def test_other_places_and_none_change_nothing() -> None:
    assert passed(FAILPOINT="before-write", FAILPOINTS_ALLOWED="yes") == (0, ["0", "1", "2", "3"])
    assert passed() == (0, ["0", "1", "2", "3"])


def test_outside_of_tests_a_process_with_a_failpoint_does_not_start() -> None:
    assert passed(FAILPOINT="after-write") == (1, [])


@pytest.mark.parametrize(
    "given", ["elsewhere", "after-write:0", "after-write:x", "after-write:-1", "after-write:1:HUP"]
)
def test_what_is_no_place_is_refused(given: str) -> None:
    with pytest.raises(SystemExit, match="NAME:N"):
        failpoints.armed({"FAILPOINT": given, "FAILPOINTS_ALLOWED": "yes"})
