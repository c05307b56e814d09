"""Health and metrics."""

import asyncio

import httpx
import pytest

from shared.plumbing.http import internal_app

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
