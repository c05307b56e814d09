"""The doctor of a service, run as an operator runs it: names what is wrong, mends what can be mended."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database
from tests.users import PUBLIC_URL

PROJECT = Path(__file__).parents[3]


OTHERS = {"group-empty", "group-behind"}
"""Of the groups on a broker that all tests share."""


async def doctor(
    service: str, kafka: str, mongo_url: str, database: Database, *arguments: str, **env: str
) -> tuple[int, list[str], dict[str, Any]]:
    """Exit code, the problems' names, and the whole report."""
    given = os.environ | {
        "SOUK_PUBLIC_URL": PUBLIC_URL,
        "SOUK_MONGO_URL": mongo_url,
        "SOUK_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SOUK_USERS_JWKS_URL": "http://127.0.0.1:1/jwks",
        "SOUK_TOPIC_PARTITIONS": "6",
        f"{service.upper()}_MONGO_DATABASE": database.name,
        "INSTALLER_MASTER_KEY": "A" * 43 + "=",
    }
    command = [sys.executable, "-m", f"services.{service}", "doctor", *arguments]
    ran = await asyncio.to_thread(
        subprocess.run, command, cwd=PROJECT, env=given | env, capture_output=True, text=True, check=False
    )
    assert ran.stdout, ran.stderr
    report = json.loads(ran.stdout)
    return ran.returncode, [one["problem"] for one in report["problems"]], report


async def test_problems_are_named_and_what_is_safe_is_mended(
    kafka: str, mongo_url: str, database: Database, clock: DatabaseClock
) -> None:
    where = (kafka, mongo_url, database)
    await doctor("installer", *where)  # makes the indexes, which others that had the database may not have made
    code, names, _ = await doctor("installer", *where)
    assert set(names) <= OTHERS
    assert code == bool(names)

    now = clock.now()
    await database["installations"].drop_index("failed")
    stranded = {"_id": "s", "outcome": "pending", "state": "CHECKING", "schema": 1, "version": 1, "requested_at": now}
    await database["installations"].insert_one(stranded | {"workspace_id": "w", "addon_key": "gone", "generation": 1})
    old = {"addon_key": "x", "state": "open", "since": now - timedelta(hours=2), "cause": "http-500", "version": 1}
    await database["addon_health"].insert_one(
        old | {"_id": "x", "outage": 1, "window": [], "state_marked_at": now - timedelta(hours=1)}
    )
    await database["dead_letters"].insert_one({"status": "open", "reason": "schema", "at": now})

    code, names, report = await doctor("installer", *where)
    found = {"indexes-missing", "state-unsent", "dead-letters-open", "installations-stranded", "breaker-open-long"}
    assert (code, set(names) - OTHERS) == (1, found)
    (index,) = [one for one in report["problems"] if one["problem"] == "indexes-missing"]
    assert index["evidence"] == {"made_now": ["installations.failed"]}
    assert all(one["means"] and one["mend"] and one["side"] for one in report["problems"])

    code, names, report = await doctor("installer", *where, "--fix")
    assert (code, set(names) - OTHERS) == (1, {"dead-letters-open", "breaker-open-long"}), report
    assert set(report["mended"]) == {"state-unsent", "installations-stranded"}
    woken = await database["installations"].find_one({"_id": "s"}) or {}
    assert (woken["version"], woken["due_at"] >= now) == (2, True)
    breaker = await database["addon_health"].find_one({"_id": "x"}) or {}
    assert "state_marked_at" not in breaker


async def test_an_index_that_somebody_made_otherwise_is_told(kafka: str, mongo_url: str, database: Database) -> None:
    await database["installations"].create_index("somewhere_else", name="failed")
    code, names, report = await doctor("installer", kafka, mongo_url, database)
    assert (code, set(names) - OTHERS) == (1, {"database-not-prepared"})
    assert "failed" in report["problems"][0]["evidence"]["error"]


async def test_without_kafka_database_or_key_it_says_so(kafka: str, mongo_url: str, database: Database) -> None:
    await doctor("installer", "127.0.0.1:1", mongo_url, database)  # makes the indexes, as above
    code, names, _ = await doctor("installer", "127.0.0.1:1", mongo_url, database)
    assert (code, set(names) - OTHERS) == (1, {"kafka-unreachable"})
    other = {"INSTALLER_MASTER_KEY": "B" * 43 + "="}
    code, names, _ = await doctor("installer", kafka, mongo_url, database, **other)
    assert (code, set(names) - OTHERS) == (1, {"secrets-unreadable"})
    code, names, _ = await doctor("catalog", kafka, "mongodb://127.0.0.1:1/?replicaSet=rs0", database)
    assert (code, names) == (1, ["database-unreachable"])
