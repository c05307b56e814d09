"""An installer as a process of its own, to be killed and started again."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from aiohttp import web

from deploy.local.ports import free
from tests.users import PUBLIC_URL, jwks
from tests.waiting import PATIENCE_SECONDS

PROJECT = Path(__file__).parents[3]


@asynccontextmanager
async def jwks_address() -> AsyncIterator[str]:
    """Where the test users' keys are published."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(jwks())

    app = web.Application()
    app.router.add_get("/jwks.json", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/jwks.json"
    finally:
        await runner.cleanup()


@dataclass
class InstallerProcess:
    """`python -m services.installer serve` with its own ports."""

    env: dict[str, str]
    log: Path
    role: str = "all"
    port: int = field(default_factory=lambda: free(["http"])["http"])
    internal_port: int = field(default_factory=lambda: free(["http"])["http"])
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        env = os.environ | self.env
        env |= {"INSTALLER_HTTP_PORT": str(self.port), "INSTALLER_INTERNAL_PORT": str(self.internal_port)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own program; it starts in no time
                [sys.executable, "-m", "services.installer", "serve", "--role", self.role],
                cwd=PROJECT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(PATIENCE_SECONDS), httpx.AsyncClient() as client:
            while True:
                if self.process.poll() is not None:
                    raise RuntimeError(self.log.read_text()[-3000:])
                try:
                    if (await client.get(f"http://127.0.0.1:{self.internal_port}/ready")).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.05)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal and wait until the process is gone."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=PATIENCE_SECONDS)
            self.process = None

    def terminate(self) -> None:
        """Stop it as an operator would."""
        self.kill(signal.SIGTERM)


def settings(kafka: str, mongo_url: str, database: str, jwks_url: str, *allow: str) -> dict[str, str]:
    """The environment of an installer."""
    return {
        "SOUK_PUBLIC_URL": PUBLIC_URL,
        "SOUK_MONGO_URL": mongo_url,
        "SOUK_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SOUK_USERS_JWKS_URL": jwks_url,
        "SOUK_OUTGOING_ALLOW": ",".join(allow),
        "INSTALLER_MASTER_KEY": base64.b64encode(b"m" * 32).decode(),
        "INSTALLER_MONGO_DATABASE": database,
    }
