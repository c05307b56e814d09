"""All that is kept of oneself, and the end of it."""

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from services.auth.accounts.deletion import Deletion
from services.auth.accounts.export import Export
from services.auth.accounts.store import Users
from services.auth.accounts.views import ConfirmedDeletion, DeletionEffects, Exported
from services.auth.sessions.fresh import FreshUser
from services.auth.web import Limits, cause
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser


def router(deletion: Deletion, export: Export, users: Users, limits: Limits) -> APIRouter:
    """Routes of leaving."""
    api = APIRouter(prefix="/api/auth/v1/me", tags=["accounts"])

    @api.get(
        "/export",
        response_class=StreamingResponse,
        responses={
            200: {"model": Exported},
            **problems("token-missing", "403 step-up-required", "404 account-not-found", "too-many-requests"),
        },
    )
    async def export_account(principal: FreshUser) -> StreamingResponse:
        """Everything that auth keeps of the caller, as one document, and where the other services tell theirs."""
        limits.export(principal.user_id)
        account = await users.get(principal.user_id)
        headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="account.json"'}
        return StreamingResponse(export.write(account), headers=headers, media_type="application/json")

    @api.get("/deletion", responses=problems("token-missing", "404 account-not-found"))
    async def show_deletion_effects(principal: CurrentUser) -> DeletionEffects:
        """What the end of the account would mean."""
        return DeletionEffects.of(*await deletion.effects(principal.user_id))

    @api.post(
        "/deletion",
        status_code=204,
        responses=problems(
            *("token-missing", "403 step-up-required", "404 account-not-found", "409 last-owner"),
            *("409 changed-meanwhile", "422 confirmation-wrong", "too-many-requests"),
        ),
    )
    async def delete_account(body: ConfirmedDeletion, principal: FreshUser, request: Request) -> None:
        """End the account, at once and for ever. Access tokens that were handed out end within minutes.

        All of it happens, or nothing; 409 `last-owner` names workspaces that would be left without an owner.
        """
        limits.network(request)
        await deletion.delete(principal.user_id, body.confirm, cause(request))

    return api
