"""What a client may send, and that each of it gets a clear refusal or a result."""

import json
import time
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from shared.plumbing.http import create_api, problems
from tests.unit.plumbing.api.shop import LIMIT, SETTINGS, post, problem


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


class _Place(BaseModel): ...


class _Basket(BaseModel):
    rows: tuple[int, ...] = Field(default=(), max_length=1)
    tags: frozenset[str] = frozenset()
    prices: dict[str, int] = {}
    place: _Place | None = None
    nothing: None = None
    even: int = 0

    @field_validator("even")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "Input should be an object"),
        ({"rows": "x"}, "Input should be a list"),
        ({"tags": 1}, "Input should be a list"),
        ({"prices": []}, "Input should be an object"),
        ({"place": "x"}, "Input should be an object"),
        ({"nothing": 1}, "Input should be null"),
        ({"rows": [1, 2]}, "List should have at most 1 item after validation, not 2"),
        ({"even": 3}, "must be even"),
        ({"even": "x"}, "Input should be a valid integer, unable to parse string as an integer"),
    ],
)
async def test_messages_are_in_words_of_json(body: Any, message: str) -> None:
    router = APIRouter()

    @router.put("/basket")
    async def keep(basket: _Basket) -> None: ...

    api = create_api(service="x", title="X", version="1", settings=SETTINGS, routers=[router])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://x") as own:
        document = problem(await own.put("/basket", json=body), 422, "invalid-request")
    assert [error["message"] for error in document["errors"]] == [message]


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
        (rb'{"more": {"list": [[], {"deep": [0]}, 1]}, "name": "\u0000"}', "name"),
        (b'{"' + b"x" * 50_000 + rb'": "\u0000"}', "x" * 100),
        (rb'"\u0000"', "body"),
    ],
)
async def test_text_that_is_no_text_is_refused_with_its_place(
    client: httpx.AsyncClient, body: bytes, field: str
) -> None:
    document = problem(await post(client, body), 422, "invalid-request")
    assert [(error["field"], error["rule"]) for error in document["errors"]] == [(field, "text")]


async def test_text_is_looked_at_however_the_type_of_the_body_is_written(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/JSON"}
    response = await client.post("/orders/s1", content=rb'{"name": "a\u0000b"}', headers=headers)
    problem(response, 422, "invalid-request")


async def test_looking_for_text_that_is_no_text_takes_memory_in_proportion_to_the_body(
    client: httpx.AsyncClient,
) -> None:
    zeros = b"[" + b"0," * 10_000 + b"0]"
    body = b'{"a%(long)s": %(zeros)s, "name": "\\u0000", "b%(long)s": %(zeros)s}' % {
        b"long": b"k" * 25_000,
        b"zeros": zeros,
    }
    await post(client, rb'{"name": "\u0000"}')  # whatever is made only once
    tracemalloc.start()
    try:
        problem(await post(client, body), 422, "invalid-request")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(body)


@pytest.mark.parametrize("body", [rb'{"name": "\ud83d\ude00"}', rb'{"name": "\\u0000"}', '{"name": "퟿"}'.encode()])
async def test_text_that_only_looks_odd_passes(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await post(client, body)).status_code == 201


async def test_a_body_of_another_kind_is_refused(client: httpx.AsyncClient) -> None:
    for kind in ("text/plain", "text/html", "nonsense", "application/x-www-form-urlencoded"):
        document = problem(await post(client, b'{"name": "12345"}', kind), 415, "unsupported-media-type")
        assert "12345" not in json.dumps(document)


async def test_json_of_a_kind_of_its_own_is_json(client: httpx.AsyncClient) -> None:
    for kind in ("application/json; charset=utf-8", "application/merge-patch+json"):
        assert (await post(client, b'{"name": "Tee"}', kind)).status_code == 201


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


@given(
    body=st.binary(max_size=200)
    | st.text(max_size=50).map(lambda text: json.dumps({"name": text, "more": text}).encode())
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_no_body_gives_a_5xx(api: FastAPI, body: bytes) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://shop/api/shop/v1") as client:
        assert (await post(client, body)).status_code < 500


def test_a_slug_that_nobody_declared_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="no-such-slug"):
        problems("no-such-slug")


async def test_a_body_in_many_small_pieces_costs_no_more_than_its_length() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(200_000):
            yield b" " * 15

    api = create_api(service="demo", title="D", version="1", settings=SETTINGS, routers=[], max_body=3_000_000)
    begun = time.process_time()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://souk.example") as patient:
        assert (await patient.post("/nowhere", content=pieces())).status_code == 404
    assert time.process_time() - begun < 20  # each piece copying those before it takes many times as long
