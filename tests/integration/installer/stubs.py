"""What surrounds the installer: an auth that answers checks, an add-on that can misbehave, and a reader of topics."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.contracts import topics
from shared.contracts.auth import AccountChanged, Plan, Role, WorkspaceAdmin, WorkspaceChanged, WorkspaceChecked
from shared.contracts.catalog import AddOnPublished
from shared.contracts.envelope import Envelope, Message, Topic
from shared.contracts.installer import CheckWorkspace
from shared.plumbing.records import from_record, to_record
from shared.plumbing.tasks import end

HOOKS = [{"type": "INSTALLED", "path": "/installed"}, {"type": "DELETED", "path": "/deleted"}]


def enveloped(message: Message, name: str) -> Envelope[Message]:
    return Envelope(
        id=name,
        source="/tests",
        subject=message.key(),
        time=datetime.now(UTC),
        data=message,
        correlation_id=name,
        causation_id=None,
    )


@asynccontextmanager
async def kafka_producer(bootstrap: str) -> AsyncIterator["Publisher"]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=2, enable_idempotence=True)
    await producer.start()
    try:
        yield Publisher(producer)
    finally:
        await producer.stop()


@dataclass
class Publisher:
    """Says what auth and catalog would say."""

    producer: AIOKafkaProducer

    async def say(self, *messages: Message) -> None:
        futures = []
        for message in messages:
            record = to_record(enveloped(message, f"{message.key()}:{id(message)}"))
            futures.append(
                await self.producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
            )
        await asyncio.gather(*futures)

    async def account(self, user_id: str, *, version: int = 1) -> None:
        await self.say(AccountChanged(user_id=user_id, version=version, verified=True))

    async def workspaces(self, user_id: str, *workspace_ids: str) -> None:
        await self.say(*(workspace(user_id, one) for one in workspace_ids))

    async def addon(
        self, key: str, base_url: str, *, version: int = 1, hooks: list[dict[str, str]] = HOOKS, **other: Any
    ) -> None:
        manifest = {"key": key, "name": key.title(), "baseUrl": base_url, "lifecycle": hooks}
        await self.say(
            AddOnPublished(
                addon_key=key,
                publisher_id="d" * 24,
                name=key.title(),
                manifest=manifest,
                manifest_version=version,
                version=version,
                changed_at=datetime.now(UTC),
                **other,
            )
        )


def workspace(user_id: str, workspace_id: str) -> WorkspaceChanged:
    return WorkspaceChanged(
        workspace_id=workspace_id,
        name="Acme",
        plan=Plan.PRO,
        admins=(WorkspaceAdmin(user_id=user_id, role=Role.OWNER),),
        version=1,
    )


@asynccontextmanager
async def tail(bootstrap: str, *which: Topic) -> AsyncIterator[AIOKafkaConsumer]:
    """A reader of what is written from now on."""
    consumer = AIOKafkaConsumer(
        *(one.name for one in which), bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="latest"
    )
    await consumer.start()
    try:
        for part in consumer.assignment():
            await consumer.position(part)  # from here on
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def answering_auth(
    bootstrap: str, publisher: Publisher, mine: Callable[[CheckWorkspace], bool]
) -> AsyncIterator["StubAuth"]:
    """An auth that lets everything of ours pass, unless it is told otherwise."""
    async with tail(bootstrap, topics.INSTALLER_WORKSPACE_CHECKS) as consumer:
        auth = StubAuth(publisher, mine)
        task = asyncio.create_task(auth.run(consumer))
        try:
            yield auth
        finally:
            await end(task)


@dataclass
class StubAuth:
    publisher: Publisher
    mine: Callable[[CheckWorkspace], bool]
    facts: dict[str, Any] = field(default_factory=dict)
    answering: bool = True
    asked: list[CheckWorkspace] = field(default_factory=list)

    async def run(self, consumer: AIOKafkaConsumer) -> None:
        types = {"CheckWorkspace": CheckWorkspace}
        while True:
            answers: list[Message] = []
            for records in (await consumer.getmany(timeout_ms=100, max_records=500)).values():
                for record in records:
                    envelope = from_record(record, types)
                    question = None if envelope is None else envelope.data
                    if isinstance(question, CheckWorkspace) and self.mine(question):
                        self.asked.append(question)
                        answers.append(self.answer(question))
            if answers and self.answering:
                await self.publisher.say(*answers)

    def answer(self, question: CheckWorkspace) -> WorkspaceChecked:
        facts: dict[str, Any] = {"found": True, "active": True, "role": Role.OWNER, "verified": True, "plan": Plan.PRO}
        return WorkspaceChecked(
            installation_id=question.installation_id,
            check=question.check,
            workspace_id=question.workspace_id,
            user_id=question.user_id,
            **facts | self.facts,
        )


@dataclass
class Received:
    """One call as the add-on saw it."""

    path: str
    webhook_id: str
    body: bytes
    headers: dict[str, str]

    @property
    def installation_id(self) -> str:
        return str(json.loads(self.body)["addonId"])


@dataclass
class StubAddOn:
    """Answers 204 unless `behave` says otherwise."""

    calls: list[Received] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    """Paths that were read with GET."""
    behave: Callable[[Received], Awaitable[web.Response]] | None = None
    base_url: str = ""
    host_and_port: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            self.read.append(request.path)
            return web.Response(status=404)
        call = Received(
            request.path, request.headers.get("webhook-id", ""), await request.read(), dict(request.headers)
        )
        self.calls.append(call)
        self.news.set()
        return web.Response(status=204) if self.behave is None else await self.behave(call)

    def of(self, installation_id: str) -> list[str]:
        """Kinds of the calls for one installation, in order."""
        return [call.webhook_id.split("-")[1] for call in self.calls if call.installation_id == installation_id]


@asynccontextmanager
async def stub_addon(port: int = 0) -> AsyncIterator[StubAddOn]:
    addon = StubAddOn()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", addon.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    addon.host_and_port = f"127.0.0.1:{runner.addresses[0][1]}"
    addon.base_url = f"http://{addon.host_and_port}"
    try:
        yield addon
    finally:
        await runner.cleanup()
