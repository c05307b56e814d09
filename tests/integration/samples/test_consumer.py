"""The sample consumer on real Kafka: killed at every point, it loses nothing and doubles nothing."""

import asyncio
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from samples.consumer.ledger import Event, Ledger
from samples.consumer.points import POINTS, Points
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import AddOnInstalled, AddOnUninstalled, InstallRequested
from shared.plumbing.records import to_record
from tests.integration.samples.processes import ROOT
from tests.users import new_id
from tests.waiting import PATIENCE_SECONDS

INSTALLS = 30
STORY = (InstallRequested, AddOnInstalled, AddOnUninstalled)
Told = list[tuple[str, str, int]]


def envelope(story: type[Message], installation: str, seq: int) -> Envelope[Message]:
    now = datetime.now(UTC)
    data = story.model_validate(
        {
            "installation_id": installation,
            "workspace_id": new_id(),
            "addon_key": "timer",
            "addon_name": "Timer",
            "generation": 1,
            "user_id": new_id(),
            "occurred_at": now,
        }
    )
    return Envelope(
        id=f"{installation}:{seq}",
        source="/souk/installer",
        subject=installation,
        time=now,
        data=data,
        correlation_id="c",
        causation_id=None,
        seq=seq,
    )


@pytest.fixture
async def topic(kafka: str) -> AsyncIterator[str]:
    """A topic with a story of each install, told at least once: doubles, some of them after their successor."""
    name = f"consumer-{secrets.token_hex(4)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=1)])
    chance = random.Random(7)  # noqa: S311 - a choice of tests
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for number in range(INSTALLS):
            installation = new_id()
            told = [envelope(story, installation, seq) for seq, story in enumerate(STORY, start=1)]
            doubled = chance.choice(told)
            for one in [*told, *([doubled] * chance.randint(0, 2))]:
                record = to_record(one)
                await producer.send_and_wait(
                    name, record.value, key=record.key, headers=list(record.headers), partition=number % 3
                )
    yield name
    await admin.delete_topics([name])
    await admin.close()


def run(kafka: str, topic: str, database: Path, die_at: str = "") -> int:
    """The exit code of a consumer that catches up, and dies at a point on the way."""
    told = {"SOURCE": "kafka", "KAFKA": kafka, "TOPIC": topic, "DATABASE": str(database), "ONCE": "1", "DIE_AT": die_at}
    env = {"PATH": os.environ["PATH"]} | {f"SAMPLE_CONSUMER_{name}": value for name, value in told.items()}
    command = [sys.executable, "-m", "samples.consumer"]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, timeout=PATIENCE_SECONDS * 2, check=False)  # noqa: S603 - our own program
    assert ran.returncode in (0, -signal.SIGKILL), ran.stderr.decode()
    return ran.returncode


def effects(database: Path) -> Told:
    with sqlite3.connect(database) as opened:
        return list(opened.execute("SELECT installation_id, type, seq FROM effects ORDER BY n"))


async def test_killed_at_every_point_it_loses_and_doubles_nothing(kafka: str, topic: str, tmp_path: Path) -> None:
    database = tmp_path / "ledger.sqlite"
    deaths = [
        await asyncio.to_thread(run, kafka, topic, database, f"{point}:{time}")
        for point in POINTS
        for time in ((1, 37) if point == "begun" else (1,))
    ]
    assert await asyncio.to_thread(run, kafka, topic, database) == 0
    told = effects(database)
    assert await asyncio.to_thread(run, kafka, topic, database) == 0

    assert deaths == [-signal.SIGKILL] * 5, "each point was reached"
    assert effects(database) == told, "what is stored is not told again"
    by_install: dict[str, list[tuple[str, int]]] = {}
    for installation, kind, seq in told:
        by_install.setdefault(installation, []).append((kind, seq))
    assert len(by_install) == INSTALLS
    story = [(one.type_name(), seq) for seq, one in enumerate(STORY, start=1)]
    assert all(one == story for one in by_install.values()), "each event once, in order"


def test_an_event_that_comes_after_its_successor_has_its_effect_and_is_not_the_state(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    one = {"installation_id": "a", "workspace_id": "w", "addon_key": "timer"}
    set_aside = Event("a:2", "AddOnInstalled", 2, one)
    others = [Event("a:1", "InstallRequested", 1, one), Event("a:3", "AddOnUninstalled", 3, one)]
    Ledger(path, Points("")).store("feed", [*others, set_aside, set_aside], "cursor-1")

    assert [seq for _, _, seq in effects(path)] == [1, 3, 2]
    with sqlite3.connect(path) as opened:
        assert opened.execute("SELECT state, seq FROM installs").fetchall() == [("uninstalled", 3)]


def test_a_snapshot_holds_the_effects_of_older_events(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path, Points(""))
    one = {"installation_id": "a", "workspace_id": "w", "addon_key": "timer"}
    ledger.reconcile("feed", [{**one, "state": "INSTALLED", "outcome": "installed", "seq": 2}], "cursor-1")
    late = [Event("a:2", "AddOnInstalled", 2, one), Event("a:3", "AddOnUninstalled", 3, one)]
    ledger.store("feed", [*late, *late], "cursor-2")

    assert Ledger(path, Points("")).position("feed") == "cursor-2"
    assert effects(path) == [("a", "AddOnUninstalled", 3)]
