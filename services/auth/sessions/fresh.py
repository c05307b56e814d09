"""Step-up: what endangers an account asks for a proof of a moment ago, not for a session that lies about."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request

from shared.plumbing.clock import Clock
from shared.plumbing.errors import Forbidden
from shared.plumbing.security import CurrentUser, Principal

STEP_UP_PATH = "/api/auth/v1/sessions/current/step-up"


class Freshness:
    """How long a proof counts as fresh."""

    def __init__(self, clock: Clock, within: timedelta) -> None:
        self._clock = clock
        self._within = within

    def check(self, principal: Principal) -> None:
        """Raises 403 `step-up-required`, which says where to prove it again."""
        if principal.scopes is not None:  # a program proves nothing
            raise _stale()
        self.check_proof(principal.proved_at)

    def check_proof(self, proved_at: datetime) -> None:
        """As `check`, for a proof of that moment."""
        if self._clock.now() - proved_at > self._within:
            raise _stale()


def _stale() -> Forbidden:
    return Forbidden(
        "step-up-required",
        "Prove once more that it is you",
        "Log-ins get old; this action asks for a proof of a moment ago.",
        step_up=STEP_UP_PATH,
    )


async def require_fresh(request: Request, principal: CurrentUser) -> Principal:
    """Needs a Freshness in `app.state.freshness`."""
    freshness: Freshness = request.app.state.freshness
    freshness.check(principal)
    return principal


FreshUser = Annotated[Principal, Depends(require_fresh)]
