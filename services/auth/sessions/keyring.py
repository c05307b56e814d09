"""The keys that sign users' access tokens: made once, shared by all processes, replaced without a gap."""

import asyncio
from datetime import timedelta

import orjson
import structlog

from services.auth.sessions.store_keys import KeyStore
from services.auth.tokens import new_id
from shared.plumbing.clock import Clock
from shared.plumbing.jwks import JwksSource
from shared.plumbing.keys import SigningKey
from shared.plumbing.mongo import Document
from shared.plumbing.sealing import SealBroken, Sealer

log = structlog.get_logger()

REREAD_SECONDS = 30.0
# Verifiers fetch the published keys every 5 minutes; by then all of them know a new one.
SIGNS_AFTER = timedelta(minutes=10)
# Longer than any access token lives after its key has stopped signing.
PUBLISHED_AFTER = timedelta(hours=2)


class Keyring:
    """All keys, in memory. The newest whose time has come signs; the rest are published while tokens of theirs live."""

    def __init__(self, store: KeyStore, sealer: Sealer, clock: Clock) -> None:
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._keys: list[tuple[Document, SigningKey]] = []
        self.published = JwksSource("our own keys", self._document)
        """For the verifier of this service: no way leads over HTTP."""

    async def prepare(self) -> None:
        """Make the first key if there is none. Processes that start together agree on one."""
        await self._read()
        if not self._keys:
            await self.add(signs_after=timedelta(0))

    async def add(self, signs_after: timedelta = SIGNS_AFTER) -> str:
        """Make the next key and return its id; if another process makes that one too, the first one counts."""
        number = self._keys[-1][0]["_id"] + 1 if self._keys else 1
        kid = f"users-{number}-{new_id()[:8]}"
        key = await asyncio.to_thread(SigningKey.generate, kid)
        document = {
            "_id": number,
            "kid": kid,
            "private": self._sealer.encrypt(key.to_pem(), purpose=_purpose(kid)),
            "signs_from": self._clock.now() + signs_after,
        }
        if await self._store.add(document):
            log.info("signing_key_made", kid=kid)
        await self._read()
        return str(self._keys[-1][0]["kid"])

    async def run(self) -> None:
        """Learn of keys that other processes made, until cancelled."""
        while True:
            await asyncio.sleep(REREAD_SECONDS)
            try:
                await self._read()
            except Exception as exc:  # noqa: BLE001 - the keys that are known go on serving
                log.warning("signing_keys_not_read", error=type(exc).__name__)

    def signing(self) -> SigningKey:
        """The key for a new token."""
        now = self._clock.now()
        ready = [key for document, key in self._keys if document["signs_from"] <= now]
        # The first key signs at once, also for a process whose estimate of the time is a little behind its maker's.
        return ready[-1] if ready else self._keys[0][1]

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """What verifiers need: keys that sign, will sign, or have signed what still lives."""
        now = self._clock.now()
        successors = [document["signs_from"] for document, _ in self._keys[1:]]
        retired = [began + PUBLISHED_AFTER < now for began in successors] + [False]
        return {"keys": [key.public_jwk() for (_, key), old in zip(self._keys, retired, strict=True) if not old]}

    async def _document(self, _: str) -> bytes:
        await self._read()
        return orjson.dumps(self.jwks())

    async def _read(self) -> None:
        known = {key.kid: key for _, key in self._keys}
        keys: list[tuple[Document, SigningKey]] = []
        for document in await self._store.all():
            kid = document["kid"]
            keys.append((document, known.get(kid) or self._opened(kid, document["private"])))
        self._keys = keys
        if keys:
            self.published.replace(self.jwks())

    def _opened(self, kid: str, private: str) -> SigningKey:
        try:
            return SigningKey.from_pem(self._sealer.decrypt(private, purpose=_purpose(kid)), kid)
        except SealBroken:
            raise RuntimeError("AUTH_MASTER_KEY does not open the stored signing keys") from None


def _purpose(kid: str) -> str:
    return f"users-signing-key:{kid}"
