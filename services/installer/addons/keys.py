"""The keys that add-ons trust: RSA keys that sign their tokens, and each add-on's own webhook secret.

Both rest sealed under `INSTALLER_MASTER_KEY`. An add-on keeps the signing key that it was first given, because
many verify with one PEM that their author pasted in; only its publisher or an operator changes it.

Standard Webhooks knows a symmetric and an asymmetric signature. Ours is the symmetric one (`v1`, a secret for each
add-on, which its publisher reads): every library of that standard verifies it, and whoever prefers a public key
has the platform's own lifecycle token beside it.
"""

import asyncio
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from joserfc.jwk import RSAKey

from services.installer.addons.rotation_store import new_secret, standing
from shared.plumbing.clock import Clock
from shared.plumbing.keys import SigningKey, usable_keys
from shared.plumbing.mongo import Database, Document, is_duplicate_key
from shared.plumbing.sealing import SealBroken, Sealer

log = structlog.get_logger()

_REREAD_SECONDS = 5.0
_ASSIGNMENT_SECONDS = 30.0
_PATIENCE_SECONDS = 1.0
"""With the database, where what is in memory will do."""


class UnknownKeyError(Exception):
    """No signing key of this id exists, here or in the database."""


@dataclass(frozen=True, slots=True)
class AddOnSecrets:
    """What signs for one add-on."""

    kid: str
    webhook_secrets: tuple[str, ...]
    """`whsec_…`, the newest first; while more than one stands, each call is signed with all of them."""


class AddOnKeys:
    """All keys, kept in memory; the database is asked again for what is not known here."""

    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._keys = database["signing_keys"]
        self._addons = database["addon_keys"]
        self._sealer = sealer
        self._clock = clock
        self._signing: dict[str, SigningKey] = {}
        self._public: dict[str, RSAKey] = {}
        self._default = ""
        self._read_at = float("-inf")
        self._assigned: dict[str, tuple[AddOnSecrets, float]] = {}

    async def prepare(self) -> None:
        """Make the first key if there is none. Processes that start together end up with the same one."""
        await self._read()
        if not self._signing:
            await self.add()

    async def add(self) -> str:
        """Make another key, the default from now on, and return its id."""
        newest = await self._keys.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        number = (newest["_id"] if newest else 0) + 1
        key = await asyncio.to_thread(SigningKey.generate, f"{number}-{secrets.token_hex(4)}")
        sealed = self._sealer.encrypt(key.to_pem(), purpose=f"addon-signing-key:{key.kid}")
        document = {"_id": number, "kid": key.kid, "private": sealed, "created_at": self._clock.now()}
        try:
            await self._keys.insert_one(document)
            log.info("signing_key_made", kid=key.kid)
        except Exception as exc:
            if not is_duplicate_key(exc):  # else another process made this number first: its key counts
                raise
        await self._read()
        return self._default

    async def unassigned(self, settled: timedelta) -> list[str]:
        """Keys but the newest that sign for no add-on and are to sign for none, if nothing about keys is so new."""
        since = self._clock.now() - settled
        changed = {"$or": [{"kid_since": {"$gt": since}}, {"assigned_at": {"$gt": since}}]}
        if await self._addons.find_one(changed, {"_id": 1}) is not None:
            return []
        known = [document async for document in self._keys.find({}, {"kid": 1, "created_at": 1}).sort("_id", 1)]
        if not known or known[-1]["created_at"] > since:
            return []
        wanted = {*await self._addons.distinct("kid"), *await self._addons.distinct("redeliver")}
        return [document["kid"] for document in known[:-1] if document["kid"] not in wanted]

    async def forget(self, kid: str) -> None:
        """Delete a key that is needed no more; other processes learn of it as of new ones."""
        await self._keys.delete_one({"kid": kid})
        await self._read()

    async def refresh(self) -> None:
        """Learn of keys that other processes made or deleted; asks the database at most every 5 s."""
        if time.monotonic() - self._read_at >= _REREAD_SECONDS:
            await self._read()

    async def refresh_if_possible(self) -> None:
        """As `refresh`, for whoever verifies: without the database, the keys in memory are good. Raises without any."""
        if not self._signing:
            await self.refresh()
            return
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self.refresh()
        except Exception as exc:  # noqa: BLE001 - whatever it is, what was good a moment ago still is
            log.warning("keys_not_refreshed", error=type(exc).__name__)
            self._read_at = time.monotonic()

    async def signing_key(self, kid: str) -> SigningKey:
        """The key to sign with. Raises UnknownKeyError."""
        if kid not in self._signing:
            await self._read()
        try:
            return self._signing[kid]
        except KeyError:
            raise UnknownKeyError(kid) from None

    def public_key(self, kid: str) -> RSAKey | None:
        """The key to verify with, as far as it is known here."""
        return self._public.get(kid)

    def jwks(self) -> dict[str, Any]:
        """The public keys, the default first."""
        keys = sorted(self._signing.values(), key=lambda key: key.kid != self._default)
        return {"keys": [key.public_jwk() for key in keys]}

    async def pem(self, addon_key: str | None = None) -> str:
        """The public key of the add-on if it has one already, else the default."""
        kid = await self._kid_of(addon_key) if addon_key else self._default
        return (await self.signing_key(kid)).public_pem()

    async def _kid_of(self, addon_key: str) -> str:
        remembered = self._assigned.get(addon_key)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS if remembered else None):
                found = await self._addons.find_one({"_id": addon_key}, {"kid": 1})
        except Exception:
            if remembered is None:
                raise
            return remembered[0].kid
        return found["kid"] if found else self._default

    async def assigned(self, addon_keys: Iterable[str]) -> dict[str, AddOnSecrets]:
        """What signs for each of these add-ons; one seen for the first time is given the default key and a secret."""
        wanted = set(addon_keys)
        fresh = time.monotonic() - _ASSIGNMENT_SECONDS
        missing = [key for key in wanted if key not in self._assigned or self._assigned[key][1] < fresh]
        if missing:
            found = [doc async for doc in self._addons.find({"_id": {"$in": missing}})]
            known = {doc["_id"] for doc in found}
            found += [await self._assign(key) for key in missing if key not in known]
            for doc in found:
                self._assigned[doc["_id"]] = (self._opened(doc), time.monotonic())
        return {key: self._assigned[key][0] for key in wanted}

    async def read_again(self, addon_key: str) -> AddOnSecrets:
        """As `assigned`, past what is in memory."""
        if remembered := self._assigned.get(addon_key):
            # Old rather than gone: others are just now counting on what they have seen there.
            self._assigned[addon_key] = (remembered[0], float("-inf"))
        return (await self.assigned([addon_key]))[addon_key]

    @property
    def default(self) -> str:
        """The newest key, as far as it is known here."""
        return self._default

    async def _assign(self, addon_key: str) -> Document:
        await self._read()  # another process may have made a newer key, and forgotten what is the newest here
        sealed = new_secret(self._sealer, addon_key)
        document: Document = {"kid": self._default, "webhook_secrets": [sealed], "assigned_at": self._clock.now()}
        try:
            await self._addons.insert_one({"_id": addon_key, **document})
        except Exception as exc:
            if not is_duplicate_key(exc):
                raise
        found = await self._addons.find_one({"_id": addon_key})
        if found is None:
            raise UnknownKeyError(addon_key)
        return found

    def _opened(self, document: Mapping[str, Any]) -> AddOnSecrets:
        purpose = f"webhook-secret:{document['_id']}"
        opened = (self._sealer.decrypt(sealed, purpose=purpose) for sealed in standing(document, self._clock.now()))
        return AddOnSecrets(kid=document["kid"], webhook_secrets=tuple(opened))

    async def _read(self) -> None:
        default, there = self._default, set()
        async for document in self._keys.find().sort("_id", 1):
            kid = document["kid"]
            there.add(kid)
            if kid not in self._signing:
                try:
                    pem = self._sealer.decrypt(document["private"], purpose=f"addon-signing-key:{kid}")
                except SealBroken:
                    raise RuntimeError("INSTALLER_MASTER_KEY does not open the stored signing keys") from None
                self._signing[kid] = SigningKey.from_pem(pem, kid)
            default = kid
        self._default = default
        self._signing = {kid: key for kid, key in self._signing.items() if kid in there}
        self._public = usable_keys(self.jwks())
        self._read_at = time.monotonic()
