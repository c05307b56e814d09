"""What operators do: look up accounts, say who may publish, set plan and region of local workspaces."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query, Request

from services.auth.accounts.rules import change_role
from services.auth.accounts.store import Users, account_not_found
from services.auth.accounts.views import AccountRow
from services.auth.domain import OPERATOR, PUBLISHER, Change
from services.auth.factors.second_factor import SecondFactors
from services.auth.sessions.fresh import FreshUser
from services.auth.texts import Address, address_key
from services.auth.web import cause
from services.auth.workspaces.rules import Workspace, refuse_if_pushed, workspace_not_found
from services.auth.workspaces.store import Workspaces
from services.auth.workspaces.views import OperatorPatch, WorkspaceView
from shared.plumbing.http import problems
from shared.plumbing.security import Principal, require_role

log = structlog.get_logger()

_Operator = Annotated[Principal, Depends(require_role(OPERATOR))]
_PROOF = ("401 session-ended", "403 step-up-required", "404 account-not-found")
_LOOK = problems("token-missing", "role-required", "404 account-not-found")
_CHANGE = problems("token-missing", "role-required", *_PROOF, "409 email-not-verified")


async def fresh_operator(operator: _Operator, _: FreshUser) -> Principal:
    """Who changes what is somebody else's proves it with the role and with a fresh proof."""
    return operator


_FreshOperator = Annotated[Principal, Depends(fresh_operator)]


def router(users: Users, workspaces: Workspaces, factors: SecondFactors) -> APIRouter:
    """Routes of operators."""
    api = APIRouter(prefix="/api/auth/v1/operator", tags=["operator"])

    @api.get("/accounts", responses=_LOOK)
    async def find_account(email: Annotated[Address, Query()], _: _Operator) -> AccountRow:
        """The account with this address."""
        found = await users.by_address(address_key(email))
        if found is None:
            raise account_not_found()
        return AccountRow.of(found)

    @api.put("/accounts/{user_id}/roles/publisher", responses=_CHANGE)
    async def grant_publisher(user_id: str, operator: _FreshOperator, request: Request) -> AccountRow:
        """Let somebody publish add-ons. It counts from the person's next access token on."""
        return await role(user_id, operator, request, granted=True)

    @api.delete("/accounts/{user_id}/roles/publisher", responses=_CHANGE)
    async def revoke_publisher(user_id: str, operator: _FreshOperator, request: Request) -> AccountRow:
        """Let somebody publish no more."""
        return await role(user_id, operator, request, granted=False)

    @api.delete(
        "/accounts/{user_id}/two-factor",
        responses=problems("token-missing", "role-required", *_PROOF, "409 two-factor-not-enrolled"),
    )
    async def remove_two_factor(user_id: str, operator: _FreshOperator, request: Request) -> AccountRow:
        """Switch off the second factor of somebody who lost device and recovery codes, once you know that it is them.

        They are logged out everywhere, and told by mail.
        """
        account = await factors.remove(user_id, cause(request))
        log.info("two_factor_removed", account_id=user_id, by=operator.user_id)
        return AccountRow.of(account)

    async def role(user_id: str, operator: Principal, request: Request, *, granted: bool) -> AccountRow:
        account = await users.change(
            user_id, lambda newest: change_role(newest, PUBLISHER, granted=granted), cause(request)
        )
        log.info("role_changed", account_id=user_id, role=PUBLISHER, granted=granted, by=operator.user_id)
        return AccountRow.of(account)

    @api.patch(
        "/workspaces/{workspace_id}",
        responses=problems(
            *("token-missing", "role-required", *_PROOF),
            *("404 workspace-not-found", "409 workspace-owned-by-product"),
        ),
    )
    async def set_plan_and_region(
        workspace_id: str, body: OperatorPatch, operator: _FreshOperator, request: Request
    ) -> WorkspaceView:
        """Set plan or region of a local workspace."""
        fields = body.model_dump(exclude_none=True)

        def decide(newest: Workspace) -> Change | None:
            if newest.deleted_at is not None:
                raise workspace_not_found()
            refuse_if_pushed(newest)
            return Change(fields) if fields else None

        workspace = await workspaces.change(workspace_id, decide, cause(request))
        log.info("workspace_changed_by_operator", workspace_id=workspace_id, by=operator.user_id, **fields)
        return WorkspaceView.of(workspace, operator.user_id)

    return api
