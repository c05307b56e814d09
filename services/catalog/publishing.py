"""Publishing and changing listings: the one place where a manifest becomes an add-on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from services.catalog.domain import (
    Listing,
    Viewer,
    derived,
    fixed_field_changes,
    manifest_fields,
    may_change,
    may_see,
)
from services.catalog.manifest import ManifestReport, validate_manifest
from services.catalog.store import CatalogStore
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Conflict, Forbidden, Invalid, NotFound
from shared.plumbing.state_relay import StateRelay

LISTING_FIELDS = (
    "publisher_name",
    "short_text",
    "long_text",
    "category",
    "products",
    "visibility",
    "visible_to",
    "support_url",
    "privacy_url",
)
FetchManifest = Callable[[str], Awaitable[ManifestReport]]
_TRIES = 5


class Publishing:
    """The catalog's writes. Every change is one compare-and-set on the listing's version."""

    def __init__(self, store: CatalogStore, relay: StateRelay, clock: Clock, fetch: FetchManifest) -> None:
        self._store = store
        self._relay = relay
        self._clock = clock
        self._fetch = fetch

    async def check(self, manifest: object | None, manifest_url: str | None) -> ManifestReport:
        """The verdict on a manifest given or served. Raises Problem when the address cannot be read."""
        if manifest_url is not None:
            return await self._fetch(manifest_url)
        # What fits into 200 kB can take half a second to judge, and nobody else shall wait for that.
        return await asyncio.to_thread(validate_manifest, manifest)

    async def publish(
        self,
        viewer: Viewer,
        publisher_id: str,
        *,
        manifest: object | None,
        manifest_url: str | None,
        fields: Listing,
        correlation_id: str,
    ) -> Listing:
        """List a new add-on. Raises 422 `manifest-invalid`, 409 `key-taken` or `addon-exists`."""
        report = await self.check(manifest, manifest_url)
        raw, view = accepted(report)
        now = self._clock.now()
        listing: Listing = {
            "_id": view.key,
            "publisher_id": publisher_id,
            **fields,
            **manifest_fields(view, raw, now),
            "manifest_url": manifest_url,
            "manifest_version": 1,
            "withdrawn": False,
            "last_change": "AddOnPublished",
            "published_at": now,
            "installs": 0,
            "version": 1,
            "state_marked_at": now,
            "correlation_id": correlation_id,
        }
        listing |= derived(listing)
        if not await self._store.insert(listing):
            holder = await self._store.find(view.key)
            if holder is not None and may_change(holder, viewer):
                raise Conflict("addon-exists", "You have published this add-on already", "Change it with PATCH.")
            raise Conflict("key-taken", "This add-on key belongs to another publisher", field="manifest.key")
        self._relay.mark([view.key])
        return listing

    async def update(
        self,
        viewer: Viewer,
        key: str,
        *,
        manifest: object | None,
        manifest_url: str | None,
        fields: Listing,
        correlation_id: str,
    ) -> Listing:
        """Change listing fields, the manifest, or both. Raises 422 `manifest-invalid` or `field-fixed`."""
        changes: Listing = dict(fields)
        report = None
        if manifest is not None or manifest_url is not None:
            report = await self.check(manifest, manifest_url)

        def decide(listing: Listing) -> Listing:
            if report is None:
                return changes
            raw, view = accepted(report)
            fixed = fixed_field_changes(listing["manifest"], raw)
            if fixed:
                raise Invalid("field-fixed", "These manifest fields cannot change", fields=fixed)
            same = raw == listing["manifest"]
            version = listing["manifest_version"] + (0 if same else 1)
            from_manifest = manifest_fields(view, raw, listing["changed_at"])
            return {**changes, **from_manifest, "manifest_version": version, "manifest_url": manifest_url}

        return await self._change(viewer, key, decide, "AddOnUpdated", correlation_id)

    async def withdraw(self, viewer: Viewer, key: str, correlation_id: str) -> Listing:
        """No new installs; what is installed stays. Withdrawing twice changes nothing."""
        return await self._change(viewer, key, lambda _: {"withdrawn": True}, "AddOnWithdrawn", correlation_id)

    async def restore(self, viewer: Viewer, key: str, correlation_id: str) -> Listing:
        """List a withdrawn add-on again."""
        return await self._change(viewer, key, lambda _: {"withdrawn": False}, "AddOnPublished", correlation_id)

    async def visible(self, viewer: Viewer, key: str) -> Listing:
        """The listing, or 404 `addon-not-found`: a private one does not exist for others."""
        listing = await self._store.find(key)
        if listing is None or not may_see(listing, viewer):
            raise NotFound("addon-not-found", "There is no such add-on")
        return listing

    async def _change(
        self, viewer: Viewer, key: str, decide: Callable[[Listing], Listing], event: str, correlation_id: str
    ) -> Listing:
        for _ in range(_TRIES):
            listing = await self.visible(viewer, key)
            if not may_change(listing, viewer):
                raise Forbidden("not-the-publisher", "Only its publisher may change this add-on")
            changes = {name: value for name, value in decide(listing).items() if listing.get(name) != value}
            if not changes:
                return listing
            changes |= {"last_change": event, "changed_at": self._clock.now(), "correlation_id": correlation_id}
            changes |= derived(listing | changes)
            changed = await self._store.change(listing, changes)
            if changed is not None:
                self._relay.mark([key])
                return changed
        raise Conflict("changed-meanwhile", "Somebody else is changing this add-on", "Read it again and repeat.")


def accepted(report: ManifestReport) -> tuple[dict[str, Any], Any]:
    """The JSON and the view of a manifest without errors. Raises 422 `manifest-invalid` with every finding."""
    if report.manifest is None or report.raw is None:
        raise Invalid(
            "manifest-invalid",
            "The manifest is not valid",
            f"{len(report.errors)} findings",
            errors=[finding_of(error) for error in report.errors],
            warnings=[finding_of(warning) for warning in report.warnings],
        )
    return report.raw, report.manifest


def finding_of(finding: Any) -> dict[str, Any]:
    """A finding as clients get it: the field, the rule, what was given, and a sentence."""
    return {"field": finding.field, "rule": finding.rule, "message": finding.message, "given": finding.given}
