"""Every refusal and failure of an API as a problem document (RFC 9457): `application/problem+json` with a stable slug.

What goes wrong with the input is a 4xx, whatever raised it; a database that is away is a 503; only our own faults are
a 500, which tells the client nothing but the correlation id.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import bson.errors
import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.plumbing.errors import Invalid, Problem, Unavailable
from shared.plumbing.logging import names_a_secret, to_json
from shared.plumbing.mongo import is_infrastructure_fault

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
_MAX_ERRORS = 20
_MAX_GIVEN = 100
_SAFE_INTEGER = 2**53
# pydantic's error types whose message names a type of Python's, and what JSON calls it.
_KINDS = {
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type", "iterable_type"), "a list"),
    **dict.fromkeys(
        ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"), "an object"
    ),
    "none_required": "null",
}
# How messages begin that need only another word: those of our own validators, and those about lengths.
_WORDS = {
    **dict.fromkeys(("Value error, ", "Assertion failed, "), ""),
    **dict.fromkeys(("Tuple ", "Set ", "Frozenset "), "List "),
    "Dictionary ": "Object ",
}
_OURS = re.compile("^(?:" + "|".join(_WORDS) + ")")


_MAINTENANCE = "maintenance"
"""What a page shows in place of what it cannot get from us now, as for a failure of the add-on's."""


def answer(request: Request, problem: Problem) -> Response:
    """Return the document; `type` is a page of the documentation, `instance` the path without its query."""
    state = request.state
    state.error_slug = problem.slug
    document = {
        **problem.extensions,
        "type": f"{request.app.state.public_url}/docs/problems#{problem.slug}",
        "slug": problem.slug,
        "title": problem.title,
        "status": problem.status,
        "instance": request.scope["path"],
        "correlation_id": getattr(state, "correlation_id", None),
    }
    if problem.detail is not None:
        document["detail"] = problem.detail
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        document["screen"] = _MAINTENANCE  # `Retry-After` says when to look again
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(to_json(document), problem.status, headers, MEDIA_TYPE)


async def handle(request: Request, error: Exception) -> Response:
    problem = to_problem(error)
    if problem.slug == "method-not-allowed":
        problem.headers |= _allow(request)
    return answer(request, problem)


def _allow(request: Request) -> dict[str, str]:
    """Return all methods of the path; the router names those of its first route only."""
    path = getattr(request.scope.get("route"), "path", "")
    methods = [method.upper() for method in request.app.openapi()["paths"].get(path, ())]
    return {"Allow": ", ".join(sorted([*methods, *(["HEAD"] if "GET" in methods else [])]))} if methods else {}


def to_problem(error: Exception) -> Problem:
    """Return what the client is told about any exception. Logs what only we can repair."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _from_validation(error)
        case HTTPException():
            return _from_http(error)
        case OverflowError() | UnicodeError() | bson.errors.BSONError():
            # Only input gets this far: numbers beyond 64 bits, text that is no text. A model should have caught it.
            log.warning("input_refused_late", exc_info=error)
            return Invalid("invalid-request", "The request is not valid", "A value cannot be stored.")
    if is_infrastructure_fault(error):
        log.warning("database_unavailable", error=repr(error))
        return Unavailable(
            "database-unavailable", "The database cannot be reached", "Repeat the request later.", retry_after=2
        )
    log.error("unhandled_error", exc_info=error)
    return Problem(
        "internal-error", 500, "Something went wrong on our side", "The operator finds it by correlation_id."
    )


def require_json(request: Request) -> None:
    """For routes that read their body themselves. Raises 415 `unsupported-media-type`."""
    # The guard against text that is no text looks at JSON only, so nothing else may be read as JSON.
    if "json" not in request.headers.get("content-type", ""):
        raise _not_declared_as_json()


def _not_declared_as_json() -> Problem:
    return Problem("unsupported-media-type", 415, "The body is not declared as JSON", "Send application/json.")


def _from_http(error: HTTPException) -> Problem:
    headers = {name.title(): value for name, value in (error.headers or {}).items()}
    match error.status_code:
        case 400:  # FastAPI: the body is not UTF-8, nested too deeply, or has a number too long
            return Problem("malformed-json", 400, "The body is not JSON that can be read")
        case 404:
            return Problem("not-found", 404, "There is nothing at this path", "No path ends with a slash.")
        case 405:
            return Problem("method-not-allowed", 405, "This path does not take this method", headers=headers)
    return Problem(f"http-{error.status_code}", error.status_code, str(error.detail), headers=headers)


def _from_validation(error: RequestValidationError) -> Problem:
    if isinstance(error.body, bytes):  # FastAPI parses what is declared as JSON, and hands on the rest as it came
        return _not_declared_as_json()
    errors = error.errors()
    if errors and errors[0]["type"] == "json_invalid":
        where = f"{errors[0]['ctx']['error']} at character {errors[0]['loc'][-1]}."
        return Problem("malformed-json", 400, "The body is not JSON", where)
    found = [_error(each) for each in errors[:_MAX_ERRORS]]
    return Invalid("invalid-request", "The request is not valid", _count(len(errors)), errors=found)


def _count(number: int) -> str:
    return "One rule is broken; see errors." if number == 1 else f"{number} rules are broken; see errors."


def _error(error: Mapping[str, Any]) -> dict[str, Any]:
    place, *rest = [str(part) for part in error["loc"]] or ["body"]
    path = rest if place == "body" and rest else [place, *rest]
    told = {"field": shorten(".".join(path)), "rule": error["type"], "message": shorten(_in_words_of_json(error), 300)}
    given = error.get("input")
    # A missing field's input is its whole parent, and a container could hold a secret beside the fault.
    if error["type"] != "missing" and (given is None or isinstance(given, str | int | float)):
        told["given"] = "***" if any(names_a_secret(part) for part in path) else _scalar(given)
    return told


def _in_words_of_json(error: Mapping[str, Any]) -> str:
    """Say what pydantic says of Python's types in the words of who sends JSON."""
    if error["type"] in _KINDS:
        return f"Input should be {_KINDS[error['type']]}"
    return _OURS.sub(lambda found: _WORDS[found[0]], str(error["msg"]))


def _scalar(value: Any) -> Any:
    if isinstance(value, str) or (isinstance(value, int) and abs(value) > _SAFE_INTEGER):
        return shorten(str(value))
    return value


def shorten(text: str, length: int = _MAX_GIVEN) -> str:
    """Cut text that a client gave, and make it fit for any encoder."""
    text = text if len(text) <= length else text[:length] + "…"
    return text.encode("utf-8", "backslashreplace").decode()
