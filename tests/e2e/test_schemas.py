"""Requests made from the OpenAPI documents: the services answer as documented, never with 5xx, and in time."""

import functools
import json
import secrets
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Err
from schemathesis.openapi.checks import UndefinedStatusCode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.marketplace import Marketplace
from tests.e2e.people import Caller

DOCUMENTS = Path(__file__).parents[2] / "docs" / "openapi"
SERVICES = ("auth", "catalog", "installer", "notifier")
Operation = APIOperation[Any, Any, Any, Any]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CALM: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
}
TOO_LONG = 431
"""The gateway's own word on an address of more than 32 kB, which no service sees."""
ANSWERED_WITHIN = 20.0
"""Seconds. A hang, not a slow machine, is what it tells."""


@functools.cache  # reading a document takes longer than trying one of its operations
def operations(service: str, *, without: str | None = None) -> dict[str, Operation]:
    """Every operation of a service."""
    document = json.loads((DOCUMENTS / f"{service}.json").read_text())
    if without is not None:
        for told in document["paths"].values():
            for operation in told.values():
                operation["responses"].pop(without, None)
    found = {}
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        if isinstance(result, Err):
            raise result.err()
        operation = result.ok()
        found[f"{operation.method.upper()} {operation.path}"] = operation
    return found


def params() -> list[Any]:
    """All operations but the streams, which end only with their reader."""
    return [
        pytest.param(service, f"{method.upper()} {path}", id=f"{service} {method.upper()} {path}")
        for service in SERVICES
        for path, told in json.loads((DOCUMENTS / f"{service}.json").read_text())["paths"].items()
        for method, operation in sorted(told.items())
        if "text/event-stream" not in operation["responses"].get("200", {}).get("content", {})
    ]


def try_out(operation: Operation, url: str, token: str, *, examples: int = 1) -> None:
    """Send what fits the document, and what does not. Raises schemathesis' failures."""
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=examples, **CALM)
        def answers_as_documented(case: Case[Any]) -> None:
            made = {name: str(value) for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
            answer = case.call(
                base_url=url,
                headers={"Idempotency-Key": secrets.token_hex(8), **made, "Authorization": f"Bearer {token}"},
                timeout=ANSWERED_WITHIN,
                allow_redirects=False,
            )
            if answer.status_code != TOO_LONG:
                case.validate_response(answer, checks=CHECKS)

        try:
            answers_as_documented()
        except hypothesis.errors.Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing about it can be wrong


@pytest.fixture(scope="module")
def someone(marketplace: Marketplace) -> Caller:
    """Somebody with an account to lose."""
    return marketplace.customer("Schema")


# The threads that watch the topics use chance as well, which looks to hypothesis as if the strategy did.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize(
    "as_operator", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["somebody", "an operator"]
)
@pytest.mark.parametrize(("service", "name"), params())
def test_a_request_made_from_the_document_is_answered_as_the_document_says(
    marketplace: Marketplace, someone: Caller, service: str, name: str, *, as_operator: bool
) -> None:
    caller = marketplace.operator if as_operator else someone
    answer = caller.send("GET", "/api/auth/v1/me")
    if answer.status_code != httpx.codes.OK:  # another operation has ended the account
        caller.open_account(marketplace.mailbox)

    try_out(operations(service)[name], marketplace.url, caller.token, examples=6 if as_operator else 1)


@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
def test_an_answer_that_the_document_does_not_tell_of_is_seen(marketplace: Marketplace) -> None:
    listing = operations("auth", without="200")["GET /api/auth/v1/providers"]

    with pytest.raises(FailureGroup) as failed:
        try_out(listing, marketplace.url, marketplace.admin.token)
    assert [type(one) for one in failed.value.exceptions] == [UndefinedStatusCode]
