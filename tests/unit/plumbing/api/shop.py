"""A small API with every kind of route, and how the tests read its answers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import structlog
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import StreamingResponse

from shared.plumbing.http import correlation_id, problems, traceparent
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


@router.post("/orders")
async def clear_orders() -> None: ...


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
