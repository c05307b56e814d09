"""`python -m benchmarks.stub PORT`: an add-on that answers 200 at once, as cheaply as Python can.

Below `/hanging/` it never answers, below `/slow/` after seconds.

Its CPU is part of the machine's load but none of the marketplace's, so it speaks just enough HTTP/1.1.
"""

import asyncio
import sys

import uvloop

SLOW_SECONDS = 4.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class AddOn(asyncio.Protocol):
    """Answers each complete request on a kept-alive connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._pending = b""

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (head_end := self._pending.find(b"\r\n\r\n")) >= 0:
            length = 0
            for line in self._pending[:head_end].split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(self._pending) < head_end + 4 + length:
                return
            path = self._pending.split(b" ", 2)[1]
            self._pending = self._pending[head_end + 4 + length :]
            if path.startswith(b"/slow/"):
                asyncio.get_running_loop().call_later(SLOW_SECONDS, self._answer)
            elif not path.startswith(b"/hanging/"):
                self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)  # type: ignore[attr-defined] # a TCP transport writes


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(AddOn, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
