"""Add-ons that answer, or fail in every way that add-ons do, and remember each call."""

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Sequence
from functools import partial
from random import Random
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.chaos.evidence import Call

HOST = "127.0.0.1"
TOKEN = "X-Addon-Lifecycle-Token"
LATE_SECONDS = 7.0  # beyond the deadline of a call in these runs
MODES = ("ok", "error", "refuse", "hang", "drip", "late", "reset", "down")


class AddOns:
    """One server per add-on, all in this process."""

    def __init__(self, ports: Sequence[int], random: Random) -> None:
        self.ports = tuple(ports)
        self.calls: list[Call] = []
        self._modes = dict.fromkeys(self.ports, "ok")
        self._changed = asyncio.Event()
        self._runners: dict[int, web.AppRunner] = {}
        self._random = random

    async def __aenter__(self) -> Self:
        for port in self.ports:
            await self._open(port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._changed.set()
        for port in list(self._runners):
            await self._close(port)

    def manifest(self, port: int, key: str) -> dict[str, Any]:
        """What is published for the add-on at this port."""
        return {
            "schemaVersion": "1.3",
            "key": key,
            "name": key,
            "minimalSubscriptionPlan": "FREE",
            "baseUrl": f"http://{HOST}:{port}",
            "lifecycle": [{"type": kind, "path": f"/{kind}"} for kind in ("INSTALLED", "DELETED")],
        }

    async def behave(self, port: int, mode: str) -> None:
        """From now on; what hangs, hangs no longer when the mode changes."""
        assert mode in MODES
        self._modes[port] = mode
        self._changed.set()
        self._changed = asyncio.Event()
        if mode == "down":
            await self._close(port)
        elif port not in self._runners:
            await self._open(port)

    async def _open(self, port: int) -> None:
        app = web.Application()
        app.router.add_post("/{kind}", partial(self._called, port=port))
        app.router.add_get("/{tail:.*}", partial(self._asked, port=port))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, HOST, port, reuse_address=True).start()
        self._runners[port] = runner

    async def _close(self, port: int) -> None:
        if runner := self._runners.pop(port, None):
            await runner.cleanup()

    async def _asked(self, _: web.Request, port: int) -> web.Response:
        mode = self._modes[port]
        if mode in ("hang", "drip", "late"):
            await self._until_changed(LATE_SECONDS)
        return web.Response(status=500 if mode == "error" else 200)

    async def _until_changed(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    async def _called(self, request: web.Request, port: int) -> web.StreamResponse:
        body = await request.read()
        digest = hashlib.sha256(body + request.headers.get(TOKEN, "").encode()).hexdigest()
        installation, kind = json.loads(body)["addonId"], request.match_info["kind"]
        call = Call(installation, kind, request.headers.get("webhook-id", ""), digest, time.monotonic())
        self.calls.append(call)
        match self._modes[port]:
            case "hang":
                await self._until_changed(60)
                self._abort(request)
            case "reset":
                self._abort(request)
            case "late":
                await asyncio.sleep(LATE_SECONDS)
            case "drip":
                return await self._drip(request, call)
            case "error":
                return self._answer(call, 500)
            case "refuse":
                return self._answer(call, 403)
            case _:
                await asyncio.sleep(self._random.expovariate(20))
        return self._answer(call, 200)

    @staticmethod
    def _abort(request: web.Request) -> None:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError

    @staticmethod
    def _answer(call: Call, status: int) -> web.Response:
        call.status, call.answered_at = status, time.monotonic()
        return web.Response(status=status, text="so says the add-on")

    async def _drip(self, request: web.Request, call: Call) -> web.StreamResponse:
        answer = web.StreamResponse()
        call.status, call.answered_at = 200, time.monotonic()
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                await answer.write(b".")
                await asyncio.sleep(0.1)
        return answer
