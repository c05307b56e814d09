"""The web client, built: its packages fetched by npm, and its files made, when a source has changed since.

A stamp, written last, says that the build is complete. Raises StartError with the place of the log when a step fails.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.local.environment import run_step
from deploy.local.paths import PROJECT, STAMPS

SOURCE = PROJECT / "web"
BUILT = SOURCE / "dist"
NODE = (20, 19)
"""What Vite asks for."""
_MADE = ("node_modules", "dist", "generated")


def ensure() -> None:
    """Fetch and build what is not there, or not new."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    with (STAMPS / "web.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a test run beside a demo
        packages = _digest([SOURCE / "package-lock.json", SOURCE / ".npmrc"])
        if not _stands("web-packages", packages, SOURCE / "node_modules"):
            run_step("fetching the packages of the web client", ["npm", "ci", "--no-progress", "--prefix", str(SOURCE)])
            (STAMPS / "web-packages").write_text(packages)
        sources = packages + _digest(_sources())
        if not _stands("web", sources, BUILT):
            run_step("building the web client", ["npm", "run", "build", "--prefix", str(SOURCE)])
            (STAMPS / "web").write_text(sources)


def node_version() -> tuple[int, ...]:
    """Of the Node on the PATH; empty without one."""
    if not shutil.which("node") or not shutil.which("npm"):
        return ()
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(map(int, re.findall(r"\d+", told)[:2]))


def _stands(stamp: str, wanted: str, made: Path) -> bool:
    file = STAMPS / stamp
    return made.is_dir() and file.exists() and file.read_text() == wanted


def _sources() -> Iterator[Path]:
    for top in sorted(SOURCE.iterdir()):
        if top.name not in _MADE:
            yield from (path for path in sorted([top, *top.rglob("*")]) if path.is_file())
    yield from sorted((PROJECT / "docs" / "openapi").glob("*.json"))


def _digest(files: Iterator[Path] | list[Path]) -> str:
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(PROJECT)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()
