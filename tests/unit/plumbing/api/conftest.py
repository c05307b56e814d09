from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from structlog.testing import capture_logs

from shared.plumbing.http import create_api
from tests.unit.plumbing.api.shop import LIMIT, SETTINGS, router


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
