"""A listening socket that can be shut and opened again, so that an add-on can really be down."""

import asyncio
from collections.abc import Callable

from aiohttp import web

# A call that still waits for its answer is cut off after this time.
SHUTDOWN_SECONDS = 0.5


class Door:
    def __init__(self, make_app: Callable[[], web.Application], host: str, port: int) -> None:
        self._make_app = make_app
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        async with self._changing:
            if self._runner is not None:
                return
            runner = web.AppRunner(self._make_app(), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
            await runner.setup()
            await web.TCPSite(runner, self._host, self._port).start()
            self._runner = runner

    async def shut(self) -> None:
        """New connections are refused from now on, and those that are open have ended."""
        async with self._changing:
            if self._runner is not None:
                await self._runner.cleanup()
                self._runner = None
