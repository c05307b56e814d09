"""Places at which a test lets a process die as if by `kill -9`: the moments between two writes that belong together.

`FAILPOINT=<name>` or `FAILPOINT=<name>:<n>` ends the process at the n-th pass of a place. It needs
`FAILPOINTS_ALLOWED=yes` beside it, which only tests set; without, the process refuses to start. Off, a place costs a
look at a constant.
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


def armed(env: Mapping[str, str]) -> tuple[str, int] | None:
    """The place and the pass at which this process dies. Raises SystemExit for what is unknown or not allowed."""
    given = env.get("FAILPOINT", "")
    if not given:
        return None
    if env.get("FAILPOINTS_ALLOWED") != "yes":
        raise SystemExit("FAILPOINT is for tests, which set FAILPOINTS_ALLOWED=yes beside it")
    name, _, count = given.partition(":")
    if name not in NAMES or not (count or "1").isdigit() or count == "0":
        raise SystemExit(f"FAILPOINT is NAME or NAME:N, N from 1, NAME one of {', '.join(NAMES)}")
    return name, int(count or 1)


_armed = armed(os.environ)
_passes = 0


def reached(name: str) -> None:
    """The process is at this place."""
    if _armed is not None:
        _pass(name, *_armed)


def _pass(name: str, wanted: str, count: int) -> None:
    global _passes  # noqa: PLW0603 - of the process, which ends by it
    if name == wanted:
        _passes += 1
        if _passes >= count:
            os.kill(os.getpid(), signal.SIGKILL)
