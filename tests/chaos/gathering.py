"""Waits until all is quiet, and gathers the evidence."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import MongoClient

from deploy.local.demo.people import Person
from deploy.local.stack import Stack
from shared.contracts.topics import (
    AUTH_USERS,
    INSTALLER_INSTALLATION_STATE,
    INSTALLER_INSTALLATIONS,
    INSTALLER_WORKSPACE_CHECKS,
)
from tests.chaos.evidence import Call, Evidence, Mail, Shown, Told
from tests.chaos.load import Load
from tests.chaos.world import World
from tests.e2e.topics import behind

SERVICES = ("auth", "catalog", "installer", "notifier")
LOOK_SECONDS = 2.0
TIMER_GRACE = timedelta(seconds=10)
EVENT_TOPICS = [one.name for one in (INSTALLER_INSTALLATIONS, INSTALLER_WORKSPACE_CHECKS, AUTH_USERS)]
_LINK = re.compile(r"/installations/([0-9a-f]{24})")
_REST = re.compile(r"^And (\d+) more, which", re.MULTILINE)
_READ = (
    *("workspace_id", "addon_key", "user_id", "generation", "state", "outcome", "cleanup", "gave_up", "live", "seq"),
    *("due_at", "waiting_for", "until", "reason", "outbox.id", "version", "history", "flight", "call"),
    "state_marked_at",
)


class Database:
    """The documents themselves."""

    def __init__(self, url: str) -> None:
        self._client: MongoClient[dict[str, Any]] = MongoClient(url, serverSelectionTimeoutMS=20_000, tz_aware=True)

    def close(self) -> None:
        self._client.close()

    def unfinished(self) -> dict[str, int]:
        """What has still to come, in words; empty when nothing has."""
        installations, notifier = self._client.souk_installer.installations, self._client.souk_notifier
        found = {
            "pending": installations.count_documents({"outcome": "pending"}),
            "clean-up owed": installations.count_documents({"cleanup": "owed"}),
            "calls": installations.count_documents({"call": {"$exists": True}}),
            "overdue timers": installations.count_documents({"due_at": {"$lt": datetime.now(UTC) - TIMER_GRACE}}),
            "untold states": installations.count_documents({"state_marked_at": {"$type": "date"}}),
            "unsent events": installations.count_documents({"outbox_since": {"$type": "date"}}),
            "results to be mailed": notifier.results.count_documents({"pending": True}),
            "mails to be sent": notifier.mails.count_documents({"due_at": {"$type": "date"}}),
        }
        return {name: count for name, count in found.items() if count}

    def installations(self) -> list[Mapping[str, Any]]:
        return list(self._client.souk_installer.installations.find({}, dict.fromkeys(_READ, 1)))

    def dead_letters(self) -> list[str]:
        found = []
        for service in SERVICES:
            for one in self._client[f"souk_{service}"].dead_letters.find():
                place = f"{one.get('topic')}:{one.get('partition')}:{one.get('offset')}"
                found.append(f"{service} {one.get('reason')} {place}")
        return found


async def quiet(stack: Stack, database: Database, seconds: float) -> dict[str, int]:
    """Wait until nothing is left to do; what is left, when time is up."""
    end = time.monotonic() + seconds
    while True:
        left = await asyncio.to_thread(database.unfinished) or await asyncio.to_thread(behind, stack.plan.kafka)
        if not left or time.monotonic() > end:
            return left
        await asyncio.sleep(LOOK_SECONDS)


async def gather(stack: Stack, database: Database, load: Load, calls: Sequence[Call], world: World) -> Evidence:
    """Everything that outsiders have seen."""
    return Evidence(
        asked=load.asked,
        told=[_told(one) async for one in everything_on(stack.plan.kafka, EVENT_TOPICS)],
        states=await _states(stack.plan.kafka),
        feed=await asyncio.to_thread(_feed, world.operator),
        snapshot=await asyncio.to_thread(_snapshot, world.operator),
        calls=list(calls),
        mails=await asyncio.to_thread(_mails, stack.plan.mail_url),
        documents=await asyncio.to_thread(database.installations),
        dead_letters=await asyncio.to_thread(database.dead_letters),
        addresses={admin.user_id: admin.person.email for admin in world.admins},
    )


async def everything_on(bootstrap_servers: str, topics: Sequence[str]) -> AsyncIterator[Any]:
    """All records of these topics, each partition from its beginning."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest") as consumer:
        await consumer._client.set_topics(topics)
        parts = [
            TopicPartition(topic, one) for topic in topics for one in consumer.partitions_for_topic(topic) or set()
        ]
        ends = await consumer.end_offsets(parts)
        consumer.assign(parts)
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    yield record


async def _states(bootstrap_servers: str) -> dict[str, dict[int, set[Shown]]]:
    found: dict[str, dict[int, set[Shown]]] = {}
    async for record in everything_on(bootstrap_servers, [INSTALLER_INSTALLATION_STATE.name]):
        data = json.loads(record.value)
        found.setdefault(data["installation_id"], {}).setdefault(data["version"], set()).add(_shown(data))
    return found


def _shown(data: Mapping[str, Any]) -> Shown:
    return Shown(data["seq"], data["state"], data["outcome"])


def _feed(operator: Person) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    after: dict[str, str] = {}
    while True:
        page = operator.call("GET", "/api/notifier/v1/operator/feed", params={"limit": 500, **after})
        events = [one for one in page["events"] if "installation_id" in one["data"]]
        found += [(one["id"], one["data"]["installation_id"], one["seq"]) for one in events]
        if not page["more"]:
            return found
        after = {"after": page["next"]}


def _snapshot(operator: Person) -> dict[str, Shown]:
    found: dict[str, Shown] = {}
    after: dict[str, str] = {}
    while True:
        page = operator.call("GET", "/api/notifier/v1/operator/snapshot", params={"limit": 500, **after})
        found |= {one["installation_id"]: _shown(one) for one in page["installations"]}
        if not page["next"]:
            return found
        after = {"after": page["next"]}


def _told(record: Any) -> Told:
    headers = {name: raw.decode() for name, raw in record.headers}
    return Told(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        id=headers["ce_id"],
        type=headers["ce_type"],
        seq=int(headers.get("seq", "0")),
        data=json.loads(record.value),
    )


def _mails(url: str) -> list[Mail]:
    kept = httpx.get(f"{url}/api/messages", timeout=60).json()
    mails = [_mail(one) for one in kept]
    return [one for one in mails if one.installations]


def _mail(one: Mapping[str, Any]) -> Mail:
    rest = _REST.search(one["text"])
    named = frozenset(_LINK.findall(one["text"]))
    return Mail(one["to"][0], one["message_id"], named, int(rest[1]) if rest else 0)
