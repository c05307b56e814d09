"""Step-up: what endangers an account asks for a proof of a moment ago, not for a session that lies about."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from services.auth.accounts.store import Users, account_not_found
from services.auth.sessions.sessions import Sessions
from shared.plumbing.clock import Clock
from shared.plumbing.openapi import add_problems
from shared.plumbing.security import CurrentUser, Principal, step_up_required


class Freshness:
    """How long a proof counts as fresh, and whether it still counts at all."""

    def __init__(self, clock: Clock, within: timedelta, users: Users, sessions: Sessions) -> None:
        self._clock = clock
        self._within = within
        self._users = users
        self._sessions = sessions

    async def check(self, principal: Principal) -> None:
        """An access token outlives its session by minutes, in which nobody may take the account with it.

        Raises 403 `step-up-required`, which says where to prove it again; 401 `session-ended`, 404 `account-not-found`.
        """
        if principal.scopes is not None:  # a program proves nothing
            raise step_up_required()
        account = await self._users.by_id(principal.user_id, standing=True)
        if account is None:
            raise account_not_found()
        await self._sessions.current(account, principal.session_id)
        self.check_proof(principal.proved_at)

    def check_proof(self, proved_at: datetime) -> None:
        """As `check`, for a proof of that moment."""
        if self._clock.now() - proved_at > self._within:
            raise step_up_required()


async def require_fresh(request: Request, principal: CurrentUser) -> Principal:
    """Needs a Freshness in `app.state.freshness`."""
    freshness: Freshness = request.app.state.freshness
    await freshness.check(principal)
    return principal


def declare_refusals(routers: Sequence[APIRouter]) -> None:
    """Let every route that asks for a fresh proof tell how it is refused."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and _asks(route.dependant):
                add_problems(route.responses, "403 step-up-required", "401 session-ended", "404 account-not-found")


def _asks(dependant: Dependant) -> bool:
    return dependant.call is require_fresh or any(_asks(one) for one in dependant.dependencies)


FreshUser = Annotated[Principal, Depends(require_fresh)]
