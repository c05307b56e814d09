"""Invites: for those who send them, and for those who hold a mailed link."""

from fastapi import APIRouter, Request

from services.auth.sessions.fresh import FreshUser
from services.auth.web import Limits, cause
from services.auth.workspaces import rules
from services.auth.workspaces.invite_rules import status
from services.auth.workspaces.invite_views import Invitation, InviteRow, InviteToken, NewInvite
from services.auth.workspaces.invites import Invites
from services.auth.workspaces.seeing import Seeing
from services.auth.workspaces.store import Workspaces
from services.auth.workspaces.views import WorkspaceView
from shared.plumbing.clock import Clock
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser

_ADMIN = (
    *("token-missing", "403 not-admin", "404 workspace-not-found"),
    *("409 workspace-owned-by-product", "409 changed-meanwhile"),
)
_ONE = (*_ADMIN, "404 invite-not-found")
_SEND = (
    *("409 workspace-archived", "429 too-many-requests"),
    *("401 session-ended", "403 step-up-required", "404 account-not-found"),
)
_HOLDER = ("404 invite-unknown", "429 too-many-requests")
_OPEN = ("410 invite-used", "410 invite-expired", "410 invite-void", "409 workspace-archived")


def routers(
    *, invites: Invites, workspaces: Workspaces, seeing: Seeing, limits: Limits, clock: Clock
) -> list[APIRouter]:
    """Routes of those who invite, and of those who are invited."""
    api = APIRouter(prefix="/api/auth/v1/workspaces/{workspace_id}/invites", tags=["invites"])

    @api.post(
        "",
        status_code=201,
        responses=problems(*_ADMIN, *_SEND, "409 already-member", "409 already-invited", "409 too-many-invites"),
    )
    async def send_invite(workspace_id: str, body: NewInvite, principal: FreshUser, request: Request) -> InviteRow:
        """Mail an invite. The answer does not tell whether the address has an account."""
        rules.managing(await seeing.seen(workspace_id, principal), principal.user_id)
        limits.invite(request, principal.user_id, body.email)
        return InviteRow.of(
            await invites.send(workspace_id, principal.user_id, body.email, body.invited_role, cause(request))
        )

    @api.get("", responses=problems(*_ADMIN))
    async def list_invites(workspace_id: str, principal: CurrentUser) -> list[InviteRow]:
        """The invites that wait, the oldest first, and for some days those that expired."""
        rules.managing(await seeing.seen(workspace_id, principal), principal.user_id)
        found, now = await workspaces.get(workspace_id), clock.now()
        return [InviteRow.of(one, status(found, one, now)) for one in found.invites if one.used_by is None]

    @api.post("/{invite_id}/resend", responses=problems(*_ONE, *_SEND))
    async def resend_invite(workspace_id: str, invite_id: str, principal: FreshUser, request: Request) -> InviteRow:
        """Mail a new link in the caller's name; it expires later, and the one before opens nothing any more."""
        rules.managing(await seeing.seen(workspace_id, principal), principal.user_id)
        address = await invites.address(workspace_id, invite_id)
        limits.invite(request, principal.user_id, address)
        return InviteRow.of(await invites.send_again(workspace_id, principal.user_id, invite_id, cause(request)))

    @api.delete("/{invite_id}", status_code=204, responses=problems(*_ONE))
    async def revoke_invite(workspace_id: str, invite_id: str, principal: CurrentUser, request: Request) -> None:
        """Take an invite back; its link opens nothing any more."""
        await seeing.seen(workspace_id, principal)
        await invites.revoke(workspace_id, principal.user_id, invite_id, cause(request))

    held = APIRouter(prefix="/api/auth/v1/invites", tags=["invites"])

    @held.post("/show", responses=problems(*_HOLDER, *_OPEN))
    async def show_invite(body: InviteToken, request: Request) -> Invitation:
        """What the link in the mail leads to. Needs no log-in, and uses nothing."""
        limits.network(request)
        workspace, invite, inviter = await invites.look(body.token)
        return Invitation(workspace=workspace.name, inviter=inviter, role=invite.role, expires_at=invite.expires_at)

    @held.post(
        "/accept",
        responses=problems(
            *("token-missing", *_HOLDER, *_OPEN, "403 invite-for-another-address", "403 email-not-verified"),
            *("404 account-not-found", "409 already-member", "409 workspace-full", "409 changed-meanwhile"),
        ),
    )
    async def accept_invite(body: InviteToken, principal: CurrentUser, request: Request) -> WorkspaceView:
        """Become a member. Only the account of the invited address can; repeating it changes nothing."""
        limits.network(request)
        return seeing.view(await invites.accept(body.token, principal.user_id, cause(request)), principal)

    @held.post("/decline", status_code=204, responses=problems(*_HOLDER, "409 changed-meanwhile"))
    async def decline_invite(body: InviteToken, request: Request) -> None:
        """Say no; the invite is forgotten. Needs no account: who declines may well have none."""
        limits.network(request)
        await invites.decline(body.token, cause(request))

    return [api, held]
