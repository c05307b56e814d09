"""Workspaces as their members see them."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request
from pydantic import Field

from services.auth.accounts.store import Users
from services.auth.domain import Change
from services.auth.sessions.fresh import Freshness, FreshUser
from services.auth.tokens import new_id
from services.auth.web import Limits, cause
from services.auth.workspaces import rules
from services.auth.workspaces.policy import Policy
from services.auth.workspaces.rules import Workspace
from services.auth.workspaces.seeing import Seeing
from services.auth.workspaces.store import Workspaces
from services.auth.workspaces.views import MAX_MEMBERS, MemberRow, NewWorkspace, RoleOnly, WorkspacePatch, WorkspaceView
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Forbidden
from shared.plumbing.http import Page, decode_cursor, encode_cursor, problems
from shared.plumbing.security import CurrentUser, Principal

log = structlog.get_logger()

Skip = Annotated[int, Field(ge=0, le=MAX_MEMBERS)]

_PROOF = ("401 session-ended", "403 step-up-required", "404 account-not-found")
_CREATE = problems(
    *("token-missing", "403 local-workspaces-off", "404 account-not-found", "422 region-unknown"),
    "429 too-many-requests",
)
_READ = problems("token-missing", "404 workspace-not-found")
_MANAGE = problems(
    *("token-missing", "403 not-admin", "404 workspace-not-found", "409 workspace-owned-by-product"),
    *("409 two-factor-off", "409 changed-meanwhile", *_PROOF, "too-many-requests"),
)
_MEMBERS = problems(
    *("token-missing", "403 not-admin", "403 not-owner", "404 workspace-not-found", "404 member-not-found"),
    *("409 last-owner", "409 workspace-owned-by-product", "409 changed-meanwhile", *_PROOF, "too-many-requests"),
)
_Limit = Annotated[int, Query(ge=1, le=500)]
_Cursor = Annotated[str | None, Query(max_length=512)]


def router(
    *, workspaces: Workspaces, users: Users, seeing: Seeing, clock: Clock, policy: Policy, limits: Limits
) -> APIRouter:
    """Routes of workspaces."""
    api = APIRouter(prefix="/api/auth/v1/workspaces", tags=["workspaces"])
    seen, view = seeing.seen, seeing.view

    @api.post("", status_code=201, responses=_CREATE)
    async def create_workspace(body: NewWorkspace, principal: CurrentUser, request: Request) -> WorkspaceView:
        """Make a local workspace; the caller becomes its owner. The region is chosen here, once."""
        policy.check_creation(body.region)
        limits.workspace(principal.user_id)
        await users.get(principal.user_id)  # an access token outlives its account by minutes
        document = rules.new_workspace(
            workspace_id=new_id(),
            name=body.name,
            region=body.region,
            product=policy.local_product,
            owner_id=principal.user_id,
            now=clock.now(),
        )
        await workspaces.insert(document, (), cause(request))
        log.info("workspace_created", workspace_id=document["_id"])
        return view(workspaces.read(document), principal)

    @api.get("", responses=problems("token-missing", "invalid-cursor"))
    async def list_workspaces(
        principal: CurrentUser, limit: _Limit = 100, cursor: _Cursor = None
    ) -> Page[WorkspaceView]:
        """The caller's workspaces, whatever the role."""
        (after,) = decode_cursor(cursor, tuple[str]) if cursor else ("",)
        found = await workspaces.of_user(principal.user_id, after, limit + 1)
        more = encode_cursor((found[limit - 1].id,)) if len(found) > limit else None
        return Page(items=[view(one, principal) for one in found[:limit]], next=more)

    @api.get("/{workspace_id}", responses=_READ)
    async def show_workspace(workspace_id: str, principal: CurrentUser) -> WorkspaceView:
        """One workspace of the caller."""
        return view(await seen(workspace_id, principal), principal)

    @api.patch("/{workspace_id}", responses=_MANAGE)
    async def change_workspace(
        workspace_id: str, body: WorkspacePatch, principal: CurrentUser, request: Request
    ) -> WorkspaceView:
        """Change the fields that are given. For owners and admins of a local workspace.

        Plan and region are nobody's to change here. The 2FA rule is made and lifted only by somebody whose own 2FA is
        on, and setting it asks for a fresh proof.
        """
        await seen(workspace_id, principal)
        if body.requires_two_factor is not None:
            await _prove(request, principal)
        limits.change(principal.user_id)
        fields = body.model_dump(exclude_none=True)
        protected = body.requires_two_factor is not None and (await users.get(principal.user_id)).protected

        def decide(newest: Workspace) -> Change | None:
            change = rules.change_settings(newest, principal.user_id, fields, protected=protected)
            return change if fields else None

        return view(await workspaces.change(workspace_id, decide, cause(request)), principal)

    @api.get("/{workspace_id}/members", responses={**_READ, **problems("403 not-admin", "invalid-cursor")})
    async def list_members(
        workspace_id: str, principal: CurrentUser, limit: _Limit = 100, cursor: _Cursor = None
    ) -> Page[MemberRow]:
        """Who is in the workspace. For its owners and admins."""
        if rules.membership(await seen(workspace_id, principal), principal.user_id) not in rules.MANAGING:
            raise Forbidden("not-admin", "Only owners and admins of the workspace may do this")
        (skip,) = decode_cursor(cursor, tuple[Skip]) if cursor else (0,)
        found = await workspaces.members(workspace_id, skip, limit + 1)
        members = found.members if found else ()
        names = await users.names([one.user_id for one in members if one.user_id is not None])
        rows = [
            MemberRow(
                user_id=one.user_id, subject=one.subject, display_name=names.get(one.user_id or "", ""), role=one.role
            )
            for one in members[:limit]
        ]
        return Page(items=rows, next=encode_cursor((skip + limit,)) if len(members) > limit else None)

    @api.put("/{workspace_id}/members/{user_id}", status_code=204, responses=_MEMBERS)
    async def change_member(
        workspace_id: str, user_id: str, body: RoleOnly, principal: FreshUser, request: Request
    ) -> None:
        """Give a member another role. Owners are made and unmade by owners."""
        await seen(workspace_id, principal)
        limits.change(principal.user_id)
        await workspaces.change(
            workspace_id,
            lambda newest: rules.change_role(newest, principal.user_id, user_id, body.role),
            cause(request),
        )
        log.info("member_role_changed", workspace_id=workspace_id, member_id=user_id, role=body.role)

    @api.delete("/{workspace_id}/members/{user_id}", status_code=204, responses=_MEMBERS)
    async def remove_member(workspace_id: str, user_id: str, principal: CurrentUser, request: Request) -> None:
        """Take a member out of the workspace, with a fresh proof; with one's own id, leave it, without one."""
        await seen(workspace_id, principal)
        if user_id != principal.user_id:
            await _prove(request, principal)
        limits.change(principal.user_id)
        await workspaces.change(
            workspace_id, lambda newest: rules.remove(newest, principal.user_id, user_id), cause(request)
        )
        log.info("member_removed", workspace_id=workspace_id, member_id=user_id)

    return api


async def _prove(request: Request, principal: Principal) -> None:
    """For routes that need a fresh proof for part of what they do only. Raises as `Freshness.check`."""
    freshness: Freshness = request.app.state.freshness
    await freshness.check(principal)
