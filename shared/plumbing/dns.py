"""Name look-ups for outgoing calls, in threads of their own, few of them for any one name.

The event loop's default pool has few threads; one name server that never answers would hold up everything in it. A
look-up cannot be ended either: it keeps its thread for as long as the system's resolver likes, half a minute perhaps.
"""

import asyncio
import contextlib
import socket
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

_THREADS = 32
_PER_NAME = 2
_PER_DOMAIN = 4  # names that share their last two labels, because whoever has one can have a thousand

Slots = dict[tuple[str, str], int]


class ResolverBusyError(OSError):
    """Look-ups of other names took all the threads: nothing is known of this one."""


class Resolver(AbstractResolver):
    """The system's resolver, hosts file included."""

    def __init__(self, timeout: float) -> None:
        """`timeout` is in seconds; the look-up itself may go on in its thread."""
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="dns")
        self._taken: Counter[tuple[str, str]] = Counter()
        self._released = asyncio.Event()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raise OSError for a name that is none, has no address, or is not answered for in time.

        It is ResolverBusyError when this name never had its turn.
        """
        name = host.lower().rstrip(".")
        limits = {
            ("all", ""): _THREADS,
            ("domain", ".".join(name.split(".")[-2:])): _PER_DOMAIN,
            ("name", name): _PER_NAME,
        }
        look_up = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        begun = False
        try:
            async with asyncio.timeout(self._timeout):
                await self._turn(limits)
                begun = True
                found = await self._in_thread(look_up, limits)
        except TimeoutError as error:
            if not begun and self._taken["name", name] < _PER_NAME:
                raise ResolverBusyError("look-ups of other names take too long") from error
            raise socket.gaierror(socket.EAI_AGAIN, "no answer in time") from error
        except UnicodeError as error:  # a label that is empty or longer than 63
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=int(address[1]), family=family_, proto=protocol, flags=numeric
            )
            for family_, _, protocol, _, address in found
        ]

    async def _turn(self, limits: Slots) -> None:
        while any(self._taken[slot] >= limit for slot, limit in limits.items()):
            self._released.clear()
            await self._released.wait()
        self._taken.update(limits.keys())

    async def _in_thread(self, look_up: Any, slots: Slots) -> Any:
        loop = asyncio.get_running_loop()

        def release() -> None:
            self._taken.subtract(slots.keys())
            self._taken += Counter()  # drops what is zero
            self._released.set()

        def ended(_: Future[Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                loop.call_soon_threadsafe(release)

        job = self._pool.submit(look_up)
        job.add_done_callback(ended)
        return await asyncio.wrap_future(job)

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
