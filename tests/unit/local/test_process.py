import os
from pathlib import Path

import pytest

from deploy.local.process import Daemon, identity


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon("part", tmp_path / "part.pid", tmp_path / "part.log")


def test_a_pid_file_with_the_start_time_of_the_process_matches(daemon: Daemon) -> None:
    daemon.pid_file.write_text(f"{os.getpid()} {identity(os.getpid())}\n")

    assert daemon.pid() == os.getpid()


def test_a_process_that_took_over_the_pid_does_not_match(daemon: Daemon) -> None:
    daemon.pid_file.write_text(f"{os.getpid()} {identity(1)}\n")

    assert daemon.pid() is None


def test_a_process_that_does_not_match_is_never_touched(daemon: Daemon) -> None:
    """Were it signalled, it would be this very test."""
    daemon.pid_file.write_text(f"{os.getpid()} another-boot:1\n")

    assert daemon.stop(seconds=0.1)
    assert not daemon.pid_file.exists()


@pytest.mark.parametrize("content", ["", "nonsense", "12", "x y"])
def test_a_broken_pid_file_means_that_nothing_runs(daemon: Daemon, content: str) -> None:
    daemon.pid_file.write_text(content)

    assert daemon.pid() is None


def test_no_pid_file_means_that_nothing_runs(daemon: Daemon) -> None:
    assert daemon.pid() is None


def test_a_pid_that_nobody_has_has_no_identity() -> None:
    assert identity(2**22 + 1) is None


def test_an_identity_stays_the_same() -> None:
    assert identity(os.getpid()) == identity(os.getpid()) is not None


def test_the_last_words_are_the_end_of_the_log(daemon: Daemon) -> None:
    daemon.log_file.write_text("\n".join(f"line {number}" for number in range(100)))

    assert daemon.last_words(lines=2) == "    line 98\n    line 99"
