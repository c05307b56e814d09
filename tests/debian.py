"""Programs that some tests run, from the PATH: brought by root on Debian, asked for elsewhere."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

INSTALL_SECONDS = 900


def program(name: str, package: str) -> str:
    """Where it is. Fails the test with the command that brings it, if this machine lacks it."""
    found = bring(name, package)
    if not found:
        pytest.fail(f"This test needs {name}. On Debian or Ubuntu: sudo apt-get install -y {package}")
    return found


def bring(name: str, package: str) -> str | None:
    """Where it is now, installed if need be and if this is Debian and we are root; None if it cannot be had."""
    apt_get = shutil.which("apt-get")
    if shutil.which(name) or os.geteuid() != 0 or not apt_get:
        return shutil.which(name)
    with (Path(tempfile.gettempdir()) / "souk-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of a run may want the same
        if not shutil.which(name):
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for command in ("update -qq", f"install -y -qq --no-install-recommends {package}"):
                subprocess.run(  # noqa: S603 -- from the PATH
                    [apt_get, *command.split()], env=env, capture_output=True, timeout=INSTALL_SECONDS, check=False
                )
    return shutil.which(name)
