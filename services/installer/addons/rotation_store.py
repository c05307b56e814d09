"""Changing what signs for an add-on: a new webhook secret beside the old ones for a while, and another signing key.

Each change is one compare-and-set on the add-on's document; `redeliver` in it is the intent that installations on
other keys are still to be told, whatever is killed meanwhile.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.plumbing.clock import Clock
from shared.plumbing.errors import Conflict, Unavailable
from shared.plumbing.mongo import Database
from shared.plumbing.sealing import Sealer

_SECRET_BYTES = 32  # Standard Webhooks wants 24 to 64
STANDING_MOST = 3
"""Secrets at a time: each signs every call."""
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Rotation:
    """An add-on whose live installations are to be told of its key."""

    addon_key: str
    kid: str
    since: datetime


def new_secret(sealer: Sealer, addon_key: str) -> str:
    """A fresh `whsec_…`, sealed for resting."""
    text = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return sealer.encrypt(text, purpose=f"webhook-secret:{addon_key}")


def standing(document: Mapping[str, Any], now: datetime) -> list[str]:
    """The sealed secrets that sign now, the newest first."""
    retired = [one["secret"] for one in document.get("retired", ()) if one["until"] > now]
    return [*document["webhook_secrets"], *retired]


class RotationStore:
    """Writes to the documents that `AddOnKeys` reads. Raises the driver's errors."""

    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._addons = database["addon_keys"]
        self._sealer = sealer
        self._clock = clock

    async def rotate_secret(self, addon_key: str, overlap: timedelta) -> None:
        """Another secret; those that stand also sign for `overlap` more at most, or no longer if that is 0.

        Raises 409 `too-many-secrets` where one more would push out one that somebody may still rely on.
        """
        for _ in range(_ROUNDS):
            document = await self._addons.find_one({"_id": addon_key}) or {}
            now = self._clock.now()
            kept = [one for one in document.get("retired", ()) if one["until"] > now]
            ends = now + overlap
            retired = [{"secret": one, "until": ends} for one in document["webhook_secrets"]]
            retired += [{**one, "until": min(one["until"], ends)} for one in kept]
            if overlap and len(retired) >= STANDING_MOST:
                raise Conflict(
                    "too-many-secrets",
                    "As many secrets stand as can",
                    "Wait until the oldest has ended, or end all others at once.",
                    ends_at=min(one["until"] for one in kept),
                )
            update = {
                "webhook_secrets": [new_secret(self._sealer, addon_key)],
                "retired": retired if overlap else [],
            }
            which = {"_id": addon_key, "webhook_secrets": document["webhook_secrets"]}
            if (await self._addons.update_one(which, {"$set": update})).modified_count:
                return
        raise Unavailable("contended", "Others keep changing this at the same time", "Repeat it.", retry_after=1)

    async def move(self, addon_key: str, before: str, kid: str, *, redeliver: bool) -> bool:
        """Let `kid` sign from now on, unless another process has moved it from `before` meanwhile.

        Where installations are being told of another key, they are told of this one.
        """
        telling: Any = kid if redeliver else {"$cond": [{"$ifNull": ["$redeliver", False]}, kid, "$$REMOVE"]}
        change = [{"$set": {"kid": kid, "kid_since": self._clock.now(), "redeliver": telling}}]
        return (await self._addons.update_one({"_id": addon_key, "kid": before}, change)).modified_count == 1

    async def since(self, addon_key: str) -> tuple[datetime | None, bool]:
        """Since when the present key signs (null: from the first), and whether installations are being told."""
        found = await self._addons.find_one({"_id": addon_key}, {"kid_since": 1, "redeliver": 1}) or {}
        return found.get("kid_since"), "redeliver" in found

    async def under_way(self) -> list[Rotation]:
        """Add-ons with installations to tell."""
        found = self._addons.find({"redeliver": {"$exists": True}}, {"redeliver": 1, "kid_since": 1})
        return [Rotation(one["_id"], one["redeliver"], one["kid_since"]) async for one in found]

    async def finished(self, one: Rotation) -> None:
        """Nobody is left to tell."""
        await self._addons.update_one({"_id": one.addon_key, "redeliver": one.kid}, {"$unset": {"redeliver": ""}})
