"""Reading a manifest at its publisher's address: the address is anybody's, so every bound applies."""

import asyncio

from services.catalog.manifest import ManifestReport, read_manifest
from services.catalog.manifest_body import MAX_BYTES
from shared.plumbing.errors import Invalid
from shared.plumbing.outgoing import AddressBlocked, NotSent, OutcomeUnknown, OutgoingClient

_OK = 200
_REDIRECTS = range(300, 400)


class ManifestFetcher:
    """Fetches and judges manifests."""

    def __init__(self, client: OutgoingClient, deadline_seconds: float) -> None:
        self._client = client
        self._deadline = deadline_seconds

    async def __call__(self, url: str) -> ManifestReport:
        """The verdict on what `url` serves.

        Raises 422 `manifest-address-blocked`, `manifest-unreachable`, `manifest-redirects`, `manifest-status`
        or `manifest-too-large`.
        """
        try:
            answer = await self._client.request(
                "GET",
                url,
                headers={"Accept": "application/json"},
                deadline=self._deadline,
                max_response=MAX_BYTES + 1,
            )
        except AddressBlocked as exc:
            raise Invalid(
                "manifest-address-blocked", "This address may not be called", "It is private or malformed."
            ) from exc
        except (NotSent, OutcomeUnknown) as exc:
            raise Invalid("manifest-unreachable", "The manifest could not be read", str(exc)[:200]) from exc
        if answer.status in _REDIRECTS:
            raise Invalid("manifest-redirects", "The address redirects", "Give the address where the manifest is.")
        if answer.status != _OK:
            raise Invalid("manifest-status", "The address does not serve a manifest", f"It answered {answer.status}.")
        if len(answer.body) > MAX_BYTES or answer.truncated:
            raise Invalid("manifest-too-large", "The manifest is too large", f"At most {MAX_BYTES} bytes are read.")
        if not answer.body_complete:
            raise Invalid("manifest-unreachable", "The manifest could not be read", "The answer broke off.")
        return await asyncio.to_thread(read_manifest, answer.body, answer.headers.get("Content-Type", ""))
