"""The directory API: for products, with their service token."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.auth.settings import ProviderSettings
from services.auth.texts import is_id
from services.auth.tokens import digest, same
from services.auth.web import cause
from services.auth.workspaces.directory import Directory
from services.auth.workspaces.views import Pushed, PushedWorkspace
from shared.plumbing.errors import Invalid, Unauthorized
from shared.plumbing.http import problems

log = structlog.get_logger()

_bearer = HTTPBearer(auto_error=False, scheme_name="directory", description="The service token of a product")
_PROBLEMS = (
    *("401 directory-token-invalid", "409 workspace-owned-elsewhere", "409 changed-meanwhile"),
    "422 workspace-id-invalid",
)


def router(directory: Directory, providers: Mapping[str, ProviderSettings]) -> APIRouter:
    """Routes of the directory."""
    digests = {
        one.id: digest(one.directory_token.get_secret_value()) for one in providers.values() if one.directory_token
    }

    def opened(provider: str, credentials: HTTPAuthorizationCredentials | None) -> ProviderSettings:
        given = digest(credentials.credentials if credentials else "")
        # For an unknown provider the same comparison, and the same answer.
        if not same(digests.get(provider, ""), given):
            log.warning("directory_token_refused", provider=provider[:32])
            raise Unauthorized("directory-token-invalid", "This token does not open this directory")
        return providers[provider]

    class TokenFirst(APIRoute):
        """Looks at the token before it parses the body: it may hold ten thousand members, and be a stranger's."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def locked(request: Request) -> Response:
                opened(request.path_params["provider"], await _bearer(request))
                return await handle(request)

            return locked

    async def authenticated(
        provider: str, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> ProviderSettings:
        return opened(provider, credentials)

    Provider = Annotated[ProviderSettings, Depends(authenticated)]  # noqa: N806 - a type
    api = APIRouter(prefix="/api/auth/v1/directory/{provider}/workspaces", tags=["directory"], route_class=TokenFirst)

    def checked(workspace_id: str) -> str:
        if not is_id(workspace_id):
            raise Invalid("workspace-id-invalid", "A workspace id is 24 lower-case hex characters")
        return workspace_id

    @api.put("/{workspace_id}", responses=problems(*_PROBLEMS, "409 directory-version-conflict"))
    async def push_workspace(workspace_id: str, body: PushedWorkspace, provider: Provider, request: Request) -> Pushed:
        """Make this the workspace: its whole state. Repeating it, or sending an older one, changes nothing."""
        pushed = body.model_dump(mode="json")
        applied, version = await directory.push(provider, checked(workspace_id), pushed, cause(request))
        return Pushed(applied=applied, version=version)

    @api.delete("/{workspace_id}", responses=problems(*_PROBLEMS, "404 workspace-not-found"))
    async def withdraw_workspace(
        workspace_id: str,
        provider: Provider,
        request: Request,
        version: Annotated[int | None, Query(ge=1, le=2**53 - 1)] = None,
    ) -> Pushed:
        """End the workspace. With a version, only if nothing newer was pushed."""
        applied, stands = await directory.withdraw(provider, checked(workspace_id), version, cause(request))
        return Pushed(applied=applied, version=stands)

    return api
