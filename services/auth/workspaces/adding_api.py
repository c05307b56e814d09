"""Row S12: whoever needs another workspace for an install is told where to make one, and how to come back."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query

from services.auth.accounts.store import Users
from services.auth.settings import ProviderSettings
from services.auth.workspaces.adding import ways
from services.auth.workspaces.policy import Policy
from services.auth.workspaces.views import WaysToAdd
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser


def router(*, users: Users, providers: Mapping[str, ProviderSettings], policy: Policy) -> APIRouter:
    """The route; it must come before those of one workspace, whose ids it would else be taken for."""
    api = APIRouter(prefix="/api/auth/v1/workspaces", tags=["workspaces"])

    @api.get("/ways-to-add", responses=problems("token-missing", "404 account-not-found", "422 return-to-refused"))
    async def list_ways_to_add(
        principal: CurrentUser, return_to: Annotated[str | None, Query(max_length=4096)] = None
    ) -> WaysToAdd:
        """Where the caller can add a workspace. `return_to` is the path of ours that the visitor came from."""
        return ways(await users.get(principal.user_id), providers, policy, return_to)

    return api
