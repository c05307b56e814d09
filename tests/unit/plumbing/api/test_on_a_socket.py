"""What a client can only do with bytes of its own, against the server that runs in production."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
import uvicorn
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import StreamingResponse
from structlog.testing import capture_logs

from shared.plumbing.http import create_api
from shared.plumbing.settings import PlatformSettings

SETTINGS = PlatformSettings(
    public_url="http://x", mongo_url="mongodb://db", kafka_bootstrap_servers="k:1", users_jwks_url="http://x/jwks"
)
LIMIT = 100_000
router = APIRouter(prefix="/v1")


class Note(BaseModel):
    text: str


@router.post("/notes")
async def take_note(note: Note) -> int:
    return len(note.text)


@router.get("/notes/{note}")
async def read_note(note: str) -> str:
    return note


@router.get("/endless")
async def endless() -> StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"tick\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(ticks())


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
async def port() -> AsyncIterator[int]:
    api = create_api(service="x", title="X", version="1", settings=SETTINGS, routers=[router], max_body=LIMIT)
    config = uvicorn.Config(api, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


async def until_logged(logs: list[Any], event: str) -> Any:
    async with asyncio.timeout(30):
        while not (found := [line for line in logs if line["event"] == event]):
            await asyncio.sleep(0)
    return found[0]


@contextlib.asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(30):
            yield reader, writer
    finally:
        writer.close()


async def talk(port: int, *parts: bytes) -> tuple[int, Any]:
    """Send bytes, read one response; return its status and JSON."""
    async with connection(port) as (reader, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().lower().splitlines()
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
        body = await reader.readexactly(length)
    return int(lines[0].split()[1]), json.loads(body)


POST = b"POST /v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


async def test_a_chunked_body_over_the_limit_is_refused_before_its_end(port: int) -> None:
    chunk = b"2710\r\n" + b" " * 10_000 + b"\r\n"
    status, document = await talk(port, POST + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 11)
    assert (status, document["slug"]) == (413, "body-too-large")


async def test_ten_megabytes_are_refused_and_the_answer_arrives(port: int) -> None:
    head = POST + b"Content-Length: 10000000\r\n\r\n"
    status, document = await talk(port, head, *[b"x" * 1_000_000] * 10)
    assert (status, document["slug"]) == (413, "body-too-large")


async def test_a_body_that_arrives_byte_by_byte_is_read(port: int) -> None:
    status, document = await talk(port, POST + b"Content-Length: 15\r\n\r\n", *[bytes([b]) for b in b'{"text": "Tee"}'])
    assert (status, document) == (200, 3)


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(port: int, logs: list[Any]) -> None:
    async with connection(port) as (_, writer):
        writer.write(POST + b'Content-Length: 1000\r\n\r\n{"text":')
        await writer.drain()
    line = await until_logged(logs, "request")
    assert (line["status"], line["log_level"]) == (499, "info")


@pytest.mark.parametrize("path", [b"/v1/notes/%ff%fe", b"/v1/notes/%ed%a0%80", b"/v1/notes/%c3%28", b"/v1/%2e%2e/etc"])
async def test_odd_bytes_in_a_path_are_no_5xx(port: int, path: bytes) -> None:
    status, _ = await talk(port, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status in (200, 404)


async def test_nul_in_a_path_is_refused(port: int) -> None:
    status, document = await talk(port, b"GET /v1/notes/a%00b HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, document["slug"], document["instance"]) == (400, "malformed-url", "/v1/notes/a\x00b")


async def test_odd_bytes_in_headers_are_no_5xx(port: int) -> None:
    odd = b"Host: \xff\r\nX-Request-Id: \xff\r\nTraceparent: \xfe\r\nAuthorization: \xfd\r\n\r\n"
    assert await talk(port, b"GET /v1/notes/a HTTP/1.1\r\n" + odd) == (200, "a")


async def test_head_of_an_endless_stream_ends_on_a_kept_connection(port: int, logs: list[Any]) -> None:
    async with connection(port) as (reader, writer):
        for _ in range(2):
            writer.write(b"HEAD /v1/endless HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        while len(logs) < 2:  # the line comes after the answer
            await asyncio.sleep(0)
    assert [(line["event"], line["status"]) for line in logs] == [("request", 200)] * 2


async def test_a_listener_that_leaves_an_endless_stream_is_no_error(port: int, logs: list[Any]) -> None:
    async with connection(port) as (reader, writer):
        writer.write(b"GET /v1/endless HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"tick")
    line = await until_logged(logs, "request")
    assert (line["status"], line["log_level"]) == (200, "info")
