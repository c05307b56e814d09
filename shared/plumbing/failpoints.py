"""Places at which a test sends a process a signal: the moments between two writes that belong together.

`FAILPOINT=<name>` kills the process (SIGKILL) at its first pass of a place, `<name>:<n>` at the n-th,
`<name>:<n>:<signal>` sends another signal: TERM or STOP. It needs `FAILPOINTS_ALLOWED=yes` beside it, which only tests
set; without, the process refuses to start. Off, a place costs a look at a constant.
"""

import os
import signal
from collections.abc import Mapping

BEFORE_WRITE, AFTER_WRITE = "before-write", "after-write"
AFTER_SENDING = "after-sending"
BEFORE_CLEARING, AFTER_CLEARING = "before-clearing", "after-clearing"
BEFORE_COMMIT = "before-commit"
BEFORE_CALL, AFTER_CALL = "before-call", "after-call"
BEFORE_MAIL, AFTER_MAIL = "before-mail", "after-mail"
NAMES = (
    *(BEFORE_WRITE, AFTER_WRITE, AFTER_SENDING, BEFORE_CLEARING, AFTER_CLEARING, BEFORE_COMMIT),
    *(BEFORE_CALL, AFTER_CALL, BEFORE_MAIL, AFTER_MAIL),
)


SIGNALS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM, "STOP": signal.SIGSTOP}


def armed(env: Mapping[str, str]) -> tuple[str, int, signal.Signals] | None:
    """Place, pass and signal that this process gets. Raises SystemExit for what is unknown or not allowed."""
    given = env.get("FAILPOINT", "")
    if not given:
        return None
    if env.get("FAILPOINTS_ALLOWED") != "yes":
        raise SystemExit("FAILPOINT is for tests, which set FAILPOINTS_ALLOWED=yes beside it")
    name, count, kind = [*given.split(":", 2), "", ""][:3]
    if name not in NAMES or not (count or "1").isdigit() or count == "0" or (kind or "KILL") not in SIGNALS:
        raise SystemExit(
            f"FAILPOINT is NAME, NAME:N or NAME:N:SIGNAL, N from 1, NAME one of {', '.join(NAMES)}, "
            f"SIGNAL one of {', '.join(SIGNALS)}"
        )
    return name, int(count or 1), SIGNALS[kind or "KILL"]


_armed = armed(os.environ)
_passes = 0


def reached(name: str) -> None:
    """The process is at this place."""
    if _armed is not None:
        _pass(name, *_armed)


def _pass(name: str, wanted: str, count: int, kind: signal.Signals) -> None:
    global _passes  # noqa: PLW0603 - of the process, which mostly ends by it
    if name == wanted:
        _passes += 1
        if _passes == count:
            os.kill(os.getpid(), kind)
