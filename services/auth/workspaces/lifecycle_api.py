"""What only owners do with a whole workspace."""

import structlog
from fastapi import APIRouter, Request

from services.auth.sessions.fresh import FreshUser
from services.auth.web import Limits, cause
from services.auth.workspaces import lifecycle, rules
from services.auth.workspaces.seeing import Seeing
from services.auth.workspaces.store import Workspaces
from services.auth.workspaces.views import DeletionEffects, UserOnly, WorkspaceView
from shared.plumbing.clock import Clock
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser

log = structlog.get_logger()

_OWNER = (
    *("token-missing", "403 not-admin", "403 not-owner", "404 workspace-not-found"),
    *("409 workspace-owned-by-product", "409 changed-meanwhile"),
)
_CHANGE = (*_OWNER, "too-many-requests")
_FRESH = (*_CHANGE, "403 step-up-required")


def router(*, workspaces: Workspaces, seeing: Seeing, clock: Clock, limits: Limits) -> APIRouter:
    """Routes of owners."""
    api = APIRouter(prefix="/api/auth/v1/workspaces/{workspace_id}", tags=["workspaces"])

    @api.post("/transfer", responses=problems(*_FRESH, "404 member-not-found", "409 transfer-to-oneself"))
    async def transfer_workspace(
        workspace_id: str, body: UserOnly, principal: FreshUser, request: Request
    ) -> WorkspaceView:
        """Make a member an owner in the caller's place; the caller stays as an admin."""
        await seeing.seen(workspace_id, principal)
        limits.change(principal.user_id)
        changed = await workspaces.change(
            workspace_id,
            lambda newest: lifecycle.transfer(newest, principal.user_id, body.user_id),
            cause(request),
        )
        log.info("workspace_transferred", workspace_id=workspace_id, member_id=body.user_id)
        return seeing.view(changed, principal)

    @api.post("/archive", responses=problems(*_FRESH))
    async def archive_workspace(workspace_id: str, principal: FreshUser, request: Request) -> WorkspaceView:
        """Let the workspace take no more installs. Members still see it, what is installed stays, invites wait."""
        await seeing.seen(workspace_id, principal)
        limits.change(principal.user_id)
        changed = await workspaces.change(
            workspace_id, lambda newest: lifecycle.archive(newest, principal.user_id, clock.now()), cause(request)
        )
        log.info("workspace_archived", workspace_id=workspace_id)
        return seeing.view(changed, principal)

    @api.post("/restore", responses=problems(*_FRESH))
    async def restore_workspace(workspace_id: str, principal: FreshUser, request: Request) -> WorkspaceView:
        """Let an archived workspace take installs again."""
        await seeing.seen(workspace_id, principal)
        limits.change(principal.user_id)
        changed = await workspaces.change(
            workspace_id, lambda newest: lifecycle.restore(newest, principal.user_id), cause(request)
        )
        log.info("workspace_restored", workspace_id=workspace_id)
        return seeing.view(changed, principal)

    @api.get("/deletion", responses=problems(*_OWNER))
    async def show_deletion(workspace_id: str, principal: CurrentUser) -> DeletionEffects:
        """What deleting the workspace would do."""
        await seeing.seen(workspace_id, principal)
        workspace = await workspaces.get(workspace_id)
        rules.owning(workspace, principal.user_id)
        now = clock.now()
        return DeletionEffects(
            members=len(workspace.members),
            open_invites=sum(one.used_by is None and one.expires_at > now for one in workspace.invites),
            must_archive_first=workspace.active,
            installations=f"/api/installer/v1/installations?workspace={workspace_id}",
        )

    @api.delete("", status_code=204, responses=problems(*_FRESH, "409 workspace-not-archived"))
    async def delete_workspace(workspace_id: str, principal: FreshUser, request: Request) -> None:
        """End an archived workspace for ever: all members lose it, and all that is installed in it is uninstalled."""
        await seeing.seen(workspace_id, principal)
        limits.change(principal.user_id)
        await workspaces.change(
            workspace_id, lambda newest: lifecycle.delete(newest, principal.user_id, clock.now()), cause(request)
        )
        log.info("workspace_deleted", workspace_id=workspace_id)

    return api
