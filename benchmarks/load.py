"""The load: installs kept in flight (closed loop), or arriving at random (open loop).

An install counts from its POST (open loop: from its planned arrival) until its `AddOnInstalled` is read back
from Kafka by a consumer of ours.
"""

import asyncio
import itertools
import json
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import aiohttp
from aiokafka import AIOKafkaConsumer

TOPIC = "installer.installations.v1"
GIVE_UP_SECONDS = 30.0
ACCEPTED = 202
ASIDE = 1 / 9
Pair = tuple[str, str]
"""A workspace and an add-on's key."""


@dataclass
class Run:
    """What one run saw."""

    began: float = 0.0
    seconds: float = 0.0
    accepted: dict[str, float] = field(default_factory=dict)
    """Installation id -> when it was asked for."""
    answered: list[float] = field(default_factory=list)
    """Seconds until the 202."""
    installed: dict[str, float] = field(default_factory=dict)
    """Installation id -> seconds until `AddOnInstalled`."""
    refused: list[str] = field(default_factory=list)


class Load:
    """Drives the installer with one admin's token, through each of `apis` in turn.

    Of `aside`, if given, one install is asked for beside every nine, and nobody waits for it.
    """

    def __init__(
        self, apis: Sequence[str], kafka: str, token: str, pairs: Iterator[Pair], aside: Iterator[Pair] | None = None
    ) -> None:
        self._urls = itertools.cycle([f"{api}/api/installer/v1/installations" for api in apis])
        self._kafka = kafka
        self._headers = {"Authorization": f"Bearer {token}"}
        self._pairs = pairs
        self._aside = aside
        self._waiting: dict[str, asyncio.Event] = {}
        self._early: dict[str, float] = {}
        self._run = Run()

    async def closed(self, window: int, seconds: float) -> Run:
        """`window` installs in flight all the time."""

        async def one_after_another(session: aiohttp.ClientSession) -> None:
            while time.monotonic() < until:
                await self._install(session, time.monotonic())
                if self._aside is not None and random.random() < ASIDE:
                    await self._ask(session, next(self._aside))

        async with self._session() as session:
            until = time.monotonic() + seconds
            await asyncio.gather(*(one_after_another(session) for _ in range(window)))
        return self._finished()

    async def open(self, rate: float, seconds: float) -> Run:
        """`rate` installs a second, at Poisson arrivals."""
        async with self._session() as session, asyncio.TaskGroup() as tasks:
            planned = time.monotonic()
            until = planned + seconds
            while planned < until:
                planned += random.expovariate(rate)
                await asyncio.sleep(max(0.0, planned - time.monotonic()))
                tasks.create_task(self._install(session, planned))
        return self._finished()

    def _session(self) -> "_Session":
        self._run = Run(began=time.monotonic())
        return _Session(self._headers, self._kafka, self._saw)

    def _finished(self) -> Run:
        self._run.seconds = time.monotonic() - self._run.began
        return self._run

    async def _ask(self, session: aiohttp.ClientSession, pair: Pair) -> str | None:
        """The installation's id."""
        workspace, addon = pair
        body = {"workspace_id": workspace, "addon_key": addon, "acknowledge": ["region"]}
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        async with session.post(next(self._urls), json=body, headers=headers) as response:
            answer = await response.read()
        if response.status != ACCEPTED:
            self._run.refused.append(f"{response.status} {answer[:200]!r}")
            return None
        made: str = json.loads(answer)["id"]
        return made

    async def _install(self, session: aiohttp.ClientSession, since: float) -> None:
        installation = await self._ask(session, next(self._pairs))
        if installation is None:
            return
        self._run.answered.append(time.monotonic() - since)
        self._run.accepted[installation] = since
        if installation not in self._early:
            seen = self._waiting.setdefault(installation, asyncio.Event())
            try:
                async with asyncio.timeout(GIVE_UP_SECONDS):
                    await seen.wait()
            except TimeoutError:
                return
        self._run.installed[installation] = self._early.pop(installation) - since

    def _saw(self, installation: str) -> None:
        self._early[installation] = time.monotonic()
        if waiting := self._waiting.pop(installation, None):
            waiting.set()


class _Session:
    """An HTTP session and a consumer for the time of one run."""

    def __init__(self, headers: dict[str, str], kafka: str, saw: object) -> None:
        self._headers = headers
        self._kafka = kafka
        self._saw = saw

    async def __aenter__(self) -> aiohttp.ClientSession:
        self._consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=self._kafka, auto_offset_reset="latest")
        await self._consumer.start()
        await self._consumer.seek_to_end()
        for part in self._consumer.assignment():
            await self._consumer.position(part)
        self._reader = asyncio.create_task(self._read())
        connector = aiohttp.TCPConnector(limit=0)
        self._http = aiohttp.ClientSession(headers=self._headers, connector=connector)
        return self._http

    async def __aexit__(self, *_: object) -> None:
        self._reader.cancel()
        await self._http.close()
        await self._consumer.stop()

    async def _read(self) -> None:
        async for record in self._consumer:
            if (b"AddOnInstalled") in [raw for name, raw in record.headers if name == "ce_type"]:
                self._saw(json.loads(record.value)["installation_id"])  # type: ignore[operator] # a callback
