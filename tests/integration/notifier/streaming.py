"""Reading Server-Sent Events, and serving them: in the test, or as replicas of their own."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from aiohttp import web
from fastapi import FastAPI

from tests.integration.notifier.messages import KEY
from tests.users import PUBLIC_URL, jwks
from tests.waiting import PATIENCE_SECONDS, eventually

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Event:
    """One event; a heartbeat is an event of that name."""

    event: str
    data: Any = None
    id: str | None = None


class Stream:
    """The events of one answer, read one by one."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> Event:
        """The next event or heartbeat. Raises StopAsyncIteration at the end."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            fields: dict[str, str] = {}
            async for line in self._lines:
                if line == ": heartbeat":
                    return Event("heartbeat")
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    return Event(fields["event"], json.loads(fields["data"]), fields.get("id"))
        raise StopAsyncIteration

    async def until(self, event: str) -> Event:
        """The next event of this name; what comes before is passed over."""
        while (found := await self.next()).event != event:
            pass
        return found


async def slug(opened: Stream) -> tuple[int, str]:
    """Of a refused stream."""
    return opened.response.status_code, opened.response.json()["slug"]


@contextlib.asynccontextmanager
async def stream(
    base: str, path: str, headers: dict[str, str], last_event_id: str | None = None
) -> AsyncIterator[Stream]:
    """An open stream."""
    resume = {"Last-Event-ID": last_event_id} if last_event_id else {}
    async with (
        httpx.AsyncClient(base_url=base, timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", path, headers={**headers, **resume}) as response,
    ):
        if response.status_code != 200:
            await response.aread()
        yield Stream(response)


@contextlib.asynccontextmanager
async def served(api: FastAPI) -> AsyncIterator[str]:
    """The API on a free port of this process."""
    config = uvicorn.Config(api, host="127.0.0.1", port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    serving = asyncio.ensure_future(server._serve())
    await eventually(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def issuer() -> AsyncIterator[str]:
    """An address that publishes the key of the test users' tokens."""

    async def keys(_: web.Request) -> web.Response:
        return web.json_response(jwks())

    app = web.Application()
    app.router.add_get("/jwks", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/jwks"
    finally:
        await runner.cleanup()


@dataclass
class Replica:
    """A notifier in a process of its own."""

    process: subprocess.Popen[bytes]
    base: str
    log: Path


@contextlib.contextmanager
def replica(
    *, role: str, port: int, internal_port: int, log: Path, database: str, mongo_url: str, keys: str, kafka: str
) -> Iterator[Replica]:
    """Started; killed at the end if it still runs."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SOUK_", "NOTIFIER_"))},
        "SOUK_PUBLIC_URL": PUBLIC_URL,
        "SOUK_MONGO_URL": mongo_url,
        "SOUK_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SOUK_USERS_JWKS_URL": keys,
        "NOTIFIER_HTTP_PORT": str(port),
        "NOTIFIER_INTERNAL_PORT": str(internal_port),
        "NOTIFIER_MONGO_DATABASE": database,
        "NOTIFIER_SEALING_KEY": KEY,
        "NOTIFIER_SMTP_HOST": "127.0.0.1",
        "NOTIFIER_MAIL_FROM": "Souk <no-reply@souk.example>",
    }
    command = [sys.executable, "-m", "services.notifier", "serve", "--role", role]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)  # noqa: S603 - our own program
        try:
            yield Replica(process, f"http://127.0.0.1:{port}", log)
        finally:
            process.kill()
            process.wait()


async def ready(one: Replica, internal_port: int) -> None:
    """Return when the replica serves."""

    async def answers() -> bool:
        assert one.process.poll() is None, one.log.read_text()
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{internal_port}/ready")).status_code == 200
        except httpx.HTTPError:
            return False

    await eventually(answers)
