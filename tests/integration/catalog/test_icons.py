"""An add-on's picture: fetched once, from wherever it is, and served from our own address only if it is one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from services.catalog.icons import AGAIN, MAX_BYTES, media_type
from tests.integration.catalog.conftest import ALLOWED, Catalog
from tests.users import bearer, new_id
from tests.waiting import eventually

ADDONS = "/api/catalog/v1/addons"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@dataclass
class Publishers:
    """Serves pictures of all kinds, and counts how often each was asked for."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        if request.path == "/hangs.png":
            await self.released.wait()
        if request.path not in self.bodies:
            raise web.HTTPFound("/good.png") if request.path == "/moved.png" else web.HTTPNotFound
        return web.Response(body=self.bodies[request.path], content_type="text/html")


@pytest.fixture
async def publishers() -> AsyncIterator[Publishers]:
    made = Publishers({"/good.png": PNG, "/good.svg": SVG, "/page.png": b"<!doctype html><p>no", "/huge.png": PNG})
    made.bodies["/huge.png"] += bytes(MAX_BYTES)
    app = web.Application()
    app.router.add_get("/{tail:.*}", made.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    host, port = ALLOWED.split(":")
    await web.TCPSite(runner, host, int(port), reuse_address=True).start()
    yield made
    made.released.set()
    await runner.cleanup()


async def published(catalog: Catalog, icon: str | None, **fields: Any) -> str:
    key = f"pictured-{new_id()}"
    manifest = {
        "schemaVersion": "1.3",
        "key": key,
        "name": "Pictured",
        "baseUrl": f"http://{ALLOWED}",
        "minimalSubscriptionPlan": "FREE",
        "lifecycle": [],
        **({"iconPath": icon} if icon else {}),
    }
    headers = bearer(new_id(), catalog.clock.now(), "publisher")
    answer = await catalog.client.post(ADDONS, json={"manifest": manifest, **fields}, headers=headers)
    assert answer.status_code == 201, answer.text
    return f"{ADDONS}/{key}/icon"


@pytest.mark.parametrize(("icon", "kind"), [("/good.png", "image/png"), ("/good.svg", "image/svg+xml")])
async def test_a_picture_is_what_its_bytes_are_and_may_do_nothing(
    catalog: Catalog, publishers: Publishers, icon: str, kind: str
) -> None:
    path = await published(catalog, icon)
    answers = [await catalog.client.get(path) for _ in range(3)]

    assert {(one.status_code, one.headers["Content-Type"]) for one in answers} == {(200, kind)}
    assert answers[0].content == publishers.bodies[icon]
    assert answers[0].headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "sandbox" in answers[0].headers["Content-Security-Policy"]
    assert answers[0].headers["Cache-Control"] == "public, max-age=3600"
    assert publishers.asked[icon] == 1


@pytest.mark.parametrize("icon", [None, "/page.png", "/huge.png", "/missing.png", "/moved.png"])
async def test_what_is_no_picture_is_not_served_and_not_asked_for_again_at_once(
    catalog: Catalog, publishers: Publishers, icon: str | None
) -> None:
    path = await published(catalog, icon)
    for _ in range(3):
        answer = await catalog.client.get(path)
        assert (answer.status_code, answer.json()["slug"]) == (404, "icon-not-found")
    assert publishers.asked.total() == bool(icon)


async def test_many_visitors_of_a_slow_one_cost_one_fetch(catalog: Catalog, publishers: Publishers) -> None:
    path = await published(catalog, "/hangs.png")
    publishers.bodies["/hangs.png"] = PNG
    visits = [asyncio.create_task(catalog.client.get(path)) for _ in range(20)]
    await eventually(lambda: publishers.asked["/hangs.png"])
    publishers.released.set()

    assert {(await one).status_code for one in visits} == {200}
    assert publishers.asked["/hangs.png"] == 1


async def test_what_could_once_be_had_stays_while_its_server_is_away(catalog: Catalog, publishers: Publishers) -> None:
    path = await published(catalog, "/good.png")
    assert (await catalog.client.get(path)).status_code == 200
    del publishers.bodies["/good.png"]
    long_ago = catalog.clock.now() - AGAIN - timedelta(seconds=1)
    await catalog.database["icons"].update_many({}, {"$set": {"at": long_ago}})

    assert [(await catalog.client.get(path)).status_code for _ in range(2)] == [200, 200]
    assert publishers.asked["/good.png"] == 2


async def test_a_private_add_on_has_no_picture_for_others(catalog: Catalog, publishers: Publishers) -> None:
    path = await published(catalog, "/good.png", visibility="private")

    answer = await catalog.client.get(path)
    assert (answer.status_code, answer.json()["slug"]) == (404, "addon-not-found")
    assert publishers.asked.total() == 0


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"  <SVG>", "image/svg+xml"),
        (b"text with <svg in it", None),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"", None),
    ],
)
def test_kinds(content: bytes, kind: str | None) -> None:
    assert media_type(content) == kind
