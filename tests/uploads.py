"""A client that reads while it writes; whoever writes first may lose an early answer with the connection."""

import http.client
import json
import select
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_SECONDS

PIECE = 65_536


@dataclass(frozen=True)
class EarlyAnswer:
    """What came back, perhaps before all had been sent."""

    status: int
    content_type: str
    connection: str
    document: Any


def upload(url: str, body: bytes, *, method: str = "POST", chunked: bool = False) -> EarlyAnswer:
    """Send a body that says it is JSON, piece by piece, until an answer comes."""
    address = urlsplit(url)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = (f"{method} {address.path} HTTP/1.1", f"Host: {address.netloc}", "Content-Type: application/json", length)
    left = memoryview("\r\n".join((*head, "", "")).encode() + (in_chunks(body) if chunked else body))
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE_SECONDS) as connection:
        while True:
            answered, free, _ = select.select([connection], [connection] if left else [], [], PATIENCE_SECONDS)
            if answered or not free:
                break
            try:
                left = left[connection.send(left[:PIECE], socket.MSG_DONTWAIT) :]
            except (ConnectionResetError, BrokenPipeError):
                break  # answered and closed since we looked; what was answered can still be read
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        content_type, kept = answer.getheader("Content-Type", ""), answer.getheader("Connection", "")
        return EarlyAnswer(answer.status, content_type, kept, json.loads(answer.read()))


def in_chunks(body: bytes) -> bytes:
    """As HTTP frames a body whose length it does not tell."""
    pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
