"""How bodies and problem documents look in a service's OpenAPI document."""

import re
from typing import Any

from pydantic import ConfigDict

from shared.plumbing.problems import MEDIA_TYPE

# The slugs that any route can answer with.
SLUGS = {
    "malformed-json": 400,
    "malformed-url": 400,
    "invalid-cursor": 400,
    "token-missing": 401,
    "token-invalid": 401,
    "token-expired": 401,
    "role-required": 403,
    "scope-missing": 403,  # a program's token; see shared.plumbing.security
    "not-found": 404,
    "method-not-allowed": 405,
    "body-too-large": 413,
    "unsupported-media-type": 415,
    "invalid-request": 422,
    "too-many-requests": 429,
    "internal-error": 500,
    "database-unavailable": 503,
    "keys-unavailable": 503,
    "newer-release": 503,  # a document that a newer release wrote, during a rolling upgrade
}
SCHEMA = {
    "title": "Problem",
    "description": "RFC 9457. Compare `slug`; the texts may change. Further members depend on the slug.",
    "type": "object",
    "required": ["type", "slug", "title", "status", "instance", "correlation_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "slug": {"type": "string", "pattern": "^[a-z0-9-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "correlation_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "rule", "message"],
                "properties": {"field": {"type": "string"}, "rule": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
# What every route that takes a user's token can answer, whether or not it needs one.
_TOKEN_SLUGS = ("token-missing", "token-invalid", "token-expired", "scope-missing")
_USER_SCHEME = "user"
_SLUG = re.compile("`([a-z0-9-]+)`")
_DECLARED = re.compile(r"([45]\d\d) ([a-z0-9-]+)")


def example(fields: dict[str, Any]) -> ConfigDict:
    """For a model: a body as the documentation shows it."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def problems(*declared: str | int) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's `responses` for a route: each is "404 some-slug", a slug of SLUGS, or a status alone."""
    slugs: dict[int, list[str]] = {}
    for each in declared:
        if isinstance(each, int):
            slugs.setdefault(each, [])
        elif match := _DECLARED.fullmatch(each):
            slugs.setdefault(int(match[1]), []).append(match[2])
        else:
            slugs.setdefault(SLUGS[each], []).append(each)
    return {status: _answer(names) for status, names in sorted(slugs.items())}


def add_problems(responses: dict[Any, dict[str, Any]], *declared: str, key: type = int) -> None:
    """Declare more for an operation than it declares itself; its `responses` have statuses of type `key`."""
    for status, answer in problems(*declared).items():
        told = responses.get(key(status))
        known = _SLUG.findall(told["description"]) if told else []
        merged = _answer(list(dict.fromkeys([*known, *_SLUG.findall(answer["description"])])))
        # What else the answer may be, such as a page, stays.
        content = {**(told or {}).get("content", {}), **merged["content"]}
        responses[key(status)] = {"description": merged["description"], "content": content}


def tell_of_token_refusals(document: dict[str, Any]) -> None:
    """Add to every operation that takes a user's token how that is refused. Doing it twice changes nothing."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if any(_USER_SCHEME in needed for needed in operation.get("security", ())):
                add_problems(operation["responses"], *_TOKEN_SLUGS, key=str)


def show_examples(document: dict[str, Any]) -> None:
    """One example of every problem that the operations tell of. Doing it twice changes nothing."""
    examples = document["components"].setdefault("examples", {})
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, told in operation["responses"].items():
                for slug in told.get("content", {}).get(MEDIA_TYPE, {}).get("examples", ()):
                    examples.setdefault(slug, {"value": _example(slug, int(status))})


def _answer(slugs: list[str]) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if slugs:
        content["examples"] = {slug: {"$ref": f"#/components/examples/{slug}"} for slug in slugs}
    return {
        "description": ", ".join(f"`{slug}`" for slug in slugs) or "A problem",
        "content": {MEDIA_TYPE: content},
    }


def _example(slug: str, status: int) -> dict[str, Any]:
    return {
        "type": f"https://souk.example/docs/problems#{slug}",
        "slug": slug,
        "title": slug.replace("-", " ").capitalize(),
        "status": status,
        "instance": "/api/auth/v1/me",
        "correlation_id": "d423ecf538124d888acb0180d108e403",
    }
