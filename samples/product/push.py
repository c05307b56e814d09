"""Tells the marketplace about every workspace, until it has accepted the newest version of each."""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass

import httpx
import structlog

from samples.product.workspaces import Workspace

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
TIMEOUT_SECONDS = 5.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Push:
    """How a push went. `status` is None if nobody answered; the marketplace ignores versions older than its own."""

    version: int
    status: int | None
    accepted: bool
    problem: str


class Directory(threading.Thread):
    """The marketplace's directory, as the product sees it.

    A thread pushes what has changed. Only the newest state counts, so a workspace that changes five times while the
    marketplace is away is pushed once.
    """

    def __init__(self, url: str, token: str, read: Callable[[str], Workspace | None]) -> None:
        super().__init__(name="directory", daemon=True)
        self._url = url
        # The marketplace runs beside the product, so no proxy of the environment is in between.
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_SECONDS, trust_env=False
        )
        self._read = read
        self._owed: set[str] = set()
        self._news = threading.Condition()
        self._has_news = self._ending = False
        self.last: dict[str, Push] = {}

    def owe(self, workspace_id: str) -> None:
        with self._news:
            self._owed.add(workspace_id)
            self._has_news = True
            self._news.notify()

    def run(self) -> None:
        pause: float | None = None
        while True:
            with self._news:
                self._news.wait_for(lambda: self._has_news or self._ending, timeout=pause)
                if self._ending:
                    return
                self._has_news = False
                owed = set(self._owed)
            for workspace_id in owed:
                self.push(workspace_id)
            pause = min((pause or FIRST_PAUSE_SECONDS / 2) * 2, LONGEST_PAUSE_SECONDS) if self._owed else None

    def push(self, workspace_id: str) -> Push:
        """Pushes the present state, now. Raises KeyError if there is no such workspace."""
        workspace = self._read(workspace_id)
        if workspace is None:
            raise KeyError(workspace_id)
        try:
            answer = self._http.put(f"{self._url}/{workspace_id}", json=workspace.pushed())
        except httpx.HTTPError as error:
            push = Push(workspace.version, None, False, type(error).__name__)
        else:
            accepted = answer.is_success
            push = Push(workspace.version, answer.status_code, accepted, "" if accepted else answer.text[:300])
        self._keep(workspace, push)
        log.info("workspace_pushed" if push.accepted else "push_failed", workspace_id=workspace_id, **asdict(push))
        return push

    def end(self) -> None:
        with self._news:
            self._ending = True
            self._news.notify()
        self.join(timeout=2 * TIMEOUT_SECONDS)
        self._http.close()

    def _keep(self, workspace: Workspace, push: Push) -> None:
        with self._news:
            last = self.last.get(workspace.id)
            if last is None or last.version <= push.version:
                self.last[workspace.id] = push
            newest = self._read(workspace.id)
            if push.accepted and newest is not None and newest.version == push.version:
                self._owed.discard(workspace.id)
