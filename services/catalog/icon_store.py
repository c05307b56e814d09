"""Pictures of add-ons as they were last fetched, and what came to nothing."""

from dataclasses import dataclass
from datetime import datetime

from bson.binary import Binary

from shared.plumbing.mongo import Database, Document


@dataclass(frozen=True, slots=True)
class Icon:
    """A picture and its media type."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of one address: the last picture that could be had, if any, and when it was last tried."""

    icon: Icon | None
    at: datetime


class IconStore:
    """One document per add-on. Raises the driver's errors."""

    def __init__(self, database: Database) -> None:
        self._icons = database["icons"]

    async def find(self, addon_key: str, url: str) -> Kept | None:
        """What is known of this address of the add-on; None if nothing is, or only of a former one."""
        found = await self._icons.find_one({"_id": addon_key, "url": url})
        if found is None:
            return None
        icon = Icon(found["media_type"], bytes(found["content"])) if found.get("content") else None
        return Kept(icon, found["at"])

    async def keep(self, addon_key: str, url: str, icon: Icon | None, at: datetime) -> None:
        """It was tried. Without a picture, the last one of the same address stays."""
        if icon is not None:
            picture: Document = {"media_type": icon.media_type, "content": Binary(icon.content)}
            await self._icons.replace_one({"_id": addon_key}, {"url": url, "at": at, **picture}, upsert=True)
        elif not (await self._icons.update_one({"_id": addon_key, "url": url}, {"$set": {"at": at}})).matched_count:
            await self._icons.replace_one({"_id": addon_key}, {"url": url, "at": at}, upsert=True)
