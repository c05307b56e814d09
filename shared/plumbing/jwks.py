"""The public keys of an issuer, fetched from its JWKS address and kept."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import structlog
from joserfc.jwk import RSAKey

from shared.plumbing.keys import usable_keys

log = structlog.get_logger()

_REFRESH_SECONDS = 300.0
_RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
# An unknown `kid` may come from a new key or from anybody's fantasy; the latter must not make us hammer the issuer.
_UNKNOWN_KID_SECONDS = 10.0
_LEARN_SECONDS = 2.0
_MAX_DOCUMENT = 262_144

Document = Mapping[str, Any]


async def fetch_jwks(url: str) -> bytes:
    """Read a JWKS address that the operator configured (so it may be private).

    Raises on anything but a 200 in 3 s, of 256 KiB at most.
    """
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3.0)) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != 200:  # noqa: PLR2004 - the HTTP status OK
            raise ValueError(f"status {response.status}")
        document = bytearray()
        async for piece in response.content.iter_any():
            document += piece
            if len(document) > _MAX_DOCUMENT:
                raise ValueError(f"more than {_MAX_DOCUMENT} bytes")
        return bytes(document)


class JwksSource:
    """The public keys of one issuer, kept in memory and always the last good set.

    They are fetched in the background every 5 minutes, sooner while that fails, and when `learn` meets an unknown key.
    The issuer may be down, at start-up too: `load` gives back what `save` kept.
    """

    def __init__(
        self,
        url: str,
        fetch: Callable[[str], Awaitable[bytes]] = fetch_jwks,
        *,
        save: Callable[[Document], Awaitable[None]] | None = None,
        load: Callable[[], Awaitable[Document | None]] | None = None,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._save = save
        self._load = load
        self._keys: dict[str, RSAKey] = {}
        self._document: Document | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._refreshing: asyncio.Task[bool] | None = None
        self._tried_at = float("-inf")

    @property
    def known(self) -> bool:
        """Whether there are any keys yet."""
        return bool(self._keys)

    def get(self, kid: str) -> RSAKey | None:
        return self._keys.get(kid)

    def start(self) -> None:
        """Begin fetching; never waits and never fails."""
        self._tasks = [asyncio.create_task(self._restore()), asyncio.create_task(self._keep_fresh())]

    async def stop(self) -> None:
        tasks = [*self._tasks, *([self._refreshing] if self._refreshing else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def replace(self, document: Document) -> bool:
        """Take these keys; returns whether they differ. Raises ValueError if none is usable, and keeps the old ones."""
        keys = usable_keys(document)
        if not keys:
            raise ValueError("no usable key")
        if document == self._document:
            return False
        self._keys, self._document = keys, document
        return True

    async def refresh(self) -> bool:
        """Fetch now; concurrent callers share one fetch. Returns whether it succeeded; never raises."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
        return await asyncio.shield(self._refreshing)

    async def learn(self) -> None:
        """Give an unknown key the chance to become known: at most one fetch in 10 s, waiting 2 s at most."""
        under_way = self._refreshing is not None and not self._refreshing.done()
        if under_way or asyncio.get_running_loop().time() - self._tried_at >= _UNKNOWN_KID_SECONDS:
            await asyncio.wait([asyncio.ensure_future(self.refresh())], timeout=_LEARN_SECONDS)

    async def _refresh(self) -> bool:
        self._tried_at = asyncio.get_running_loop().time()
        try:
            document = json.loads(await self._fetch(self._url))
            changed = self.replace(document)
        except Exception as error:  # noqa: BLE001 - whatever the issuer does, the last good keys stay
            # The type alone: an HTTP client's error carries its whole connection, and a document may be in a parser's.
            log.warning("jwks_refresh_failed", url=self._url, error=type(error).__name__, keys_known=self.known)
            return False
        if changed:
            log.info("jwks_changed", url=self._url, kids=sorted(self._keys))
            await self._persist(document)
        return True

    async def _persist(self, document: Document) -> None:
        if self._save is not None:
            try:
                await self._save(document)
            except Exception as error:  # noqa: BLE001 - only the next start without the issuer would miss it
                log.warning("jwks_not_persisted", error=repr(error))

    async def _restore(self) -> None:
        if self._load is not None:
            try:
                document = await self._load()
                if document is not None and not self.known:
                    self.replace(document)
            except Exception as error:  # noqa: BLE001 - the fetch is under way anyway
                log.warning("jwks_not_restored", error=repr(error))

    async def _keep_fresh(self) -> None:
        failures = 0
        while True:
            failures = 0 if await self.refresh() else failures + 1
            retry = _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS)) - 1]
            await asyncio.sleep(retry if failures else _REFRESH_SECONDS)
