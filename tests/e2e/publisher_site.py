"""A web server of a publisher's, which serves what a test tells it to and keeps what it receives."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


Answer = Callable[["Handler"], None]


@dataclass
class Site:
    """What is served at which path; 404 elsewhere."""

    url: str
    pages: dict[str, Answer] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    def to(self, path: str) -> list[Received]:
        return [one for one in self.received if one.path == path]


class Handler(BaseHTTPRequestHandler):
    """Looks the page up in the site."""

    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.site.received.append(Received(self.path, headers, body))
        answer = self.site.pages.get(self.path, says(404, b"nothing here", "text/plain"))
        with suppress(ConnectionError):  # whoever asks may read less than it is given
            answer(self)

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass


def says(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> Answer:
    """An answer with this body."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def pours(megabytes: int) -> Answer:
    """A JSON text of that size."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(megabytes * 1_000_000))
        handler.end_headers()
        for _ in range(megabytes):
            handler.wfile.write(b" " * 1_000_000)

    return answer


@contextmanager
def publisher_site() -> Iterator[Site]:
    """A site on a free port of this machine."""

    class Bound(Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    Bound.site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    try:
        yield Bound.site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
