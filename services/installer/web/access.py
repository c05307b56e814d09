"""Who may see an installation, who may change it, and whose an add-on is."""

from services.installer.domain import Installation
from services.installer.store import InstallationStore
from services.installer.web import refusals
from services.installer.web.facts import role_in
from services.installer.web.reads import Reads
from shared.contracts.auth import Role
from shared.contracts.catalog import Visibility
from shared.plumbing.errors import Forbidden
from shared.plumbing.mongo import Document
from shared.plumbing.security import Principal
from shared.rules.install import INSTALLING_ROLES

_OPERATOR = "operator"


class Access:
    """Looks the caller up. What is not theirs to see does not exist: 404, never 403."""

    def __init__(self, store: InstallationStore, reads: Reads) -> None:
        self._store = store
        self._reads = reads

    async def workspace(self, workspace_id: str, user_id: str) -> Document:
        """A workspace that the caller is in. Raises NotFound `workspace-not-known-yet`, `workspace-not-found`."""
        found = await self._reads.workspace(workspace_id, user_id)
        if found is None:
            raise refusals.not_known_yet("workspace")
        if found.get("deleted") or role_in(found, user_id) is None:
            raise refusals.workspace_not_found()
        return found

    async def role(self, workspace_id: str, user_id: str) -> Role | None:
        """The caller's role, None for others."""
        found = await self._reads.workspace(workspace_id, user_id)
        return None if found is None or found.get("deleted") else role_in(found, user_id)

    async def seen(self, installation_id: str, principal: Principal) -> Installation:
        """An installation in one of the caller's workspaces or of the caller's add-on, for an operator any.

        Raises NotFound `installation-not-found`.
        """
        found, _ = await self._found(installation_id, principal)
        return found

    async def administered(self, installation_id: str, principal: Principal) -> Installation:
        """As `seen`, for changing it. Raises 403 `not-admin` for whoever is no admin of its workspace."""
        found, role = await self._found(installation_id, principal)
        if role not in INSTALLING_ROLES:
            raise refusals.not_admin()
        return found

    async def seen_closely(self, installation_id: str, principal: Principal) -> tuple[Installation, bool]:
        """As `seen`, and whether what its add-on answered is for the caller: not for plain members."""
        found, role = await self._found(installation_id, principal)
        if role in INSTALLING_ROLES:
            return found, True
        return found, _oversees(await self._reads.addon(found.addon_key), principal)

    async def answered_for(self, installation_id: str, principal: Principal) -> Installation:
        """As `seen_closely`, for calling its add-on again. Raises 403 `not-admin` for plain members."""
        found, closely = await self.seen_closely(installation_id, principal)
        if not closely:
            raise refusals.not_admin()
        return found

    async def published(self, addon_key: str, principal: Principal) -> Document:
        """An add-on of the caller's own, for an operator any. Raises `addon-not-found`, 403 `not-the-publisher`."""
        addon = await self._reads.addon(addon_key)
        if addon is None or addon.get("deleted"):
            raise refusals.addon_not_found()
        if _oversees(addon, principal):
            return addon
        if addon["visibility"] == Visibility.PRIVATE:
            raise refusals.addon_not_found()
        raise Forbidden("not-the-publisher", "The add-on is another publisher's")

    async def listed(self, addon_key: str, principal: Principal) -> None:
        """Whether the caller may know of the add-on. Raises NotFound `addon-not-found`."""
        addon = await self._reads.addon(addon_key)
        if addon is None or addon.get("deleted"):
            raise refusals.addon_not_found()
        if addon["visibility"] != Visibility.PRIVATE or _oversees(addon, principal):
            return
        if not await self._reads.is_in_one_of(addon["visible_to"], principal.user_id):
            raise refusals.addon_not_found()

    async def _found(self, installation_id: str, principal: Principal) -> tuple[Installation, Role | None]:
        found = await self._store.find(installation_id)
        if found is None:
            raise refusals.installation_not_found()
        role = await self.role(found.workspace_id, principal.user_id)
        if role is None and not _oversees(await self._reads.addon(found.addon_key), principal):
            raise refusals.installation_not_found()
        return found, role


def _oversees(addon: Document | None, principal: Principal) -> bool:
    """Whether the caller answers for the add-on: as its publisher, or as an operator for all."""
    if _OPERATOR in principal.roles:
        return True
    return addon is not None and not addon.get("deleted") and addon["publisher_id"] == principal.user_id
