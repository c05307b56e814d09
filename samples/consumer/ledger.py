"""What the consumer knows: the events' effects, and the position up to which they are in, in one SQLite file.

Effect and position are written in one transaction: after a crash at any moment both are there or neither, so nothing
is lost. What comes again nevertheless (the marketplace sends at least once) is known by its id.
"""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samples.consumer.points import Points

REMEMBERED_SECONDS = 31 * 86_400
"""Longer than the topic (30 days) or the feed (14 days) can bring an event again."""
_STATES = {"InstallRequested": "pending", "AddOnInstalled": "installed", "InstallFailed": "failed"}
_TABLES = """
CREATE TABLE IF NOT EXISTS positions (source TEXT PRIMARY KEY, position TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS seen (event_id TEXT PRIMARY KEY, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
CREATE TABLE IF NOT EXISTS installs (
    installation_id TEXT PRIMARY KEY, workspace_id TEXT, addon_key TEXT, state TEXT NOT NULL, seq INTEGER NOT NULL,
    baseline INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS effects (
    n INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT, type TEXT, installation_id TEXT, seq INTEGER
);
"""


@dataclass(frozen=True)
class Event:
    """One event, from whichever source."""

    id: str
    type: str
    seq: int
    data: Mapping[str, Any]


class Ledger:
    def __init__(self, path: Path, points: Points) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._points = points
        self._database = sqlite3.connect(path, isolation_level=None)
        # FULL: a commit is on the disk before the next batch is asked for.
        self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_TABLES}")

    def position(self, source: str) -> Any:
        """Where to go on; None at the very beginning."""
        row = self._database.execute("SELECT position FROM positions WHERE source = ?", (source,)).fetchone()
        return None if row is None else json.loads(row[0])

    def store(self, source: str, events: Sequence[Event], position: Any) -> None:
        """One batch and the position after it, in one transaction."""
        self._points.reach("received")
        self._database.execute("BEGIN IMMEDIATE")
        for event in events:
            if self._is_new(event):
                self._apply(event)
            self._points.reach("begun")
        self._move(source, position)
        self._points.reach("stored")
        self._database.execute("COMMIT")
        self._points.reach("committed")

    def reconcile(self, source: str, installations: Sequence[Mapping[str, Any]], position: Any) -> None:
        """Take over how everything is, in place of events that can no longer be had, and go on from `position`."""
        self._database.execute("BEGIN IMMEDIATE")
        for one in installations:
            state = "uninstalled" if one["state"] == "UNINSTALLED" else one["outcome"]
            self._keep(one, state, one["seq"], baseline=one["seq"])
        self._move(source, position)
        self._database.execute("COMMIT")

    def _is_new(self, event: Event) -> bool:
        now = int(time.time())
        self._database.execute("DELETE FROM seen WHERE at < ?", (now - REMEMBERED_SECONDS,))
        row = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (event.id, now))
        return row.rowcount == 1

    def _apply(self, event: Event) -> None:
        """The effect: here a row of a journal, and the newest state of the installation.

        What a snapshot told has had its effect. Anything else has one, also if it comes after its successor, as an
        event does that the marketplace had to set aside.
        """
        self._keep(event.data, _STATES.get(event.type, "uninstalled"), event.seq)
        which = (event.data["installation_id"],)
        (baseline,) = self._database.execute(
            "SELECT baseline FROM installs WHERE installation_id = ?", which
        ).fetchone()
        if event.seq > baseline:
            self._database.execute(
                "INSERT INTO effects (event_id, type, installation_id, seq) VALUES (?, ?, ?, ?)",
                (event.id, event.type, event.data["installation_id"], event.seq),
            )

    def _keep(self, one: Mapping[str, Any], state: str, seq: int, *, baseline: int = 0) -> None:
        """The newest state, by `seq`. `baseline`: events up to this `seq` are in a snapshot."""
        row = (one["installation_id"], one["workspace_id"], one["addon_key"], state, seq, baseline)
        self._database.execute(
            "INSERT INTO installs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (installation_id) DO UPDATE SET"
            " state = CASE WHEN excluded.seq > seq THEN excluded.state ELSE state END, seq = max(seq, excluded.seq),"
            " baseline = max(baseline, excluded.baseline)",
            row,
        )

    def _move(self, source: str, position: Any) -> None:
        self._database.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (source, json.dumps(position)))
