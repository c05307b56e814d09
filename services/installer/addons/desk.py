"""What an add-on may ask of us about its own installation."""

import secrets
from typing import Any

from services.installer.addons import settings as addon_settings
from services.installer.addons import tokens
from services.installer.addons.access import AddOnProblem, Caller
from services.installer.addons.keys import AddOnKeys
from services.installer.addons.settings import SettingRefusedError
from services.installer.addons.tokens import Use
from services.installer.delivery.prepared import Signer
from services.installer.domain import SETTINGS_LIMIT
from services.installer.saga.inputs import SettingsChanged, Verdict
from services.installer.store import InstallationStore
from services.installer.web.facts import role_in
from services.installer.web.reads import Reads
from shared.contracts.auth import Role
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Document

_ROLES = {Role.OWNER: "OWNER", Role.ADMIN: "ADMIN", Role.MEMBER: "USER"}
_JTI_BYTES = 12


class AddOnDesk:
    """Answers that need the token's installation, and nothing beyond its workspace."""

    def __init__(self, store: InstallationStore, reads: Reads, keys: AddOnKeys, signer: Signer, clock: Clock) -> None:
        self._store = store
        self._reads = reads
        self._keys = keys
        self._signer = signer
        self._clock = clock

    async def workspace(self, caller: Caller) -> dict[str, Any]:
        """In the platform's field names, and ours for what it does not have."""
        found = await self._workspace(caller, caller.token.user_id)
        return {
            "id": found["_id"],
            "name": found["name"],
            "featureSubscriptionType": found["plan"],
            "product": found["product"],
            "region": found["region"],
        }

    async def user(self, caller: Caller) -> dict[str, Any]:
        """The person of the token; no address, which nobody but auth and notifier can read."""
        user_id = caller.token.user_id
        account = await self._reads.account(user_id)
        role = role_in(await self._workspace(caller, user_id), user_id)
        if account is None or account.get("deleted") or role is None:
            raise AddOnProblem(404, "User not found")
        return {
            "id": user_id,
            "name": account["display_name"],
            "status": "ACTIVE",
            "activeWorkspace": caller.installation.workspace_id,
            "defaultWorkspace": caller.installation.workspace_id,
            "workspaceRole": _ROLES[role],
            "settings": {"lang": account["locale"].upper()},
        }

    async def settings(self, caller: Caller) -> dict[str, Any]:
        """The form of the manifest that this installation was made with, and the values set since."""
        return addon_settings.filled(await self._form(caller), caller.installation.settings or {})

    async def change_settings(self, caller: Caller, body: object, request_id: str) -> dict[str, Any]:
        """Set values; the add-on is not told by SETTINGS_UPDATED of what it did itself."""
        await self._require_admin(caller)
        form = await self._form(caller)
        try:
            values = addon_settings.changes(form, body)
        except SettingRefusedError as refusal:
            raise AddOnProblem(400, str(refusal)) from None
        decision = await self._store.ask(caller.installation.id, SettingsChanged(values, request_id))
        if decision is None or decision.verdict is Verdict.NOT_ALLOWED:
            raise _not_active()
        if decision.verdict is Verdict.TOO_LARGE:
            raise AddOnProblem(400, f"All values together may have {SETTINGS_LIMIT:,} bytes as JSON.")
        return addon_settings.filled(form, decision.installation.settings or {})

    async def user_token(self, caller: Caller, user_id: str) -> str:
        """Exchange the installation's token for a person's."""
        held = caller.installation.tokens
        if caller.token.use is not Use.INSTALLATION or not caller.may_write or held is None:
            raise _not_active()
        role = role_in(await self._workspace(caller, user_id), user_id)
        account = await self._reads.account(user_id)
        if role is None or account is None or account.get("deleted"):
            raise AddOnProblem(404, "User not found")
        return tokens.user_token(
            await self._keys.signing_key(held.kid),
            self._signer.holder(caller.installation),
            self._clock.now(),
            jti=f"{held.jti}.{secrets.token_hex(_JTI_BYTES)}",
            user_id=user_id,
            workspace_role=_ROLES[role],
            language=account["locale"].upper(),
            addresses=self._signer.addresses.of(caller.installation.workspace.region),
        )

    @staticmethod
    def introspection(caller: Caller) -> dict[str, Any]:
        """In the spirit of RFC 7662, with the platform's field names."""
        token, installation = caller.token, caller.installation
        return {
            "active": True,
            "tokenUse": token.use.value,
            "access": "full" if caller.may_write else "read",
            "addonId": token.installation_id,
            "addonKey": token.addon_key,
            "workspaceId": token.workspace_id,
            "user": token.user_id,
            "scopes": installation.snapshot.scopes if installation.snapshot else (),
            "iat": token.issued_at,
            "exp": token.expires_at,
        }

    async def _workspace(self, caller: Caller, user_id: str) -> Document:
        found = await self._reads.workspace(caller.installation.workspace_id, user_id)
        if found is None or found.get("deleted"):
            raise AddOnProblem(404, "Workspace not found")
        return found

    async def _form(self, caller: Caller) -> object:
        snapshot = caller.installation.snapshot
        manifest = (
            await self._store.manifest(caller.installation.addon_key, snapshot.manifest_version) if snapshot else None
        )
        return (manifest or {}).get("settings")

    async def _require_admin(self, caller: Caller) -> None:
        """An installation's token has an admin's rights, a person's token that person's."""
        if not caller.may_write:
            raise _not_active()
        if caller.token.use is Use.USER:
            user_id = caller.token.user_id
            role = role_in(await self._workspace(caller, user_id), user_id)
            if role not in {Role.OWNER, Role.ADMIN}:
                raise AddOnProblem(403, "Access denied")


def _not_active() -> AddOnProblem:
    return AddOnProblem(403, "The installation is not active; its token may only read")
