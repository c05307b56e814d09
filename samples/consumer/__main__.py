"""Run with `python -m samples.consumer`."""

import asyncio
import contextlib
import os
import signal

from samples.consumer import feed, topic
from samples.consumer.ledger import Ledger
from samples.consumer.points import Points
from samples.consumer.settings import Settings


async def main() -> None:
    settings = Settings.from_env(os.environ)
    ledger = Ledger(settings.database, Points(settings.die_at))
    follow = topic.follow if settings.source == "kafka" else feed.follow
    following = asyncio.ensure_future(follow(settings, ledger))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, following.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await following


if __name__ == "__main__":
    asyncio.run(main())
