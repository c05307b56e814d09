"""A past: finished installations that must not slow the present ones."""

import random
import secrets
from datetime import timedelta
from typing import Any

from pymongo import MongoClient

BATCH = 5_000


def add_past(mongo_url: str, count: int) -> None:
    """Put `count` finished installations beside the present ones, made from one that a run left."""
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_url, tz_aware=True)
    installations = client["souk_installer"]["installations"]
    pattern = installations.find_one({"state": "INSTALLED", "outbox_since": None})
    if pattern is None:
        raise LookupError("run something first: the past is made from a finished installation")
    for name in ("live", "state_marked_at", "due_at", "lease"):
        pattern.pop(name, None)
    for begin in range(0, count, BATCH):
        batch = []
        for _ in range(min(BATCH, count - begin)):
            ago = timedelta(minutes=random.randrange(1, 500_000))
            batch.append(
                pattern
                | {
                    "_id": secrets.token_hex(12),
                    "workspace_id": f"{random.randrange(50_000):024x}",
                    "generation": random.randrange(1, 1_000_000_000),
                    "state": random.choice(("UNINSTALLED", "FAILED")),
                    "requested_at": pattern["requested_at"] - ago,
                }
            )
        installations.insert_many(batch, ordered=False)
    client.close()


class Traffic:
    """What MongoDB was asked, as it counts itself."""

    def __init__(self, mongo_url: str) -> None:
        self._client: MongoClient[dict[str, Any]] = MongoClient(mongo_url)

    def look(self) -> dict[str, int]:
        """Round trips and operations since the server began."""
        status = self._client.admin.command("serverStatus")
        counters = status["opcounters"]
        return {
            "round_trips": int(status["network"]["numRequests"]),
            **{name: int(counters[name]) for name in ("insert", "update", "query")},
        }
