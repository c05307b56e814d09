"""Manage accounts: the product accounts that somebody logs in with."""

from collections.abc import Mapping

from fastapi import APIRouter, Request

from services.auth.accounts.store import Users
from services.auth.domain import Account
from services.auth.login.product_accounts import ProductAccounts
from services.auth.login.rules import find
from services.auth.login.views import Effects, LostWorkspace, ProductAccountRow
from services.auth.sessions.fresh import FreshUser
from services.auth.sessions.sessions import Sessions
from services.auth.settings import ProviderSettings
from services.auth.web import cause
from services.auth.workspaces.rules import MANAGING
from services.auth.workspaces.store import Workspaces
from shared.plumbing.http import problems
from shared.plumbing.security import CurrentUser

_MOST_WORKSPACES = 1000


def router(
    *,
    users: Users,
    people: ProductAccounts,
    workspaces: Workspaces,
    sessions: Sessions,
    providers: Mapping[str, ProviderSettings],
) -> APIRouter:
    """Routes of product accounts. One is added by a log-in with `link=1`."""
    api = APIRouter(prefix="/api/auth/v1/me/product-accounts", tags=["product-accounts"])

    @api.get("", responses=problems("token-missing", "404 account-not-found"))
    async def list_product_accounts(principal: CurrentUser) -> list[ProductAccountRow]:
        """The caller's product accounts, in the order in which they were added."""
        account = await users.get(principal.user_id)
        return [
            ProductAccountRow.of(one, providers.get(one.provider), vouches=account.vouched_by == one.id)
            for one in account.identities
        ]

    @api.get(
        "/{product_account_id}/effects",
        responses=problems("token-missing", "404 account-not-found", "404 product-account-not-found"),
    )
    async def show_effects(product_account_id: str, principal: CurrentUser) -> Effects:
        """What removing it would do, for the caller to know before."""
        return await effects(await users.get(principal.user_id), product_account_id)

    @api.delete(
        "/{product_account_id}",
        responses=problems(
            *("token-missing", "403 step-up-required", "404 account-not-found", "404 product-account-not-found"),
            "409 last-way-to-log-in",
        ),
    )
    async def remove_product_account(product_account_id: str, principal: FreshUser, request: Request) -> Effects:
        """Log in with it no more, and lose the roles that it gave; returns what was lost.

        The caller's other sessions and personal tokens end, because somebody may have made them by it. Installations
        stay.
        """
        found = await effects(await users.get(principal.user_id), product_account_id)
        account = await people.remove(principal.user_id, product_account_id, cause(request))
        await sessions.keep(account, principal.session_id)
        await sessions.end_others(principal.user_id, principal.session_id, "product-account-removed")
        return found.model_copy(update={"last_way_to_log_in": False})

    async def effects(account: Account, product_account_id: str) -> Effects:
        identity = find(account, product_account_id)
        held = await workspaces.held_by(identity.provider, identity.sub, account.id, _MOST_WORKSPACES)
        lost = [
            LostWorkspace(
                id=one.workspace_id,
                name=one.name,
                role=one.role,
                left_without_admin=one.role in MANAGING and not one.others,
            )
            for one in held
            # Somebody who is in it by another subject too may still lose the only admin's role.
            if not one.otherwise or (one.role in MANAGING and not one.others)
        ]
        return Effects(
            last_way_to_log_in=people.is_last_way(account),
            workspaces=lost,
            left_without_admin=sum(one.left_without_admin for one in lost),
        )

    return api
