"""Who may look at what. Whoever may not is told the same as for what does not exist."""

import asyncio

from services.notifier.domain import is_member
from services.notifier.store import Views
from shared.plumbing.errors import NotFound
from shared.plumbing.mongo import Document

# A client may ask for the stream of an install in the moment that it was accepted; its state is on the way.
PATIENCE = (0.1, 0.2, 0.4, 0.8, 1.0)


class Access:
    """Membership, from the projections."""

    def __init__(self, views: Views) -> None:
        self._views = views

    async def workspace(self, workspace_id: str, user_id: str) -> Document:
        """Raises 404 `workspace-not-found` unless the user is a member."""
        workspace = await self._views.workspace(workspace_id)
        if workspace is None or not is_member(workspace, user_id):
            raise NotFound(
                "workspace-not-found",
                "You are in no such workspace",
                "One that was made just now may take a moment.",
                {"Retry-After": "1"},
            )
        return workspace

    async def installation(self, installation_id: str, user_id: str) -> Document:
        """Wait up to 2.5 s for it. Raises 404 `installation-not-found` unless the user is in its workspace."""
        installation = await self._views.installation(installation_id)
        for pause in PATIENCE:
            if installation is not None:
                break
            await asyncio.sleep(pause)
            installation = await self._views.installation(installation_id)
        if installation is not None and not installation.get("deleted"):
            workspace = await self._views.workspace(installation["workspace_id"])
            if is_member(workspace, user_id):
                return installation
        raise NotFound(
            "installation-not-found",
            "There is no such installation in your workspaces",
            "One that was asked for just now may take a moment.",
            {"Retry-After": "1"},
        )
