"""A client of Server-Sent Events, as a browser with `fetch` would be: it reconnects where it was cut off."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import httpx

from deploy.local.demo.people import eventually
from tests.e2e.people import Caller


@dataclass(frozen=True)
class Event:
    """One event of a stream."""

    type: str
    id: str
    data: dict[str, Any]


class Follower(threading.Thread):
    """Reads one path for one person until stopped; `connections` counts the streams that it got."""

    def __init__(self, url: str, person: Caller, path: str, last_id: str = "") -> None:
        super().__init__(daemon=True)
        self.events: list[Event] = []
        self.connections = 0
        self.refused: httpx.Response | None = None
        self._url = url + path
        self._person = person
        self._last_id = last_id
        self._ending = threading.Event()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes the reader, which closing would not
        self.join(30)

    def run(self) -> None:
        while not self._ending.is_set() and self.refused is None:
            try:
                self._connect()
            except httpx.TransportError:  # cut off, or nobody there yet: again, from where it was
                self._ending.wait(0.2)

    def _connect(self) -> None:
        headers = {"Authorization": f"Bearer {self._person.token}", "Accept": "text/event-stream"}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        timeout = httpx.Timeout(10, read=20)  # a heartbeat comes every 15 s
        with httpx.stream("GET", self._url, headers=headers, timeout=timeout) as response:
            self._socket = response.extensions["network_stream"].get_extra_info("socket")
            if response.status_code in {502, 503, 504}:
                self._ending.wait(0.2)
                return
            if response.status_code != httpx.codes.OK:
                response.read()
                self.refused = response
                return
            self.connections += 1
            for event in parsed(response.iter_lines()):
                self._last_id = event.id or self._last_id
                self.events.append(event)
                if self._ending.is_set():
                    return

    def wait(self, holds: Callable[[list[Event]], Any], what: str, seconds: float = 60) -> Any:
        """Until the events so far are as wanted."""

        def look() -> Any:
            assert self.refused is None, self.refused.text
            return holds(list(self.events))

        return eventually(look, what, seconds)


def parsed(lines: Iterable[str]) -> Iterator[Event]:
    """Events from the lines of a stream; comments and pauses are left out."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            if "data" in fields:
                yield Event(fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"]))
            fields = {}
