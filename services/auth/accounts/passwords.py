"""Passwords, hashed with argon2id in threads of their own so that the event loop goes on."""

import asyncio
import base64
import ctypes
import hmac
import platform
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.plumbing.errors import Unavailable

Result = TypeVar("Result")
_SALT_BYTES = 16
_M_MMAP_THRESHOLD = -3  # malloc.h
_MMAP_THRESHOLD_BYTES = 1 << 20


def return_freed_memory() -> bool:
    """Let glibc give large blocks back to the system when they are freed. False where there is no glibc.

    Once the first 19 MiB of an argon2 hash are freed, glibc raises its threshold for mmap above them: later hashes
    come from each thread's arena, which keeps them. A threshold that was set stays. Measured with 12 hashes in 2
    threads: resident memory goes from 17 to 55 MB without this, and stays at 18 MB with it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES))


def salt_key(master_keys: str) -> bytes:
    """The key of repeatable salts, from the first of the keys that `Sealer` takes."""
    first = base64.b64decode(master_keys.split(",", 1)[0].strip())
    return hmac.digest(first, b"souk password salts v1", "sha256")


class Passwords:
    """Every answer takes one hash of time, whether or not there is anything to compare with."""

    def __init__(self, *, memory_kib: int, passes: int, lanes: int, threads: int, queue: int, salts: bytes) -> None:
        return_freed_memory()
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
        self._salts = salts
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._most = threads + queue
        self._waiting = 0
        # Compared with when there is no account or no password; nobody knows what it is of.
        self._nobodys = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """The hash to store. Raises Unavailable `too-busy`."""
        return await self._run(lambda: self._hasher.hash(password))

    async def hash_for(self, owner: str, password: str) -> str:
        """As `hash`, and the same for the same owner and password: a repetition is seen without another hash.

        The salt is a MAC of the owner, so it is as unique and as unknown as one by chance. Raises as `hash`.
        """
        salt = hmac.digest(self._salts, owner.encode(), "sha256")[:_SALT_BYTES]
        return await self._run(lambda: self._hasher.hash(password, salt=salt))

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
