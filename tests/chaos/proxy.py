"""Lines that can be slow, cut or silent: `python -m tests.chaos.proxy FRONT:TARGET...` (ports of this machine).

Each front forwards to its target. Orders come on stdin, one line of JSON each, as in
`{"front": 1234, "mode": "open", "delay": 0}`. Modes: `open`, `cut` (connections are reset, new ones too), `silent`
(they stand, and nothing arrives until it is open again); `delay` is by how many seconds each piece is late. Each order
is answered by a line. Ends with its stdin.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import uvloop

HOST = "127.0.0.1"
PIECE = 65_536
PROJECT = Path(__file__).resolve().parents[2]


class Line:
    """One front."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._cut = False
        self._delay = 0.0

    def order(self, mode: str, delay: float) -> None:
        self._delay = delay
        self._cut = mode == "cut"
        if mode == "silent":
            self._flows.clear()
        else:
            self._flows.set()
        if self._cut:
            for writer in list(self._writers):
                writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self._writers |= ends
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        except (OSError, RuntimeError):  # the loop's word on a line that was cut a moment ago
            pass
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            await self._flows.wait()
            if self._delay:
                await asyncio.sleep(self._delay)
            writer.write(piece)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()


async def main(routes: Mapping[int, int]) -> None:
    lines = {front: Line(target) for front, target in routes.items()}
    for front, line in lines.items():
        await asyncio.start_server(line.serve, HOST, front, backlog=512)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    while order := await orders.readline():
        said = json.loads(order)
        lines[said["front"]].order(said["mode"], said.get("delay", 0.0))
        sys.stdout.write("done\n")
        sys.stdout.flush()
    os._exit(0)  # what still stands has nobody to tell


class Lines:
    """The proxy's process, from outside."""

    def __init__(self, routes: Mapping[int, int]) -> None:
        pairs = [f"{front}:{target}" for front, target in routes.items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.proxy", *pairs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
        self._answer()

    def set(self, front: int, mode: str = "open", delay: float = 0.0) -> None:
        """Raises RuntimeError if the proxy is gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"front": front, "mode": mode, "delay": delay}) + "\n")
        self._process.stdin.flush()
        self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _answer(self) -> None:
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError("the proxy has ended")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main({int(front): int(target) for front, target in (one.split(":") for one in sys.argv[1:])}))
