"""Routes behind mailed links: as JSON they answer JSON, as the page's form a page, refusals too."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from services.auth.accounts.pages import refused_page
from services.auth.views import Asked
from shared.plumbing.errors import Problem
from shared.plumbing.http import problems
from shared.plumbing.problems import require_json

_FORM = "application/x-www-form-urlencoded"
_PAGE: dict[str, Any] = {"text/html": {}}

Body = TypeVar("Body", bound=Asked)
Answer = TypeVar("Answer")


def answers(done: str, *slugs: str) -> dict[int | str, dict[str, Any]]:
    """What such a route may answer, for its documentation."""
    refusals = problems(
        *(
            "malformed-json",
            "invalid-request",
            "404 link-unknown",
            "410 link-used",
            "410 link-expired",
            "too-many-requests",
        ),
        *slugs,
    )
    return {
        200: {"description": done, "content": _PAGE},
        **{status: {**answer, "content": answer["content"] | _PAGE} for status, answer in refusals.items()},
    }


def takes(model: type[Asked]) -> dict[str, Any]:
    """What such a route takes, for its documentation."""
    content = {kind: {"schema": model.model_json_schema()} for kind in ("application/json", _FORM)}
    return {"requestBody": {"required": True, "content": content}}


async def serve(
    request: Request,
    model: type[Body],
    use: Callable[[Body], Awaitable[Answer]],
    page: Callable[[Answer], HTMLResponse],
) -> Answer | HTMLResponse:
    """Read the body, `use` it, and answer as it was asked."""
    raw = await request.body()
    if not request.headers.get("content-type", "").startswith(_FORM):
        require_json(request)
        return await use(_from_json(model, raw))
    try:
        answer = await use(_from_form(model, raw))
    except Problem as problem:
        request.state.error_slug = problem.slug
        refused = refused_page(problem.status, problem.title, problem.detail or "")
        refused.headers.update(problem.headers)
        return refused
    except ValidationError as exc:
        if any("password" in error["loc"] for error in exc.errors(include_input=False)):
            return refused_page(422, "This will not do", "A password has 10 to 1000 characters. Go back and try again.")
        return _not_ours()
    except ValueError:
        return _not_ours()
    return page(answer)


def _from_form(model: type[Body], raw: bytes) -> Body:
    # What is no UTF-8 was not typed into our page; replaced by something else it would become a password.
    fields = parse_qs(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=5)
    return model.model_validate({name: values[0] for name, values in fields.items() if name in model.model_fields})


def _from_json(model: type[Body], raw: bytes) -> Body:
    try:
        return model.model_validate_json(raw)
    except ValidationError as exc:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in exc.errors()]
        if errors[0]["type"] == "json_invalid":
            raise Problem("malformed-json", 400, "The body is not JSON") from None
        raise RequestValidationError(errors) from None


def _not_ours() -> HTMLResponse:
    return refused_page(400, "This form is not ours", "Open the link in your mail once more.")
