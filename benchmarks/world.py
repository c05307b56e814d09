"""A stack of its own on free ports, its people, and what they can make: workspaces and add-ons."""

import argparse
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.local.applications import stack_secrets
from deploy.local.demo.__main__ import world_of
from deploy.local.demo.people import eventually
from deploy.local.demo.story import PROVIDER, Story
from deploy.local.demo.watch import TopicWatcher
from deploy.local.paths import PROJECT
from deploy.local.stack import Stack


@dataclass
class World:
    """What measurements need."""

    stack: Stack
    story: Story
    stub: "subprocess.Popen[bytes]"
    stub_port: int
    workspaces: list[str] = field(default_factory=list)

    def pids(self) -> dict[str, int]:
        """The processes whose CPU is the marketplace's; gateway and samples are idle in direct runs."""
        return {name: pid for name, pid in self.stack.running().items() if name not in ("product", "addon", "mail")}

    def api(self, service: str, options: argparse.Namespace) -> str:
        """Where requests to a service are sent."""
        return self.stack.plan.public_url if options.gateway else self.stack.plan.url(service)

    def another_admin(self) -> Story:
        """A second admin from the product, with one workspace."""
        with TopicWatcher(self.stack.plan.kafka, lambda _: None) as topics:
            story = Story(world_of(self.stack), topics, print)
            story.admin_comes_from_the_product()
            story.product_pushes_a_workspace()
        return story

    def push_workspaces(self, story: Story, count: int, **fields: Any) -> list[str]:
        """Workspaces of the product's, owned by the story's admin. Returns their ids."""
        token, subject = stack_secrets(self.stack.plan)["DIRECTORY_TOKEN"], _subject(story)
        ids = [secrets.token_hex(12) for _ in range(count)]
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=20) as directory:
            for number, workspace in enumerate(ids):
                body = {
                    "version": 1,
                    "name": f"Bench {number}",
                    "region": "",
                    "plan": "PRO",
                    "requires_two_factor": False,
                    "active": True,
                    "members": [{"subject": subject, "role": "owner"}],
                } | fields
                path = f"/api/auth/v1/directory/{PROVIDER}/workspaces/{workspace}"
                directory.put(self.stack.plan.url("auth") + path, json=body).raise_for_status()
        return ids

    def publish(self, count: int, behaviour: str = "") -> list[str]:
        """Add-ons of the stub, which do as it says of `behaviour`. Returns their keys."""
        keys = [f"bench-{secrets.token_hex(4)}" for _ in range(count)]
        for key in keys:
            manifest = {
                "schemaVersion": "1.3",
                "key": key,
                "name": key,
                "minimalSubscriptionPlan": "FREE",
                "baseUrl": f"http://127.0.0.1:{self.stub_port}/{behaviour}{key}",
                "lifecycle": [{"type": "INSTALLED", "path": "/installed"}, {"type": "DELETED", "path": "/deleted"}],
            }
            self.story.publisher.call("POST", "/api/catalog/v1/addons", json={"manifest": manifest})
        return keys

    def await_preflight(self, story: Story, key: str, workspaces: int) -> None:
        """Until the installer knows the add-on and so many workspaces of the story's admin."""
        eventually(lambda: len(story.visit.preflight(key)) >= workspaces, "the seeded workspaces in preflight", 120)


@contextmanager
def world(folder: Path, installers: int = 1) -> Iterator[World]:
    """Start everything, let people in, stop everything."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stub = subprocess.Popen([sys.executable, "-m", "benchmarks.stub", str(port)], cwd=PROJECT)
    env = {
        "AUTH_LOG_INS_PER_MINUTE": "1000000",
        "AUTH_NETWORK_REQUESTS_PER_MINUTE": "1000000",
        "CATALOG_PUBLISHES_PER_MINUTE": "100000",
        "INSTALLER_CHANGES_PER_MINUTE": "1000000",  # all load is one person's
        "SOUK_LOG_LEVEL": os.environ.get("BENCH_LOG_LEVEL", "INFO"),
        "SOUK_TOPIC_PARTITIONS": "6",
    }
    kafka = os.environ.get("LOCAL_KAFKA", "apache")
    stack = Stack.create(folder, kafka=kafka, free_ports=True, env=env, replicas={"installer": installers})
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
        yield World(stack, story, stub, port)
    finally:
        stub.terminate()
        stub.wait()
        stack.destroy()


def _subject(story: Story) -> str:
    world = story.world
    rows = httpx.get(f"{world.product}/api/workspaces", auth=(story.admin.email, story.admin.password)).json()
    subject: str = rows[0]["members"][0]["subject"]
    return subject
