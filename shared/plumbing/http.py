"""The two HTTP faces of a service: its API behind the gateway, and health and metrics on a port that nobody routes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Lifespan

from shared.plumbing.errors import Problem
from shared.plumbing.input_guard import InputGuard
from shared.plumbing.logging import to_json
from shared.plumbing.openapi import SCHEMA, problems, show_examples, tell_of_token_refusals
from shared.plumbing.paging import Page, decode_cursor, encode_cursor
from shared.plumbing.problems import handle
from shared.plumbing.request_context import RequestContext, correlation_id, traceparent
from shared.plumbing.settings import PlatformSettings

__all__ = [
    "Page",
    "correlation_id",
    "create_api",
    "decode_cursor",
    "encode_cursor",
    "internal_app",
    "problems",
    "traceparent",
]

log = structlog.get_logger()

# Name -> (healthy, detail).
Checks = Callable[[], Awaitable[Mapping[str, tuple[bool, str]]]]
_CHECK_SECONDS = 3.0
# Any route can meet these; each declares its own beside them.
_COMMON = problems(
    *("malformed-json", "malformed-url", "body-too-large", "unsupported-media-type", "invalid-request"),
    "database-unavailable",
)


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = SCHEMA
        tell_of_token_refusals(document)
        show_examples(document)
        return document


def create_api(
    *,
    service: str,
    title: str,
    version: str,
    settings: PlatformSettings,
    routers: Sequence[APIRouter],
    lifespan: Lifespan[Any] | None = None,
    max_body: int = 1_000_000,
    description: str = "",
) -> FastAPI:
    """Return the API of a service. `max_body` is in bytes; routes read `app.state`, which the caller fills.

    Handlers get JSON that is text, at most `max_body` of it; whatever they raise becomes a problem document.
    """
    api = _Api(
        title=title,
        version=version,
        description=description,
        openapi_url=f"/api/{service}/openapi.json",
        docs_url=None,
        redoc_url=None,
        # A redirect would be built from the Host header, which is the client's to choose.
        redirect_slashes=False,
        lifespan=lifespan,
        responses=_COMMON,
        generate_unique_id_function=lambda route: route.name,
        exception_handlers={Problem: handle, HTTPException: handle, RequestValidationError: handle},
    )
    api.state.public_url = settings.public_url
    api.state.service = service
    for router in routers:
        api.include_router(router)
    api.add_middleware(InputGuard, max_body=max_body)
    api.add_middleware(RequestContext)  # added last: outermost
    return api


def internal_app(*, live: Checks, ready: Checks) -> Starlette:
    """Return GET /live, /ready (200 or 503, with every check by name) and /metrics (Prometheus, with the process's)."""

    def health(checks: Checks) -> Callable[[Request], Awaitable[Response]]:
        async def respond(_: Request) -> Response:
            try:
                found = dict(await asyncio.wait_for(checks(), _CHECK_SECONDS))
            except Exception as error:  # noqa: BLE001 - a check that fails or hangs is the answer
                log.warning("health_check_failed", error=repr(error))
                found = {"checks": (False, repr(error))}
            healthy = all(ok for ok, _ in found.values())
            document = {
                "status": "ok" if healthy else "failing",
                "checks": {name: {"ok": ok, "detail": detail} for name, (ok, detail) in found.items()},
            }
            return Response(to_json(document), 200 if healthy else 503, media_type="application/json")

        return respond

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[Route("/live", health(live)), Route("/ready", health(ready)), Route("/metrics", metrics)],
    )
