"""Lifecycle calls as they go over the wire. Pure: the same installation and call give the same bytes every time.

Only `webhook-timestamp` and the signature over it belong to one attempt, as Standard Webhooks wants it.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from services.installer.addons import tokens
from services.installer.addons.addresses import AddressBook
from services.installer.addons.tokens import Holder
from services.installer.domain import Call, Installation, Kind, Snapshot, Tokens, webhook_id
from shared.plumbing.keys import SigningKey
from shared.rules.manifest import join_url

USER_AGENT = "Souk-Installer/1"


class NotCallableError(Exception):
    """The installation has no such call: its snapshot or tokens are missing, or the add-on declares no hook."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call, ready for any number of attempts."""

    url: str
    webhook_id: str
    headers: Mapping[str, str]
    body: bytes

    def headers_at(self, attempt_at: datetime, secrets: Sequence[str]) -> dict[str, str]:
        """All headers of one attempt, signed with every secret that stands (Standard Webhooks 1.0, `v1`)."""
        timestamp = str(int(attempt_at.timestamp()))
        content = b".".join((self.webhook_id.encode(), timestamp.encode(), self.body))
        signatures = [f"v1,{_hmac(secret, content)}" for secret in secrets]
        return {
            **self.headers,
            "webhook-id": self.webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signatures),
        }


@dataclass(frozen=True, slots=True)
class Signer:
    """What makes calls of installations: the issuer that add-ons expect, and our addresses."""

    issuer: str
    addresses: AddressBook

    def holder(self, installation: Installation) -> Holder:
        """For whom the installation's tokens speak."""
        return Holder(self.issuer, installation.addon_key, installation.workspace_id, installation.id)

    def prepare(
        self, installation: Installation, call: Call, key: SigningKey, details: Mapping[str, Any] | None = None
    ) -> Prepared:
        """The request of `call`; `key` is the one that the installation's tokens name.

        `details` are what a body says beyond the installation itself: `status` for STATUS_CHANGED (ACTIVE or
        INACTIVE), `settings` for SETTINGS_UPDATED (a list of id, name and value). Raises NotCallableError.
        """
        snapshot, held = installation.snapshot, installation.tokens
        if snapshot is None or held is None or not snapshot.declares(call.kind):
            raise NotCallableError(f"{installation.id} {call.kind}")
        body = {"addonId": installation.id, "workspaceId": installation.workspace_id, **(details or {})}
        if call.kind in (Kind.INSTALLED, Kind.DELETED):
            body["asUser"] = installation.user_id
        if call.kind is Kind.INSTALLED:
            body |= self._granted(installation, snapshot, held, key)
        return Prepared(
            url=join_url(snapshot.base_url, snapshot.lifecycle[call.kind.value]),
            webhook_id=webhook_id(installation.id, call.kind, call.number),
            headers={
                "Content-Type": "application/json",
                "User-Agent": USER_AGENT,
                "X-Addon-Lifecycle-Token": tokens.lifecycle_token(key, self.holder(installation), call.created_at),
            },
            body=orjson.dumps(body),
        )

    def _granted(self, installation: Installation, snapshot: Snapshot, held: Tokens, key: SigningKey) -> dict[str, Any]:
        """What only INSTALLED says: the tokens, and where they are good for something."""
        holder, issued_at = self.holder(installation), datetime.fromtimestamp(held.iat, UTC)
        addresses = self.addresses.of(installation.workspace.region)
        owner = installation.workspace.owner_id or installation.user_id
        paths = [hook["path"] for hook in snapshot.webhooks]
        return {
            "authToken": tokens.installation_token(
                key, holder, issued_at, jti=held.jti, user_id=owner, addresses=addresses
            ),
            "apiUrl": addresses.api_url,
            "addonUserId": installation.user_id,
            "webhooks": [
                {
                    "path": path,
                    "webhookType": "ADDON",
                    "authToken": tokens.webhook_token(key, holder, issued_at, jti=held.jti, path=path),
                }
                for path in paths
            ],
        }


def _hmac(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
