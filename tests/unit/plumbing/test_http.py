"""Every request gets a result or a problem document, and one log line."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import bson.errors
import httpx
import pytest
import structlog
from fastapi import APIRouter, Depends, FastAPI, Query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from pymongo.errors import AutoReconnect, DuplicateKeyError, ServerSelectionTimeoutError
from starlette.responses import StreamingResponse
from structlog.testing import capture_logs

from shared.plumbing.errors import Conflict, NotFound, TooMany, Unauthorized
from shared.plumbing.http import correlation_id, create_api, internal_app, problems, traceparent
from shared.plumbing.settings import PlatformSettings

SETTINGS = PlatformSettings(
    public_url="https://souk.example",
    mongo_url="mongodb://db",
    kafka_bootstrap_servers="kafka:9092",
    users_jwks_url="https://souk.example/jwks",
)
LIMIT = 100_000
router = APIRouter(prefix="/api/shop/v1")
raised: list[Exception] = []


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    count: int = 1
    weight: float = 0
    password: str | None = None
    more: Any = None


@router.post("/orders/{shop}", status_code=201, responses=problems("404 shop-unknown", "token-missing", 409))
async def place_order(shop: str, order: Order) -> Order:
    structlog.get_logger().info("order_placed", shop=shop)
    return order


@router.get("/orders")
async def list_orders(limit: Annotated[int, Query(le=100)] = 10) -> list[int]:
    return list(range(limit))


@router.get("/raise")
async def fail() -> None:
    raise raised.pop()


@router.get("/ids")
async def ids(
    found: Annotated[str, Depends(correlation_id)], trace: Annotated[str | None, Depends(traceparent)]
) -> list[str | None]:
    return [found, trace]


@router.get("/endless")
async def endless() -> StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"tick\n"
            await asyncio.sleep(0)

    return StreamingResponse(ticks())


@router.get("/breaks-off")
async def breaks_off() -> StreamingResponse:
    async def halves() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("hunter2")

    return StreamingResponse(halves())


@pytest.fixture(scope="module")
def api() -> FastAPI:
    return create_api(
        service="shop", title="Shop", version="1", settings=SETTINGS, routers=[router], max_body=LIMIT, description="d"
    )


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(api)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/shop/v1") as client:
        yield client


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """Check the form of a problem document and return it."""
    document: dict[str, Any] = response.json()
    assert (response.status_code, document["slug"]) == (status, slug)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert document["type"] == f"https://souk.example/docs/problems#{slug}"
    assert document["status"] == status
    assert document["instance"] == response.request.url.path
    assert document["correlation_id"] == response.headers["x-request-id"]
    return document


async def post(client: httpx.AsyncClient, content: bytes, kind: str = "application/json") -> httpx.Response:
    return await client.post("/orders/s1", content=content, headers={"content-type": kind})


async def test_a_good_request_is_answered(client: httpx.AsyncClient) -> None:
    response = await client.post("/orders/s1", json={"name": "Tee", "count": 2})
    assert (response.status_code, response.json()["count"]) == (201, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'name': 1}",
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b"[" * 50_000,
        b'{"a":' * 15_000,
        b'{"name": ' + b"9" * 5_000 + b"}",
        '{"name": "Tee"}'.encode("utf-16"),
        '{"name": "Tee"}'.encode("utf-32"),
        b'{"name": "a\x00b"}',
    ],
    ids=range(10),
)
async def test_what_is_no_json_is_malformed(client: httpx.AsyncClient, body: bytes) -> None:
    problem(await post(client, body), 400, "malformed-json")


async def test_a_syntax_error_is_shown_where_it_is(client: httpx.AsyncClient) -> None:
    document = problem(await post(client, b'{"name": }'), 400, "malformed-json")
    assert document["detail"] == "Expecting value at character 9."


async def test_every_broken_rule_names_field_rule_and_what_was_given(client: httpx.AsyncClient) -> None:
    document = problem(await client.post("/orders/s1", json={"count": "two", "colour": "red"}), 422, "invalid-request")
    assert document["detail"] == "3 rules are broken; see errors."
    assert [(error["field"], error["rule"], error.get("given")) for error in document["errors"]] == [
        ("name", "missing", None),
        ("count", "int_parsing", "two"),
        ("colour", "extra_forbidden", "red"),
    ]
    assert document["errors"][0]["message"] == "Field required"


async def test_a_wrong_query_parameter_is_named_with_its_place(client: httpx.AsyncClient) -> None:
    document = problem(await client.get("/orders?limit=101"), 422, "invalid-request")
    assert [(error["field"], error["given"]) for error in document["errors"]] == [("query.limit", "101")]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a", "password": 12345},
        {"name": "a", "new_password": "12345"},
        {"name": {"deep": "12345"}},
        {"name": ["12345"]},
        {"count": {"password": "12345"}},
        {"password": "12345"},
        ["12345"],
        "12345",
    ],
    ids=range(8),
)
async def test_a_refusal_never_echoes_what_could_be_secret(client: httpx.AsyncClient, body: Any) -> None:
    response = await client.post("/orders/s1", json=body)
    problem(response, 422, "invalid-request")
    if body != "12345":
        assert "12345" not in response.text


async def test_long_and_numerous_faults_are_cut(client: httpx.AsyncClient) -> None:
    body = {"count": "x" * 50_000, **{f"{number}-{'y' * 300}": 1 for number in range(100)}}
    response = await client.post("/orders/s1", json=body)
    document = problem(response, 422, "invalid-request")
    assert len(document["errors"]) == 20
    assert document["detail"] == "102 rules are broken; see errors."
    assert len(response.content) < 8_000


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
async def test_odd_numbers_do_no_harm(client: httpx.AsyncClient, number: str) -> None:
    for field in ("count", "weight", "more", "name"):
        response = await post(client, f'{{"name": "a", "{field}": {number}}}'.encode())
        assert response.status_code in (201, 422)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (rb'{"name": "a\u0000b"}', "name"),
        (rb'{"name": "a\ud800b"}', "name"),
        (rb'{"name": "a\uDFFF"}', "name"),
        (b'{"name": "a\xed\xa0\x80b"}', "name"),
        (rb'{"name": "a", "more": {"list": [1, "\u0000"]}}', "more.list.1"),
        (rb'{"name": "a", "more": {"\u0000": 1}}', "more"),
        (rb'"\u0000"', "body"),
    ],
)
async def test_text_that_is_no_text_is_refused_with_its_place(
    client: httpx.AsyncClient, body: bytes, field: str
) -> None:
    document = problem(await post(client, body), 422, "invalid-request")
    assert [(error["field"], error["rule"]) for error in document["errors"]] == [(field, "text")]


@pytest.mark.parametrize("body", [rb'{"name": "\ud83d\ude00"}', rb'{"name": "\\u0000"}', '{"name": "퟿"}'.encode()])
async def test_text_that_only_looks_odd_passes(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await post(client, body)).status_code == 201


async def test_a_body_of_another_kind_is_refused(client: httpx.AsyncClient) -> None:
    for kind in ("text/plain", "text/html", "nonsense", "application/x-www-form-urlencoded"):
        document = problem(await post(client, b'{"name": "12345"}', kind), 422, "invalid-request")
        assert "12345" not in json.dumps(document)


async def test_a_missing_body_is_refused(client: httpx.AsyncClient) -> None:
    problem(await client.post("/orders/s1"), 422, "invalid-request")


async def test_a_body_over_the_limit_is_refused_with_its_declared_length(client: httpx.AsyncClient) -> None:
    document = problem(await post(client, b"x" * 10_000_000), 413, "body-too-large")
    assert document["detail"] == f"At most {LIMIT} bytes are accepted."


async def test_a_chunked_body_is_counted(client: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10_000_000:
            sent += 10_000
            yield b" " * 10_000

    response = await client.post("/orders/s1", content=chunks(), headers={"content-type": "application/json"})
    problem(response, 413, "body-too-large")


async def test_a_chunked_body_within_the_limit_is_read(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for character in b'{"name": "Tee"}':
            yield bytes([character])

    response = await client.post("/orders/s1", content=chunks(), headers={"content-type": "application/json"})
    assert response.status_code == 201


@pytest.mark.parametrize("path", ["/orders/a%00b", "/orders?limit=%00", "/%00"])
async def test_nul_in_the_address_is_refused(client: httpx.AsyncClient, path: str) -> None:
    problem(await client.get(path), 400, "malformed-url")


async def test_unknown_paths_and_slashes_at_the_end_are_not_found(client: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/orders/", "/orders/s1/", "//evil.example/"):
        response = await client.get(path, headers={"host": "evil.example"})
        problem(response, 404, "not-found")
        assert "location" not in response.headers


async def test_a_wrong_method_is_told_the_right_one(client: httpx.AsyncClient) -> None:
    response = await client.delete("/orders")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET"


async def test_head_is_get_without_a_body(client: httpx.AsyncClient) -> None:
    head, get = await client.head("/orders"), await client.get("/orders")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_head_of_an_endless_stream_ends(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(5):
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


async def test_another_error_of_the_database_is_a_bug(client: httpx.AsyncClient) -> None:
    raised.append(DuplicateKeyError("E11000"))
    problem(await client.get("/raise"), 500, "internal-error")


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


@given(
    body=st.binary(max_size=200)
    | st.text(max_size=50).map(lambda text: json.dumps({"name": text, "more": text}).encode())
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_no_body_gives_a_5xx(api: FastAPI, body: bytes) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://shop/api/shop/v1") as client:
        assert (await post(client, body)).status_code < 500


async def test_openapi_shows_problems_as_what_they_are(api: FastAPI, client: httpx.AsyncClient) -> None:
    document = (await client.get("http://shop/api/shop/openapi.json")).json()
    assert document == api.openapi()
    assert set(document["components"]["schemas"]) == {"Order", "Problem"}
    operation = document["paths"]["/api/shop/v1/orders/{shop}"]["post"]
    assert operation["operationId"] == "place_order"
    responses = operation["responses"]
    assert sorted(responses) == ["201", "400", "401", "404", "409", "413", "422", "503"]
    assert responses["404"]["description"] == "`shop-unknown`"
    assert responses["401"]["description"] == "`token-missing`"
    assert list(responses["422"]["content"]) == ["application/problem+json"]


async def test_there_is_no_page_to_try_things_out(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        problem(await client.get(f"http://shop{path}"), 404, "not-found")


def test_a_slug_that_nobody_declared_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="no-such-slug"):
        problems("no-such-slug")


Checks = dict[str, tuple[bool, str]]


@pytest.mark.parametrize(
    ("checks", "status"),
    [({"a": (True, "fine")}, 200), ({"a": (True, "fine"), "b": (False, "stuck")}, 503), ({}, 200)],
)
async def test_health_is_as_good_as_its_worst_check(checks: Checks, status: int) -> None:
    async def live() -> Checks:
        return checks

    async def broken() -> Checks:
        raise RuntimeError("no")

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(internal_app(live=live, ready=broken)), base_url="http://internal"
    ) as client:
        response = await client.get("/live")
        assert response.status_code == status
        assert response.json() == {
            "status": "ok" if status == 200 else "failing",
            "checks": {name: {"ok": ok, "detail": detail} for name, (ok, detail) in checks.items()},
        }
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["checks"]["ok"]) == (503, False)


async def test_a_check_that_hangs_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.plumbing.http._CHECK_SECONDS", 0.01)

    async def hang() -> Checks:
        await asyncio.Event().wait()
        return {}

    transport = httpx.ASGITransport(internal_app(live=hang, ready=hang))
    async with httpx.AsyncClient(transport=transport, base_url="http://internal") as client:
        assert (await client.get("/live")).status_code == 503


async def test_metrics_hold_requests_and_the_process(client: httpx.AsyncClient) -> None:
    async def fine() -> Checks:
        return {}

    await client.request("INVENTED", "/orders")
    await client.get("/orders")
    transport = httpx.ASGITransport(internal_app(live=fine, ready=fine))
    async with httpx.AsyncClient(transport=transport, base_url="http://internal") as internal:
        text = (await internal.get("/metrics")).text
    assert 'souk_request_seconds_count{method="GET",route="/api/shop/v1/orders",status="200"}' in text
    assert "INVENTED" not in text
    assert "process_resident_memory_bytes" in text
