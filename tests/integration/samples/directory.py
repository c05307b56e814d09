"""A marketplace as the sample product sees one: the directory that workspaces are pushed to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.waiting import PATIENCE_SECONDS


@dataclass
class Directory:
    url: str = ""
    status: int = 200  # what it answers
    received: list[tuple[str, str | None, dict[str, Any]]] = field(default_factory=list)  # path, authorization, body
    came: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, workspace_id: str, version: int) -> dict[str, Any]:
        """The pushed body, once that version has come and been accepted."""

        def found() -> dict[str, Any] | None:
            if self.status != 200:
                return None
            bodies = (body for path, _, body in self.received if path.endswith(workspace_id))
            return next((body for body in bodies if body["version"] == version), None)

        with self.came:
            assert self.came.wait_for(found, timeout=PATIENCE_SECONDS), f"version {version} did not come"
            body = found()
        assert body
        return body


@contextmanager
def served(directory: Directory) -> Iterator[Directory]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with directory.came:
                directory.received.append((self.path, self.headers.get("Authorization"), body))
                directory.came.notify_all()
                status = directory.status
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    directory.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield directory
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
