"""Who is there: a publisher with add-ons, and admins with workspaces of the product's."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from deploy.local.applications import stack_secrets
from deploy.local.demo.__main__ import world_of
from deploy.local.demo.people import Person, eventually
from deploy.local.demo.story import PROVIDER, Story
from deploy.local.demo.watch import TopicWatcher
from deploy.local.stack import Stack
from tests.chaos.addons import AddOns


@dataclass(frozen=True)
class Admin:
    """Somebody who installs."""

    person: Person
    user_id: str
    workspaces: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """`addons` are keys, in the order of their ports."""

    admins: tuple[Admin, ...]
    addons: tuple[str, ...]
    operator: Person


def people(stack: Stack, addons: AddOns, admins: int, workspaces: int) -> World:
    """Let everybody in, and wait until the installer knows all of it. `workspaces` is the number of each admin."""
    with TopicWatcher(stack.plan.kafka, lambda _: None) as topics:
        first = Story(world_of(stack), topics, lambda _: None)
        first.publisher_signs_up()
        stories = [first, *(Story(world_of(stack), topics, lambda _: None) for _ in range(admins - 1))]
        for story in stories:
            story.admin_comes_from_the_product()
            story.product_pushes_a_workspace()
    keys = tuple(f"chaos-{secrets.token_hex(4)}" for _ in addons.ports)
    for port, key in zip(addons.ports, keys, strict=True):
        first.publisher.call("POST", "/api/catalog/v1/addons", json={"manifest": addons.manifest(port, key)})
    made = tuple(_admin(stack, story, workspaces) for story in stories)
    for story in stories:
        for key in keys:
            known = partial(_knows, story, key, workspaces)
            eventually(known, f"{workspaces} workspaces in the preflight of {key}", 120)
    assert not (made_operator := stack.run("auth", "operator", first.publisher.email)).returncode, made_operator.stderr
    return World(made, keys, first.publisher)


def _knows(story: Story, key: str, workspaces: int) -> bool:
    return len(story.visit.preflight(key)) > workspaces


def _admin(stack: Stack, story: Story, workspaces: int) -> Admin:
    return Admin(
        person=story.admin,
        user_id=story.admin.call("GET", "/api/auth/v1/me")["id"],
        workspaces=tuple(_pushed(stack, _subject(story), workspaces)),
    )


def _pushed(stack: Stack, subject: str, count: int) -> Sequence[str]:
    ids = [secrets.token_hex(12) for _ in range(count)]
    token = stack_secrets(stack.plan)["DIRECTORY_TOKEN"]
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=20) as directory:
        for number, workspace in enumerate(ids):
            body: dict[str, Any] = {"version": 1, "name": f"Room {number}", "region": "", "plan": "PRO", "active": True}
            body |= {"requires_two_factor": False, "members": [{"subject": subject, "role": "owner"}]}
            path = f"/api/auth/v1/directory/{PROVIDER}/workspaces/{workspace}"
            directory.put(stack.plan.public_url + path, json=body).raise_for_status()
    return ids


def _subject(story: Story) -> str:
    """How the product names the admin."""
    rows = httpx.get(f"{story.world.product}/api/workspaces", auth=(story.admin.email, story.admin.password)).json()
    subject: str = rows[0]["members"][0]["subject"]
    return subject
