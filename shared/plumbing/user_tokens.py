"""Users' access tokens in the services that did not issue them: verified with auth's published keys, kept locally."""

import asyncio

from shared.plumbing.clock import Clock
from shared.plumbing.jwks import Document, JwksSource
from shared.plumbing.mongo import Database
from shared.plumbing.settings import PlatformSettings
from shared.plumbing.tokens import TokenVerifier

AUDIENCE = "souk"
"""The `aud` of users' tokens; add-on tokens have other keys, another issuer and no such audience."""


class UserTokens:
    """A verifier, and the loop that keeps its keys fresh.

    The last good keys stay in the service's own database, so that a start while auth is down still verifies.
    """

    def __init__(self, platform: PlatformSettings, database: Database, clock: Clock) -> None:
        self._kept = database["issuer_keys"]
        self._source = JwksSource(platform.users_jwks_url, save=self._save, load=self._load)
        self.verifier = TokenVerifier(self._source, platform.public_url, AUDIENCE, clock.now)

    async def run(self) -> None:
        """Fetch the keys again and again until cancelled."""
        self._source.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self._source.stop()

    async def _save(self, document: Document) -> None:
        await self._kept.update_one({"_id": "users"}, {"$set": {"document": dict(document)}}, upsert=True)

    async def _load(self) -> Document | None:
        found = await self._kept.find_one({"_id": "users"})
        return None if found is None else found["document"]
