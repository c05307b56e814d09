"""The virtual environment with the hashed dependencies. A stamp, written last, says that it is complete."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local.paths import PROJECT, SETUP_LOG, STAMPS, VENV, venv_program
from deploy.local.process import StartError
from deploy.local.waiting import progress, run_logged, say

REQUIREMENTS = PROJECT / "requirements" / "dev.txt"
INSTALL_SECONDS = 1800.0  # a slow line, a few hundred megabytes


def ensure(requirements: Path = REQUIREMENTS, venv: Path = VENV, stamps: Path = STAMPS) -> None:
    """Make the environment, or complete one whose making was interrupted.

    Raises StartError with the place of the log when a step fails.
    """
    stamp = stamps / "environment"
    if _works(venv) and stamp.exists() and stamp.read_text() == _wanted(requirements):
        return
    python = str(venv / "bin" / "python")
    if not _works(venv):
        run_step(f"making {venv.name}", [sys.executable, "-m", "venv", "--clear", str(venv)])
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    options = ["-r", str(requirements)]
    uv = shutil.which("uv")
    with_uv = [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", *options] if uv else []
    if with_uv:
        with progress(f"installing {requirements.name} with uv"):
            failure = run_logged(with_uv, SETUP_LOG, INSTALL_SECONDS)
        if failure:  # uv knows nothing of pip's configuration, such as a mirror or a folder of wheels
            say(f"  uv could not ({failure}); pip tries")
    if not with_uv or failure:
        run_step(f"installing {requirements.name} with pip", [*pip, *options])
    stamps.mkdir(parents=True, exist_ok=True)
    stamp.write_text(_wanted(requirements))


def _wanted(requirements: Path) -> str:
    return f"{sys.version_info[:2]} {hashlib.sha256(requirements.read_bytes()).hexdigest()}\n"


def _works(venv: Path) -> bool:
    """Whether the environment has a Python that runs and a pip; an interrupted or moved one has not."""
    try:
        ran = subprocess.run([venv / "bin" / "python", "-m", "pip", "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return ran.returncode == 0


def run_step(doing: str, command: list[str]) -> None:
    """A step of setting up, into the log. Raises StartError with the end of it."""
    with progress(doing):
        failure = run_logged(command, SETUP_LOG, INSTALL_SECONDS)
    if failure:
        last = "\n".join(f"    {line}" for line in SETUP_LOG.read_text().splitlines()[-8:])
        raise StartError(f"{doing}: {failure}\n{last}")


def program(name: str) -> str:
    """A program from the environment, else from the PATH."""
    inside = venv_program(name)
    found = str(inside) if inside.exists() else shutil.which(name)
    if not found:
        raise StartError(f"{name} is neither in {VENV.name} nor on the PATH; `make up` sets up first")
    return found
