"""Who is calling: the dependencies that routes declare, and the door to everything about tokens and keys.

Refusals: 401 `token-missing`, `token-invalid`, `token-expired`; 403 `role-required`, `scope-missing`,
`step-up-required`; 503 `keys-unavailable`.

A token with scopes is a program's. It opens what a scope of this service says, and by that no more than its user may:
`<service>:read` lets it look (GET, HEAD), `<service>:write` lets it do everything. No route has to ask for that.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import lru_cache
from typing import Annotated

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.plumbing.errors import Forbidden, Unauthorized
from shared.plumbing.jwks import JwksSource, fetch_jwks
from shared.plumbing.keys import SigningKey
from shared.plumbing.tokens import ACCESS_TOKEN_TYPE, Principal, TokenVerifier

__all__ = [
    "ACCESS_TOKEN_TYPE",
    "CurrentUser",
    "JwksSource",
    "Principal",
    "RecentUser",
    "SigningKey",
    "TokenVerifier",
    "fetch_jwks",
    "optional_user",
    "require_role",
    "require_user",
    "signed_in",
    "step_up_required",
]

STEP_UP_PATH = "/api/auth/v1/sessions/current/step-up"
PROOF_WITHIN = timedelta(minutes=10)

_bearer = HTTPBearer(auto_error=False, scheme_name="user", bearerFormat="JWT", description="An access token of a user")
_LOOKING = frozenset({"GET", "HEAD"})

_Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


async def optional_user(request: Request, credentials: _Credentials) -> Principal | None:
    """None without a token; a token that is there must be valid. Needs a TokenVerifier in `app.state.verifier`.

    Who it is stays in `request.state.principal`, for what is told of the request.
    """
    if credentials is None:
        return None
    verifier: TokenVerifier = getattr(request.state, "verifier", None) or request.app.state.verifier
    principal = await verifier.authenticate(credentials.credentials)
    if principal.scopes is not None:
        _require_scope(request, principal.scopes)
    structlog.contextvars.bind_contextvars(user_id=principal.user_id)
    request.state.principal = principal
    return principal


def _require_scope(request: Request, scopes: frozenset[str]) -> None:
    service: str = request.app.state.service
    everything, looking = f"{service}:write", f"{service}:read"
    if everything in scopes or (request.method in _LOOKING and looking in scopes):
        return
    scope = looking if request.method in _LOOKING else everything
    raise Forbidden(
        "scope-missing",
        "This token may not do this",
        f"It needs the scope {scope}.",
        {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},  # RFC 6750 §3.1
        scope=scope,
    )


# Calls optional_user instead of depending on it: one level of dependencies less on the busiest routes.
async def require_user(request: Request, credentials: _Credentials) -> Principal:
    principal = await optional_user(request, credentials)
    if principal is None:
        raise Unauthorized("token-missing", "An access token is required", "Send it as Authorization: Bearer <token>.")
    return principal


async def signed_in(request: Request) -> Principal:
    """Who is calling, for a hot route that does without FastAPI's dependencies; declare CurrentUser beside it."""
    return await require_user(request, await _bearer(request))


@lru_cache(maxsize=64)
def require_role(role: str) -> Callable[[Principal], Awaitable[Principal]]:
    """Return a dependency that admits users with this role only."""

    async def with_role(principal: Annotated[Principal, Depends(require_user)]) -> Principal:
        if role not in principal.roles:
            raise Forbidden("role-required", "Your account may not do this", role=role)
        return principal

    return with_role


CurrentUser = Annotated[Principal, Depends(require_user)]


def step_up_required() -> Forbidden:
    """403 `step-up-required`, which says where to prove it again."""
    return Forbidden(
        "step-up-required",
        "Prove once more that it is you",
        "Log-ins get old; this action asks for a proof of a moment ago.",
        step_up=STEP_UP_PATH,
    )


async def require_recent_proof(request: Request, principal: CurrentUser) -> Principal:
    """For what a stolen token of a session that lies about must not open. A program proves nothing."""
    verifier: TokenVerifier = request.app.state.verifier
    if principal.scopes is not None or not verifier.proved_within(principal, PROOF_WITHIN):
        raise step_up_required()
    return principal


RecentUser = Annotated[Principal, Depends(require_recent_proof)]
