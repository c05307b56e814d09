"""What surrounds every request: its ids, its one log line, and the answer to what nobody caught.

Pure ASGI: the middleware of Starlette's base class costs ten times as much and runs the handler in another context.
"""

import re
import time
import uuid

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.plumbing import tracing
from shared.plumbing.metrics import REQUEST_SECONDS
from shared.plumbing.problems import answer, to_problem

log = structlog.get_logger()

_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,64}")
_TRACEPARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_CLIENT_GONE = 499  # nginx's number for it
_SERVER_ERROR = 500
# A client may invent methods; a metric's labels must stay few.
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


def correlation_id(request: Request) -> str:
    """Return the id that goes into every log line, problem and event of this request."""
    found: str = request.state.correlation_id
    return found


def traceparent(request: Request) -> str | None:
    """Return the W3C trace context of this request: of its span, else what came in, if it is well formed."""
    found: str | None = request.state.traceparent
    return found


class RequestContext:
    """Binds the correlation id (X-Request-Id if it is fit, else a new one), logs `request`, answers what nobody caught.

    HEAD is answered as GET without its body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        method = scope["method"]
        state = scope.setdefault("state", {})
        headers = dict(scope["headers"])
        wanted, trace = headers.get(b"x-request-id", b""), headers.get(b"traceparent", b"")
        state["correlation_id"] = wanted.decode() if _REQUEST_ID.fullmatch(wanted) else uuid.uuid4().hex
        came_in = trace.decode() if _TRACEPARENT.fullmatch(trace) else None
        method_known = method if method in _METHODS else "other"
        span = tracing.begin(tracing.SpanKind.SERVER, method_known, came_in, {"http.request.method": method_known})
        state["traceparent"] = tracing.traceparent_of(span)
        state["error_slug"] = None
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=state["correlation_id"])
        status = 0

        async def reply(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", state["correlation_id"].encode())]
            elif method == "HEAD":
                await send({**message, "body": b"", "more_body": False})
                if message.get("more_body"):
                    raise ClientDisconnect  # nobody reads on; a stream without end must not run
                return
            await send(message)

        try:
            if method == "HEAD":
                scope = {**scope, "method": "GET"}  # a copy: the server looks at its own to leave out the body
            await self._app(scope, receive, reply)
        except ClientDisconnect:
            status = status or _CLIENT_GONE
        except Exception as error:
            problem = to_problem(error)
            if status:  # too late for a document; the server cuts the connection
                raise
            await answer(Request(scope), problem)(scope, receive, reply)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", None)
            status = status or _CLIENT_GONE
            REQUEST_SECONDS.labels(method_known, route, status).observe(seconds)
            _end(span, method_known, route, status, state["error_slug"])
            (log.error if status >= _SERVER_ERROR else log.info)(
                "request",
                method=method,
                route=route,
                status=status,
                duration_ms=round(seconds * 1000, 2),
                error_slug=state["error_slug"],
            )
            structlog.contextvars.clear_contextvars()


def _end(span: tracing.Span, method: str, route: str | None, status: int, slug: str | None) -> None:
    if route:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    if slug:
        span.set_attribute("souk.error_slug", slug)
    if status >= _SERVER_ERROR:
        tracing.fail(span, str(status))
    span.end()
