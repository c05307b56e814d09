"""What a request for an installation brings: its body and its `Idempotency-Key`."""

import json
import re
from hashlib import sha256
from typing import Annotated, Any, Literal

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.plumbing import strict_json
from shared.plumbing.errors import Invalid, Problem
from shared.plumbing.problems import require_json
from shared.plumbing.strict_json import DoubledKeyError

HexId = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$", description="24 hex characters")]
AddOnKey = Annotated[str, Field(min_length=1, max_length=50, description="The manifest's `key`")]
_KEY = re.compile(r"[\x21-\x7e]{1,64}")


class InstallRequest(BaseModel):
    """Ask for an add-on in a workspace."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"workspace_id": "65f1c0ffee0123456789abcd", "addon_key": "timer", "acknowledge": ["region"]}]
        },
    )

    workspace_id: HexId
    addon_key: AddOnKey
    acknowledge: tuple[Literal["region", "will-wait"], ...] = Field(
        default=(),
        max_length=10,
        description="Warnings that the visitor has seen; `region` must be named where preflight gives it.",
    )
    if_unavailable: Literal["wait", "fail"] = Field(
        default="wait", description="Whether to wait (7 days at most) for an add-on that is down."
    )

    def digest(self) -> str:
        """Equal for requests that ask for the same, however they are written."""
        asked = (self.workspace_id, self.addon_key, sorted(set(self.acknowledge)), self.if_unavailable)
        return sha256(json.dumps(asked).encode()).hexdigest()[:32]


def idempotency_key(request: Request) -> str:
    """The caller's name for this request.

    Raises Problem 400 `idempotency-key-missing` or 422 `idempotency-key-invalid`.
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        raise Problem(
            "idempotency-key-missing",
            400,
            "Idempotency-Key is missing",
            "Send a fresh key of your own with each new request, and the same one when you repeat it.",
        )
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise Invalid(
            "idempotency-key-invalid", "Idempotency-Key is not usable", "It is one text of 1 to 64 visible ASCII."
        )
    return given[0]


async def install_request(request: Request) -> InstallRequest:
    """The body, read strictly: a field given twice is refused, because readers differ in which one they keep."""
    try:
        return InstallRequest.model_validate(await json_body(request))
    except ValidationError as error:
        found = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        raise RequestValidationError(found) from None


async def json_body(request: Request) -> Any:
    """The body's JSON.

    Raises Problem 415 `unsupported-media-type`, 400 `malformed-json`, and 422 for a key that stands twice in an object.
    """
    require_json(request)
    try:
        return strict_json.parse(await request.body())
    except DoubledKeyError as error:
        fault = {"type": "duplicate_field", "loc": ("body", error.key), "msg": "The field is given twice"}
        raise RequestValidationError([fault]) from None
    except (ValueError, RecursionError) as error:
        detail = f"{error.msg} at character {error.pos}." if isinstance(error, json.JSONDecodeError) else None
        raise Problem("malformed-json", 400, "The body is not JSON", detail) from None


_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "1 to 64 visible ASCII characters of the caller's own; repeat it when repeating the request.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,64}$"},
    "example": "install-timer-7f3a",
}
DOCUMENTATION = {
    "parameters": [_KEY_PARAMETER],
    "requestBody": {"required": True, "content": {"application/json": {"schema": InstallRequest.model_json_schema()}}},
}
"""Of the two in OpenAPI; the route reads them itself."""
