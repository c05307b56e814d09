"""A service's commands, as an operator or a script of hers runs them."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from shared.plumbing.mongo import Database
from tests.users import PUBLIC_URL

PROJECT = Path(__file__).parents[3]


async def test_what_a_command_prints_is_json_and_its_log_stands_apart(
    kafka: str, mongo_url: str, database: Database
) -> None:
    env = os.environ | {
        "SOUK_PUBLIC_URL": PUBLIC_URL,
        "SOUK_MONGO_URL": mongo_url,
        "SOUK_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SOUK_USERS_JWKS_URL": "http://127.0.0.1:1/jwks",
        "CATALOG_MONGO_DATABASE": database.name,
    }
    command = [sys.executable, "-m", "services.catalog", "resend-state"]  # which waits until it has reached Kafka

    ran = await asyncio.to_thread(
        subprocess.run, command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"sent": 0}
    (line,) = ran.stderr.splitlines()
    assert "producer_connected" in line
