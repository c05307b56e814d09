"""A stack of its own on free ports, with workspaces and add-ons to install."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import httpx

from deploy.local.applications import stack_secrets
from deploy.local.demo.__main__ import world_of
from deploy.local.demo.people import eventually
from deploy.local.demo.story import PROVIDER, Story
from deploy.local.demo.watch import TopicWatcher
from deploy.local.paths import PROJECT
from deploy.local.stack import Stack

WORKSPACES = 400
ADDONS = 100  # pairs of a workspace and an add-on are what a run uses up


@dataclass
class World:
    """What a run needs."""

    stack: Stack
    story: Story
    stub: "subprocess.Popen[bytes]"
    pairs: Iterator[tuple[str, str]]

    def pids(self) -> dict[str, int]:
        """The processes whose CPU is the marketplace's; gateway and samples are idle in direct runs."""
        return {name: pid for name, pid in self.stack.running().items() if name not in ("product", "addon", "mail")}


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start everything, seed it, stop everything."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stub = subprocess.Popen([sys.executable, "-m", "benchmarks.stub", str(port)], cwd=PROJECT)
    env = {
        "CATALOG_PUBLISHES_PER_MINUTE": "100000",
        "INSTALLER_CHANGES_PER_MINUTE": "1000000",  # all load is one person's
        "SOUK_LOG_LEVEL": os.environ.get("BENCH_LOG_LEVEL", "INFO"),
        "SOUK_TOPIC_PARTITIONS": "6",
    }
    stack = Stack.create(folder, kafka=os.environ.get("LOCAL_KAFKA", "apache"), free_ports=True, env=env)
    ports = stack.plan.ports
    allowed = [f"{host}:{ports[name]}" for name in ("product", "addon") for host in ("localhost", "127.0.0.1")]
    stack.plan.env["SOUK_OUTGOING_ALLOW"] = ",".join([*allowed, f"127.0.0.1:{port}"])
    try:
        stack.start()
        with TopicWatcher(stack.plan.kafka, lambda _: None) as topics:
            story = Story(world_of(stack), topics, print)
            story.publisher_signs_up()
            story.admin_comes_from_the_product()
            story.product_pushes_a_workspace()
        yield World(stack, story, stub, _seed(stack, story, port))
    finally:
        stub.terminate()
        stub.wait()
        stack.destroy()


def _seed(stack: Stack, story: Story, stub_port: int) -> Iterator[tuple[str, str]]:
    print(f"seeding {WORKSPACES} workspaces and {ADDONS} add-ons", flush=True)
    token = stack_secrets(stack.plan)["DIRECTORY_TOKEN"]
    subject = _subject(story)
    workspaces = [secrets.token_hex(12) for _ in range(WORKSPACES)]
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=20) as directory:
        for number, workspace in enumerate(workspaces):
            body = {
                "version": 1,
                "name": f"Bench {number}",
                "region": "",
                "plan": "PRO",
                "requires_two_factor": False,
                "active": True,
                "members": [{"subject": subject, "role": "owner"}],
            }
            path = f"/api/auth/v1/directory/{PROVIDER}/workspaces/{workspace}"
            directory.put(stack.plan.url("auth") + path, json=body).raise_for_status()
    keys = [f"bench-{number}" for number in range(ADDONS)]
    for key in keys:
        manifest = {
            "schemaVersion": "1.3",
            "key": key,
            "name": key,
            "minimalSubscriptionPlan": "FREE",
            "baseUrl": f"http://127.0.0.1:{stub_port}/{key}",
            "lifecycle": [{"type": "INSTALLED", "path": "/installed"}, {"type": "DELETED", "path": "/deleted"}],
        }
        story.publisher.call("POST", "/api/catalog/v1/addons", json={"manifest": manifest})

    eventually(lambda: len(story.preflight(keys[-1])) > WORKSPACES, "the seeded workspaces in preflight", 120)
    return iter([(workspace, key) for key, workspace in product(keys, workspaces)])


def _subject(story: Story) -> str:
    world = story.world
    rows = httpx.get(f"{world.product}/api/workspaces", auth=(story.admin.email, story.admin.password)).json()
    subject: str = rows[0]["members"][0]["subject"]
    return subject
