"""The wire contract's own endpoints, which add-ons call with `X-Addon-Token` (facts of the platform's documentation).

Their errors are the platform's `{"message", "code"}`, not problem documents, because add-ons read those.
"""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute

from services.installer.addons.access import UNKNOWN_ROUTE, AddOnAccess, AddOnProblem, Caller
from services.installer.addons.addresses import WIRE_PATH
from services.installer.addons.desk import AddOnDesk
from services.installer.web.bodies import json_body
from shared.plumbing.http import correlation_id
from shared.plumbing.logging import to_json
from shared.plumbing.problems import to_problem


class _WireRoute(APIRoute):
    """Answers refusals as the platform does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except AddOnProblem as problem:
                return _error(request, problem.status, problem.message, problem.code)
            except Exception as error:  # noqa: BLE001 - whatever it is, the add-on reads one form of error only
                told = to_problem(error)
                status = HTTPStatus.BAD_REQUEST if told.status == HTTPStatus.UNPROCESSABLE_ENTITY else told.status
                return _error(request, status, told.detail or told.title, status, told.headers)

        return answered


def _error(request: Request, status: int, message: str, code: int, headers: dict[str, str] | None = None) -> Response:
    request.state.error_slug = f"addon-{code}"
    return Response(to_json({"message": message, "code": code}), status, headers, "application/json")


def _errors(**statuses: str) -> dict[int | str, dict[str, Any]]:
    schema = {
        "type": "object",
        "required": ["message", "code"],
        "properties": {"message": {"type": "string"}, "code": {"type": "integer"}},
        "example": {"message": "Token is not valid", "code": 4017},
    }
    told = {"_401": "The token is not valid (code 4017)", "_429": "Too many requests"} | statuses
    return {
        int(status.removeprefix("_")): {"description": why, "content": {"application/json": {"schema": schema}}}
        for status, why in sorted(told.items())
    }


def router(access: AddOnAccess, desk: AddOnDesk) -> APIRouter:
    """Routes beneath `apiUrl` and `backendUrl`."""
    api = APIRouter(prefix=WIRE_PATH, tags=["add-on"], route_class=_WireRoute)

    authenticated = Annotated[Caller, Depends(access.authenticated)]

    @api.get("/v1/workspaces/{workspace_id}", responses=_errors(_404="Not the token's workspace"))
    async def read_addon_workspace(workspace_id: str, caller: authenticated) -> dict[str, Any]:
        """The workspace of the installation."""
        return await desk.workspace(caller.within(workspace_id))

    @api.get("/addon/workspaces/{workspace_id}/user", responses=_errors(_404="Not the token's workspace"))
    async def read_addon_user(workspace_id: str, caller: authenticated) -> dict[str, Any]:
        """The person as whom the token acts."""
        return await desk.user(caller.within(workspace_id))

    @api.get("/addon/workspaces/{workspace_id}/settings", responses=_errors(_404="Not the token's workspace"))
    async def read_addon_settings(workspace_id: str, caller: authenticated) -> dict[str, Any]:
        """The manifest's settings with their present values."""
        return await desk.settings(caller.within(workspace_id))

    @api.patch(
        "/addon/workspaces/{workspace_id}/settings",
        responses=_errors(
            _400="A value that the manifest does not allow",
            _403="Not installed yet, or not an admin's token",
            _404="Not the token's workspace",
        ),
        openapi_extra={"requestBody": _SETTINGS_BODY},
    )
    async def write_addon_settings(workspace_id: str, caller: authenticated, request: Request) -> dict[str, Any]:
        """Set some values, all or none."""
        body = await json_body(request)
        return await desk.change_settings(caller.within(workspace_id), body, correlation_id(request))

    @api.post(
        "/addon/user/{user_id}/token",
        response_class=PlainTextResponse,
        responses=_errors(_403="Not installed yet, or not the installation's token", _404="Nobody of this workspace"),
    )
    async def exchange_addon_token(user_id: str, caller: authenticated) -> str:
        """A token with the rights of one person of the workspace, good for half an hour."""
        return await desk.user_token(caller, user_id)

    @api.get("/addon/token", responses=_errors())
    async def introspect_addon_token(caller: authenticated) -> dict[str, Any]:
        """What this token is and may do now: for the add-on, and for a product's API that is handed one."""
        return desk.introspection(caller)

    @api.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def no_such_addon_route(rest: str) -> None:
        raise AddOnProblem(404, f"No route {rest[:200]}", UNKNOWN_ROUTE)

    return api


_SETTINGS_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["id", "value"],
                    "properties": {"id": {"type": "string"}, "value": {}},
                    "additionalProperties": False,
                },
            },
            "example": [{"id": "per-day", "value": 5}],
        }
    },
}
