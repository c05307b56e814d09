"""Step-up: what endangers an account asks for a proof of a moment ago, not for a session that lies about."""

from datetime import timedelta
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
        # A program proves nothing, and the moment in its token is that of its making.
        if principal.scopes is not None or self._clock.now() - principal.proved_at > self._within:
            raise Forbidden(
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
