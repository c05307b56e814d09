"""The sample consumer beside the real marketplace, by topic and by feed, killed on the way."""

import os
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.demo.people import eventually
from deploy.local.paths import PROJECT
from tests.e2e.marketplace import INSTALLATIONS, Marketplace, SampleAddOn


def run(database: Path, **told: str) -> int:
    """The exit code of a consumer that catches up."""
    env = {"PATH": os.environ["PATH"], "SAMPLE_CONSUMER_ONCE": "1", "SAMPLE_CONSUMER_DATABASE": str(database)}
    env |= {f"SAMPLE_CONSUMER_{name}": value for name, value in told.items()}
    command = [sys.executable, "-m", "samples.consumer"]
    ran = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, timeout=120, check=False)  # noqa: S603 - our own program
    assert ran.returncode in (0, -signal.SIGKILL), ran.stderr.decode()
    return ran.returncode


def effects(database: Path, installation: str) -> list[tuple[str, int]]:
    with sqlite3.connect(database) as opened:
        which = "SELECT type, seq FROM effects WHERE installation_id = ? ORDER BY n"
        return list(opened.execute(which, (installation,)))


@pytest.fixture
def program(marketplace: Marketplace) -> str:
    """An operator's token for a program that may only read."""
    marketplace.operator.log_in()
    body = {"name": f"downstream {secrets.token_hex(4)}", "scopes": ["notifier:read"], "expires_in_days": 1}
    token: str = marketplace.operator.call("POST", "/api/auth/v1/me/tokens", json=body)["token"]
    return token


def test_topic_and_feed_tell_a_consumer_the_same_although_it_is_killed(
    marketplace: Marketplace,
    a_workspace: Callable[[], str],
    addon: SampleAddOn,
    program: str,
    tmp_path: Path,
) -> None:
    ledgers = {"kafka": tmp_path / "kafka.sqlite", "feed": tmp_path / "feed.sqlite"}
    sources = {
        "kafka": {"SOURCE": "kafka", "KAFKA": marketplace.stack.plan.kafka},
        "feed": {"SOURCE": "feed", "MARKETPLACE_URL": marketplace.url, "TOKEN": program},
    }
    for source, told in sources.items():
        assert run(ledgers[source], **told) == 0
    installed = [marketplace.install(addon, a_workspace()) for _ in range(2)]
    marketplace.admin.call("DELETE", f"{INSTALLATIONS}/{installed[0]}")
    marketplace.topics.wait("AddOnUninstalled", installation_id=installed[0])
    refused = a_workspace()
    addon.behave("refuse", workspace=refused)
    failed = marketplace.request(addon.key, refused)
    marketplace.topics.wait("InstallFailed", installation_id=failed)
    marketplace.settle()

    for source, told in sources.items():
        for point in ("begun:3", "stored:1", "committed:1"):
            assert run(ledgers[source], **told, DIE_AT=point) == -signal.SIGKILL
        assert run(ledgers[source], **told) == 0

    story = [("InstallRequested", 1), ("AddOnInstalled", 2)]
    for ledger in ledgers.values():
        assert effects(ledger, installed[0]) == [*story, ("AddOnUninstalled", 3)]
        assert effects(ledger, installed[1]) == story
        assert effects(ledger, failed) == [("InstallRequested", 1), ("InstallFailed", 2)]


def test_a_program_without_the_scope_or_the_role_reads_nothing(marketplace: Marketplace, program: str) -> None:
    feed = "/api/notifier/v1/operator/feed"
    exchanged = marketplace.operator.call("POST", "/api/auth/v1/sessions/token", json={"token": program})
    bearer = {"Authorization": f"Bearer {exchanged['access_token']}"}

    assert eventually(lambda: marketplace.admin.send("GET", feed, headers=bearer).status_code == 200, "the feed")
    assert marketplace.admin.send("GET", feed).json()["slug"] == "role-required"
    path = f"{INSTALLATIONS}?workspace={'f' * 24}"
    assert marketplace.admin.send("GET", path, headers=bearer).json()["slug"] == "scope-missing"
