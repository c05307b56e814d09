"""Where things are. Everything that running makes is below `var/` and `.venv/`."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
VAR = PROJECT / "var"
STACK = VAR  # the stack of `make up`; tests have theirs elsewhere
STAMPS = VAR / "setup"
JARS = VAR / "kafka-jars"
SETUP_LOG = VAR / "log" / "setup.log"


def venv_program(name: str) -> Path:
    return VENV / "bin" / name
