"""Passwords, hashed with argon2id in threads of their own so that the event loop goes on."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.plumbing.errors import Unavailable

Result = TypeVar("Result")


class Passwords:
    """Every answer takes one hash of time, whether or not there is anything to compare with."""

    def __init__(self, *, memory_kib: int, passes: int, lanes: int, threads: int, queue: int) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._most = threads + queue
        self._waiting = 0
        # Compared with when there is no account or no password; nobody knows what it is of.
        self._nobodys = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """The hash to store. Raises Unavailable `too-busy`."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one that was hashed; None costs as much and is never right. Raises Unavailable."""
        right = await self._run(lambda: self._matches(stored or self._nobodys, password))
        return right and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the configured cost has changed since; a log-in is the chance to hash again."""
        return self._hasher.check_needs_rehash(stored)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], Result]) -> Result:
        # Beyond this, waiting takes longer than clients wait: they would leave, and their hash still be made.
        if self._waiting >= self._most:
            raise Unavailable("too-busy", "Too many people log in at this moment", retry_after=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
