"""Daemons that outlive the command that started them, and are found again by pid and start time."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_LIMIT_BYTES = 20_000_000  # a log larger than this is moved aside at the next start


class StartError(Exception):
    """A program could not be started, or ended before it was ready."""


def identity(pid: int) -> str | None:
    """What tells a process from a later one with the same pid; None when it does not run (a zombie does not)."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return _identity_without_proc(pid) if not Path("/proc/self").exists() else None
    # The 20th field is the number of threads: a killed process holds its ports until the last one has ended.
    if state in "ZX" and int(rest[16]) <= 1:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{rest[18]}"  # the 22nd field of stat(5): start time in ticks since boot


def _identity_without_proc(pid: int) -> str | None:
    told = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = told.stdout.strip().partition(" ")
    return started.strip().replace(" ", "_") if started and not state.startswith("Z") else None


@dataclass(frozen=True)
class Daemon:
    """One detached program, known by its pid file."""

    name: str
    pid_file: Path
    log_file: Path

    def pid(self) -> int | None:
        """The pid while exactly the process that was started still runs."""
        try:
            number, known_as = self.pid_file.read_text().split()
            pid = int(number)
        except (FileNotFoundError, ValueError):
            return None
        return pid if identity(pid) == known_as else None

    def mark_ready(self) -> None:
        """Note that this very process was ready once."""
        self._ready_file.write_bytes(self.pid_file.read_bytes())

    def was_ready(self) -> bool:
        """Whether the process runs and was ready once; after an interrupted start it may run without."""
        noted = self._ready_file.read_bytes() if self._ready_file.exists() else b""
        return self.pid() is not None and self.pid_file.read_bytes() == noted

    @property
    def _ready_file(self) -> Path:
        return self.pid_file.with_suffix(".ready")

    def start(self, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        """Start the program in its own session, stdin closed, output appended to the log.

        Raises StartError when the program cannot be run at all.
        """
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_LIMIT_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".old.log"))
        launched = subprocess.run(
            [sys.executable, "-S", str(LAUNCHER), str(self.pid_file), str(self.log_file), *command],
            env=dict(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,  # Ctrl-C at the terminal is for us, not for what we start
        )
        if launched.returncode:
            raise StartError(f"{self.name} could not be started: {launched.stderr.strip()}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process is still the one that was started."""
        if pid := self.pid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self, seconds: float) -> bool:
        """Ask to end, wait, and kill when that takes longer than `seconds`. False when it had to be killed."""
        self.signal(signal.SIGTERM)
        in_time = self.wait(seconds)
        if not in_time:
            self.signal(signal.SIGKILL)
            self.wait(seconds)
        self.pid_file.unlink(missing_ok=True)
        return in_time

    def wait(self, seconds: float) -> bool:
        """Wait until the process has ended; False when it still runs after `seconds`."""
        end = time.monotonic() + seconds
        while self.pid():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def last_words(self, lines: int = 15) -> str:
        """The end of the log, indented, for an error message."""
        if not self.log_file.exists():
            return ""
        with self.log_file.open("rb") as log:
            log.seek(max(0, self.log_file.stat().st_size - 20_000))
            tail = log.read().decode(errors="replace").splitlines()[-lines:]
        return "\n".join(f"    {line[:400]}" for line in tail)
