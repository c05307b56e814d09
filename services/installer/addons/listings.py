"""Add-ons as the saga needs them, from the projection; kept for a second, because hundreds of installs ask at once."""

import time
from collections.abc import Iterable

from services.installer.addons.keys import AddOnKeys
from services.installer.domain import Snapshot
from services.installer.known import manifest_of
from services.installer.saga.inputs import AddOnNow
from services.installer.storage.queries import InstallationQueries
from services.installer.web.facts import of_addon
from shared.plumbing.mongo import Collection, Document
from shared.rules.manifest import Manifest

_FRESH_SECONDS = 1.0


class AddOns:
    """Looks add-ons up, and keeps every manifest that an installation may come to name."""

    def __init__(self, projection: Collection, store: InstallationQueries, keys: AddOnKeys) -> None:
        self._projection = projection
        self._store = store
        self._keys = keys
        self._known: dict[str, tuple[AddOnNow, float]] = {}
        self._kept: set[tuple[str, int]] = set()

    async def now(self, addon_keys: Iterable[str]) -> dict[str, AddOnNow]:
        """By key; one that is not known, or is deleted, is left out."""
        wanted = set(addon_keys)
        fresh = time.monotonic() - _FRESH_SECONDS
        missing = [key for key in wanted if key not in self._known or self._known[key][1] < fresh]
        if missing:
            await self._read(missing)
        return {key: self._known[key][0] for key in wanted if key in self._known}

    async def newest(self, addon_key: str) -> AddOnNow | None:
        """As `now`, past what is in memory."""
        await self._read([addon_key])
        found = self._known.get(addon_key)
        return None if found is None else found[0]

    async def _read(self, keys: list[str]) -> None:
        documents = await self._projection.find({"_id": {"$in": keys}, "deleted": {"$ne": True}}).to_list()
        secrets = await self._keys.assigned(document["_id"] for document in documents)
        for key in keys:
            self._known.pop(key, None)
        for document in documents:
            found = await self._addon(document, secrets[document["_id"]].kid)
            self._known[document["_id"]] = (found, time.monotonic())

    async def _addon(self, document: Document, kid: str) -> AddOnNow:
        manifest = manifest_of(document)
        version = document["manifest_version"]
        if (document["_id"], version) not in self._kept:
            await self._store.keep_manifest(document["_id"], version, manifest)
            self._kept.add((document["_id"], version))
        view = Manifest.of(manifest)
        snapshot = Snapshot(
            manifest_version=version,
            base_url=view.base_url,
            lifecycle=dict(view.lifecycle),
            webhooks=tuple({"path": hook.path, "event": hook.event} for hook in view.webhooks),
            scopes=view.scopes,
        )
        return AddOnNow(
            facts=of_addon(document),
            snapshot=snapshot,
            name=document["name"],
            kid=kid,
            manifest_url=document.get("manifest_url"),
        )
