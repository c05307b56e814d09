"""Every request gets a result or a problem document, and one log line."""

import asyncio
from typing import Any

import bson.errors
import httpx
import pytest
import structlog
from fastapi import FastAPI
from pymongo.errors import AutoReconnect, DuplicateKeyError, ServerSelectionTimeoutError

from shared.plumbing.errors import Conflict, NotFound, TooMany, Unauthorized
from tests.unit.plumbing.api.shop import problem, raised


async def test_a_good_request_is_answered(client: httpx.AsyncClient) -> None:
    response = await client.post("/orders/s1", json={"name": "Tee", "count": 2})
    assert (response.status_code, response.json()["count"]) == (201, 2)


async def test_unknown_paths_and_slashes_at_the_end_are_not_found(client: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/orders/", "/orders/s1/", "//evil.example/"):
        response = await client.get(path, headers={"host": "evil.example"})
        problem(response, 404, "not-found")
        assert "location" not in response.headers


async def test_a_wrong_method_is_told_the_right_ones(client: httpx.AsyncClient) -> None:
    for path, allowed in (("/orders", "GET, HEAD, POST"), ("/orders/s1", "POST"), ("/ids", "GET, HEAD")):
        response = await client.delete(path)
        problem(response, 405, "method-not-allowed")
        assert response.headers.get_list("allow") == [allowed]


async def test_head_is_get_without_a_body(client: httpx.AsyncClient) -> None:
    head, get = await client.head("/orders"), await client.get("/orders")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_head_of_an_endless_stream_ends(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        assert (await client.head("/endless")).status_code == 200


async def test_refusals_of_handlers_keep_their_members_and_headers(client: httpx.AsyncClient) -> None:
    raised.append(Conflict("already-there", "It is there", "Since May.", since="2026-05-01", slug_hint=1))
    document = problem(await client.get("/raise"), 409, "already-there")
    assert (document["title"], document["detail"], document["since"]) == ("It is there", "Since May.", "2026-05-01")

    raised.append(TooMany("too-many-requests", "Slow down", retry_after=1.2))
    response = await client.get("/raise")
    problem(response, 429, "too-many-requests")
    assert response.headers["retry-after"] == "2"

    raised.append(Unauthorized("token-missing", "Who?"))
    assert (await client.get("/raise")).headers["www-authenticate"] == "Bearer"


async def test_members_of_the_standard_cannot_be_overwritten(client: httpx.AsyncClient) -> None:
    raised.append(NotFound("not-there", "No", type="evil", instance="evil", correlation_id="evil"))
    assert "evil" not in str(problem(await client.get("/raise"), 404, "not-there"))


async def test_a_bug_is_a_500_that_tells_nothing_and_is_logged_with_its_cause(
    client: httpx.AsyncClient, logs: list[Any]
) -> None:
    raised.append(RuntimeError("hunter2"))
    response = await client.get("/raise")
    problem(response, 500, "internal-error")
    assert "hunter2" not in response.text
    error, line = logs
    assert (error["event"], str(error["exc_info"])) == ("unhandled_error", "hunter2")
    assert error["correlation_id"] == response.headers["x-request-id"]
    assert (line["event"], line["log_level"], line["error_slug"]) == ("request", "error", "internal-error")


async def test_a_bug_in_the_middle_of_an_answer_cuts_it(client: httpx.AsyncClient, logs: list[Any]) -> None:
    with pytest.raises(RuntimeError):
        await client.get("/breaks-off")
    assert [line["event"] for line in logs] == ["unhandled_error", "request"]


@pytest.mark.parametrize("error", [ServerSelectionTimeoutError("db:27017 hunter2"), AutoReconnect("reset")])
async def test_a_database_that_is_away_is_a_503_to_be_repeated(client: httpx.AsyncClient, error: Exception) -> None:
    raised.append(error)
    response = await client.get("/raise")
    assert "hunter2" not in str(problem(response, 503, "database-unavailable"))
    assert response.headers["retry-after"] == "2"


async def test_another_error_of_the_database_is_a_bug(client: httpx.AsyncClient, logs: list[Any]) -> None:
    raised.append(DuplicateKeyError("E11000"))
    problem(await client.get("/raise"), 500, "internal-error")
    assert logs[0]["event"] == "unhandled_error"


@pytest.mark.parametrize(
    "error",
    [
        OverflowError("int too big"),
        bson.errors.InvalidDocument("key must not contain NUL"),
        bson.errors.InvalidStringData("surrogate"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
)
async def test_input_that_only_the_database_refuses_is_still_the_clients(
    client: httpx.AsyncClient, logs: list[Any], error: Exception
) -> None:
    raised.append(error)
    problem(await client.get("/raise"), 422, "invalid-request")
    assert [line["event"] for line in logs] == ["input_refused_late", "request"]


async def test_one_line_per_request_with_the_route_and_not_the_path(client: httpx.AsyncClient, logs: list[Any]) -> None:
    await client.post("/orders/s1?token=hunter2", json={"name": "Tee"}, headers={"x-request-id": "r1"})
    inner, line = logs
    assert (inner["event"], inner["correlation_id"]) == ("order_placed", "r1")
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "correlation_id": "r1",
        "method": "POST",
        "route": "/api/shop/v1/orders/{shop}",
        "status": 201,
        "error_slug": None,
    }


async def test_context_of_one_request_does_not_leak_into_the_next(client: httpx.AsyncClient, logs: list[Any]) -> None:
    structlog.contextvars.bind_contextvars(left_over="x")
    await client.get("/orders")
    assert "left_over" not in logs[0]
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.parametrize("given_id", ["r1", "a" * 64, "!~", "00-abc"])
async def test_a_fit_request_id_is_kept(client: httpx.AsyncClient, given_id: str) -> None:
    response = await client.get("/ids", headers={"x-request-id": given_id})
    assert response.headers["x-request-id"] == given_id
    assert response.json()[0] == given_id


@pytest.mark.parametrize("given_id", ["", "a" * 65, "a b", "é".encode().decode("latin-1"), "a\tb"])
async def test_an_unfit_request_id_is_replaced(client: httpx.AsyncClient, given_id: str) -> None:
    first, second = [
        (await client.get("/ids", headers={b"x-request-id": given_id.encode("latin-1")})).json()[0] for _ in range(2)
    ]
    assert len(first) == 32
    assert first not in (given_id, second)


@pytest.mark.parametrize(
    ("header", "kept"),
    [("00-" + "a" * 32 + "-" + "b" * 16 + "-01", True), ("00-short-01", False), ("x" * 55, False)],
)
async def test_a_trace_context_is_passed_on_if_it_is_one(client: httpx.AsyncClient, header: str, kept: bool) -> None:
    response = await client.get("/ids", headers={"traceparent": header})
    assert response.json()[1] == (header if kept else None)


async def test_openapi_shows_problems_as_what_they_are(api: FastAPI, client: httpx.AsyncClient) -> None:
    document = (await client.get("http://shop/api/shop/openapi.json")).json()
    assert document == api.openapi()
    assert set(document["components"]["schemas"]) == {"Order", "Problem"}
    operation = document["paths"]["/api/shop/v1/orders/{shop}"]["post"]
    assert operation["operationId"] == "place_order"
    responses = operation["responses"]
    assert sorted(responses) == ["201", "400", "401", "404", "409", "413", "415", "422", "503"]
    assert responses["404"]["description"] == "`shop-unknown`"
    assert responses["401"]["description"] == "`token-missing`"
    assert list(responses["422"]["content"]) == ["application/problem+json"]


async def test_there_is_no_page_to_try_things_out(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        problem(await client.get(f"http://shop{path}"), 404, "not-found")
