"""Which workspaces exist for whom: every route about one begins here, so that no id tells a stranger anything."""

from collections.abc import Mapping

from services.auth.texts import is_id
from services.auth.workspaces import rules
from services.auth.workspaces.rules import Workspace
from services.auth.workspaces.store import Workspaces
from services.auth.workspaces.views import WorkspaceView
from shared.plumbing.security import Principal


class Seeing:
    """Finds workspaces for their members. `labels`: what people call the products, by provider id."""

    def __init__(self, workspaces: Workspaces, labels: Mapping[str, str]) -> None:
        self._workspaces = workspaces
        self._labels = labels

    async def seen(self, workspace_id: str, principal: Principal) -> Workspace:
        """The workspace with the caller's entries. Raises 404 `workspace-not-found`."""
        found = await self._workspaces.seen_by(principal.user_id, workspace_id) if is_id(workspace_id) else None
        if found is None:
            raise rules.workspace_not_found()
        rules.membership(found, principal.user_id)
        return found

    def view(self, workspace: Workspace, principal: Principal) -> WorkspaceView:
        """As the caller sees it."""
        return WorkspaceView.of(workspace, principal.user_id, self._labels)
