"""Become a daemon: `launch.py PID_FILE LOG_FILE PROGRAM [ARGUMENT...]`.

The child writes its own pid file before it becomes the program, so that a start which is interrupted at any moment
leaves either no process or one that can be found again. Run as a script, so it imports nothing of ours at the top.
"""

import os
import signal
import sys
from pathlib import Path


def main(pid_file: str, log_file: str, *command: str) -> None:
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        # The pipe closes by itself when the child has become the program; only a failure is written to it.
        if failure := os.fdopen(reader).read():
            sys.exit(failure)
        return
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDONLY)
        log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for source, target in ((nowhere, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        write_pid_file(Path(pid_file))
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and a program would inherit that
        os.execvp(command[0], command)  # noqa: S606 -- no shell is wanted
    except OSError as error:
        Path(pid_file).unlink(missing_ok=True)
        os.write(writer, f"{command[0]}: {error}".encode())
        os._exit(1)


def write_pid_file(pid_file: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from deploy.local.process import identity  # noqa: PLC0415 -- a script has no package around it

    pid = os.getpid()
    part = pid_file.with_suffix(".part")
    part.write_text(f"{pid} {identity(pid)}\n")
    part.replace(pid_file)


if __name__ == "__main__":
    main(*sys.argv[1:])
