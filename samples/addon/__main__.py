"""Run with `python -m samples.addon`."""

import asyncio
import os
import signal

import aiohttp
import structlog

from samples.addon.addons import AddOns
from samples.addon.control import control_app
from samples.addon.door import Door
from samples.addon.installs import Installs
from samples.addon.public import public_app
from samples.addon.settings import Settings

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    installs = Installs(settings.data_dir / "installs.jsonl")
    async with aiohttp.ClientSession() as http:
        addons = AddOns(settings, http, installs)
        public = Door(lambda: public_app(addons), settings.host, settings.port)
        control = Door(
            lambda: control_app(addons, public, settings.control_token), settings.host, settings.control_port
        )
        await public.open()
        await control.open()
        log.info("started", key=settings.key, public_url=settings.public_url, control_port=settings.control_port)
        await stopped.wait()
        await control.shut()
        await public.shut()
    installs.close()
    log.info("stopped")


def main() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ]
    )
    asyncio.run(serve(Settings.from_env(os.environ)))


if __name__ == "__main__":
    main()
