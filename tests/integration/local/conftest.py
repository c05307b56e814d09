import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from deploy.local.broker import Broker, Engine
from deploy.local.stack import Stack


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers every request with what arrived."""

    protocol_version = "HTTP/1.1"
    server: "http.server.ThreadingHTTPServer"

    def do_GET(self) -> None:
        length = len(self._body())
        seen = {
            "port": self.server.server_port,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "length": length,
        }
        self._answer(200, json.dumps(seen).encode())

    do_POST = do_PUT = do_GET  # noqa: N815 -- the library's names

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Request-Id", "the-services-own")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
        pass


class MortalServer(http.server.ThreadingHTTPServer):
    """Its open connections end with it, as those of a killed process do."""

    daemon_threads = True

    def __init__(self, port: int, handler: type[Echo]) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.connections: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A gateway that hangs up is no news."""


@contextmanager
def upstream(port: int, handler: type[Echo] = Echo) -> Iterator[MortalServer]:
    server = MortalServer(port, handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running_gateway(folder: Path, **env: str) -> Iterator[Stack]:
    """The real gateway, alone, in front of services that a test may play."""
    broker = Broker(Engine.EMBEDDED, "none is started")
    stack = Stack.create(folder, kafka=broker, free_ports=True, replicas={"notifier": 2}, env=env)
    stack.start("gateway")
    try:
        yield stack
    finally:
        stack.stop("gateway")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The gateway as it is by default."""
    with running_gateway(tmp_path_factory.mktemp("gateway")) as stack:
        yield stack
