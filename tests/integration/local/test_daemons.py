"""Real processes: started detached, found again, stopped, and left alone when they are somebody else's."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.process import Daemon, StartError
from tests.waiting import PATIENCE_SECONDS, wait_until

PATIENT = [sys.executable, "-c", "import time; print('hello', flush=True); time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon("part", tmp_path / "run" / "part.pid", tmp_path / "log" / "part.log")


def logged(daemon: Daemon, text: str) -> bool:
    return wait_until(
        lambda: daemon.log_file.exists() and text in daemon.log_file.read_text(), seconds=PATIENCE_SECONDS
    )


def test_it_runs_detached_with_closed_stdin_until_it_is_stopped(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start(PATIENT, os.environ, tmp_path)
    pid = daemon.pid()
    assert pid is not None
    assert logged(daemon, "hello")

    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path(os.devnull)
    assert daemon.stop(seconds=PATIENCE_SECONDS)
    assert daemon.pid() is None
    assert not daemon.pid_file.exists()


def test_one_that_does_not_end_is_killed_and_that_is_told(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start(DEAF, os.environ, tmp_path)
    assert logged(daemon, "deaf")

    assert not daemon.stop(seconds=0.5)
    assert daemon.pid() is None


def test_a_killed_one_is_not_found_again(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start(PATIENT, os.environ, tmp_path)

    daemon.signal(signal.SIGKILL)

    assert daemon.wait(seconds=PATIENCE_SECONDS)
    assert daemon.pid_file.exists()
    assert daemon.pid() is None


def test_a_program_that_does_not_exist_is_told(daemon: Daemon, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"part could not be started: .*no-such-program"):
        daemon.start([str(tmp_path / "no-such-program")], os.environ, tmp_path)

    assert daemon.pid() is None


def test_a_pid_file_of_an_earlier_process_protects_whoever_has_the_pid_now(daemon: Daemon, tmp_path: Path) -> None:
    """The pid is in use, by a process that started at another time."""
    with subprocess.Popen(PATIENT, stdout=subprocess.DEVNULL) as stranger:  # noqa: S603 -- our own program
        daemon.pid_file.parent.mkdir()
        daemon.pid_file.write_text(f"{stranger.pid} some-boot:12345\n")

        assert daemon.pid() is None
        daemon.signal(signal.SIGKILL)
        daemon.stop(seconds=0.2)

        assert stranger.poll() is None
        stranger.kill()


def test_a_start_that_is_interrupted_leaves_a_process_that_can_be_found(daemon: Daemon, tmp_path: Path) -> None:
    """The launcher's parent dies at once; the daemon has written its own pid file before it became the program."""
    script = (
        "import os, sys; from pathlib import Path; from deploy.local.process import Daemon;"
        f"Daemon('part', Path({str(daemon.pid_file)!r}), Path({str(daemon.log_file)!r}))"
        f".start({PATIENT!r}, os.environ, Path({str(tmp_path)!r})); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[3])  # noqa: S603 -- our own

    assert daemon.pid() is not None
    assert daemon.stop(seconds=PATIENCE_SECONDS)
