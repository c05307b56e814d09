"""Preflight for a caller who administers 500 workspaces: some locked, some in a region, some with the add-on."""

import argparse
import secrets
from typing import Any

import aiohttp
import uvloop

from benchmarks.requests import repeat, report
from benchmarks.usage import measure, spent
from benchmarks.world import World
from deploy.local.demo.people import eventually

WORKSPACES = 500
INSTALLED = 25
PARTS = ("installer", "mongo")
PATH = "/api/installer/v1/preflight"


def measured(made: World, options: argparse.Namespace) -> dict[str, Any]:
    """One at a time, and four in flight; over HTTP, from real MongoDB."""
    story = made.another_admin()  # who has one workspace already
    locked = made.push_workspaces(story, 100, requires_two_factor=True)
    regional = made.push_workspaces(story, 150, region="eu")
    plain = made.push_workspaces(story, WORKSPACES - len(locked) - len(regional) - 1)
    (key,) = made.publish(1)
    made.await_preflight(story, key, WORKSPACES)
    for workspace in plain[:INSTALLED]:
        body = {"workspace_id": workspace, "addon_key": key}
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        story.admin.call("POST", "/api/installer/v1/installations", json=body, headers=headers)
    eventually(
        lambda: sum(bool(row["installation"]) for row in story.visit.preflight(key)) == INSTALLED, "the installations"
    )
    sizes = set()
    url = made.api("installer", options) + PATH

    async def look(session: aiohttp.ClientSession) -> None:
        async with session.get(url, params={"addon": key}) as answer:
            sizes.add((answer.status, len(await answer.read())))

    rows = []
    for flights in (1, 4) * options.rounds:
        story.admin.log_in()
        headers = {"Authorization": f"Bearer {story.admin.token}"}
        before = measure(made.pids())
        answers = uvloop.run(repeat(look, flights=flights, seconds=options.seconds, headers=headers))
        rows.append(answers.row(str(flights), spent(before, measure(made.pids())), PARTS))
    ((status, size),) = sizes
    print(f"{WORKSPACES} workspaces, answers of status {status} and {size / 1000:.0f} kB")
    print(report(rows, PARTS))
    story.close()
    return {"rows": rows}
