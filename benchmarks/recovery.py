"""After a kill and after an outage: how soon others go on with a dead process's work, and how a backlog drains."""

import argparse
import secrets
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
from pymongo import MongoClient

from benchmarks.figures import spread
from benchmarks.world import World, world
from shared.contracts.envelope import Envelope
from shared.contracts.installer import InstallRequested
from shared.plumbing.outbox import stored

IN_FLIGHT = 60
BACKLOG = 100_000
BATCH = 5_000
PATIENCE_SECONDS = 60.0


def killed(options: argparse.Namespace) -> dict[str, Any]:
    """Kill one of two installers amid calls: seconds until each of its installations goes on, at default settings."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="souk-bench-") as folder, world(Path(folder) / "stack", 2) as made:
        made.workspaces = made.push_workspaces(made.story, IN_FLIGHT)
        for _ in range(options.rounds):
            rows.append(_kill(made, "installer-2"))
            print(rows[-1], flush=True)
            made.stack.start("installer-2")
    print(f"\nslowest of a round to go on, s: {spread(rows, 'slowest_s', 1)}")
    return {"rows": rows}


def _kill(made: World, name: str) -> dict[str, Any]:
    (key,) = made.publish(1, "slow/")
    made.await_preflight(made.story, key, IN_FLIGHT)
    made.story.admin.log_in()
    with MongoClient[dict[str, Any]](made.stack.plan.mongo_url, tz_aware=True) as client:
        installations = client["souk_installer"]["installations"]
        _ask(made, key)
        until = time.monotonic() + PATIENCE_SECONDS
        while not _flying(installations, key) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1.0)  # calls last four seconds, so all are amid theirs
        made.stack.kill(name)
        dead_at, left, seconds = time.monotonic(), _flying(installations, key), []
        begun = len(left)
        while left and time.monotonic() < dead_at + PATIENCE_SECONDS:
            now = {
                one["_id"]: one["version"] for one in installations.find({"_id": {"$in": list(left)}}, {"version": 1})
            }
            for one in [one for one, version in left.items() if now[one] > version]:
                del left[one]
                seconds.append(time.monotonic() - dead_at)
            time.sleep(0.05)
    return {"amid calls": begun, "never": len(left), "slowest_s": max(seconds)}


def _ask(made: World, key: str) -> None:
    url = f"{made.stack.plan.public_url}/api/installer/v1/installations"
    bearer = {"Authorization": f"Bearer {made.story.admin.token}"}
    with httpx.Client(headers=bearer, timeout=20) as client:
        for workspace in made.workspaces:
            body = {"workspace_id": workspace, "addon_key": key, "acknowledge": ["region"]}
            client.post(url, json=body, headers={"Idempotency-Key": secrets.token_hex(8)}).raise_for_status()


def _flying(installations: Any, key: str) -> dict[str, int]:
    """Versions of what is amid a call."""
    which = {"addon_key": key, "flight": {"$exists": True}}
    return {one["_id"]: one["version"] for one in installations.find(which, {"version": 1})}


def backlog(_: argparse.Namespace) -> dict[str, Any]:
    """Events that no process has sent: how fast one sends them, and how its memory grows."""
    with tempfile.TemporaryDirectory(prefix="souk-bench-") as folder, world(Path(folder) / "stack") as made:
        made.stack.stop("installer")
        with MongoClient[dict[str, Any]](made.stack.plan.mongo_url, tz_aware=True) as client:
            installations = client["souk_installer"]["installations"]
            for _batch in range(0, BACKLOG, BATCH):
                installations.insert_many([_unsent() for _one in range(BATCH)])
            made.stack.start("installer")
            began, memory = time.monotonic(), []
            process = psutil.Process(made.stack.running()["installer"])
            while left := installations.count_documents({"outbox_since": {"$type": "date"}}):
                memory.append(process.memory_info().rss / 1e6)
                print(f"{time.monotonic() - began:6.1f} s  {left:7} unsent  {memory[-1]:.0f} MB", flush=True)
                time.sleep(1)
            seconds = time.monotonic() - began
    told = {"events": BACKLOG, "seconds": round(seconds, 1), "a_second": round(BACKLOG / seconds)}
    told |= {"memory_at_first_mb": round(memory[0]), "memory_at_most_mb": round(max(memory))}
    print(told)
    return told


def _unsent() -> dict[str, Any]:
    """As an ended installation whose event was left behind."""
    one, workspace, long_ago = secrets.token_hex(12), secrets.token_hex(12), datetime.now(UTC) - timedelta(hours=1)
    event = InstallRequested(
        installation_id=one,
        workspace_id=workspace,
        addon_key="gone",
        generation=1,
        user_id="0" * 24,
        occurred_at=long_ago,
    )
    envelope = Envelope(
        id=f"{one}:1",
        source="/souk/installer",
        subject=one,
        time=long_ago,
        data=event,
        correlation_id=one,
        causation_id=None,
        seq=1,
    )
    return {
        "_id": one,
        "workspace_id": workspace,
        "addon_key": "gone",
        "generation": 1,
        "state": "FAILED",
        "outcome": "failed",
        "cleanup": "none",
        "schema": 1,
        "version": 1,
        "seq": 1,
        "outbox": [stored(envelope)],
        "outbox_since": long_ago,
    }
