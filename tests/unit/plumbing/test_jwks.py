import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from shared.plumbing.jwks import JwksSource, fetch_jwks
from shared.plumbing.keys import SigningKey

FIRST, SECOND = SigningKey.generate("k1"), SigningKey.generate("k2")
URL = "http://issuer/jwks.json"


def document(*keys: SigningKey) -> dict[str, Any]:
    return {"keys": [key.public_jwk() for key in keys]}


class Issuer:
    """Answers with what the test puts into it, and counts."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = keys
        self.down = False
        self.asked = 0
        self.seen = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, url: str) -> bytes:
        assert url == URL
        self.asked += 1
        self.seen.set()
        await self.gate.wait()
        if self.down:
            raise ConnectionError("down")
        return json.dumps(document(*self.keys)).encode()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


async def test_keys_are_fetched_in_the_background() -> None:
    issuer = Issuer(FIRST)
    source = JwksSource(URL, issuer)
    source.start()
    assert not source.known
    await until(lambda: source.known)
    assert source.get("k1") is not None
    assert source.get("k2") is None
    await source.stop()


async def test_starting_does_not_wait_for_an_issuer_that_hangs() -> None:
    issuer = Issuer(FIRST)
    issuer.gate.clear()
    source = JwksSource(URL, issuer)
    source.start()
    await issuer.seen.wait()
    assert not source.known
    await source.stop()


async def test_the_last_good_keys_stay_while_the_issuer_is_down_or_answers_nonsense() -> None:
    issuer = Issuer(FIRST)
    source = JwksSource(URL, issuer)
    assert await source.refresh()
    issuer.down = True
    assert not await source.refresh()
    issuer.down, issuer.keys = False, ()
    assert not await source.refresh()
    assert source.get("k1") is not None


async def test_a_failed_fetch_is_logged_with_the_kind_of_failure_alone() -> None:
    issuer = Issuer(FIRST)
    issuer.down = True
    with capture_logs() as logs:
        assert not await JwksSource(URL, issuer).refresh()
    assert logs == [
        {
            "event": "jwks_refresh_failed",
            "log_level": "warning",
            "url": URL,
            "error": "ConnectionError",
            "keys_known": False,
        }
    ]


async def test_a_withdrawn_key_is_gone_after_the_next_fetch() -> None:
    issuer = Issuer(FIRST, SECOND)
    source = JwksSource(URL, issuer)
    await source.refresh()
    issuer.keys = (SECOND,)
    await source.refresh()
    assert source.get("k1") is None
    assert source.get("k2") is not None


async def test_an_unchanged_document_keeps_the_key_objects() -> None:
    source = JwksSource(URL, Issuer(FIRST))
    await source.refresh()
    before = source.get("k1")
    await source.refresh()
    assert source.get("k1") is before


async def test_keys_survive_a_restart_without_the_issuer() -> None:
    kept: list[Mapping[str, Any]] = []

    async def save(found: Mapping[str, Any]) -> None:
        kept.append(found)

    async def load() -> Mapping[str, Any] | None:
        return kept[-1] if kept else None

    source = JwksSource(URL, Issuer(FIRST), save=save, load=load)
    await source.refresh()
    await source.refresh()
    assert kept == [document(FIRST)]  # saved once: the second was no news

    down = Issuer()
    down.down = True
    restarted = JwksSource(URL, down, save=save, load=load)
    restarted.start()
    await until(lambda: restarted.known)
    assert restarted.get("k1") is not None
    await restarted.stop()


@pytest.mark.parametrize("broken", ["save", "load"])
async def test_a_broken_store_does_not_matter_while_the_issuer_answers(broken: str) -> None:
    async def fail(*_: Any) -> Any:
        raise OSError("store is down")

    store: dict[str, Callable[..., Awaitable[Any]]] = {broken: fail}
    source = JwksSource(URL, Issuer(FIRST), **store)
    source.start()
    await until(lambda: source.known)
    await source.stop()


async def test_learning_fetches_at_most_once_in_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    issuer = Issuer(FIRST)
    source = JwksSource(URL, issuer)
    await source.refresh()
    for _ in range(50):
        await source.learn()
    assert issuer.asked == 1
    now += 10
    for _ in range(50):
        await source.learn()
    assert issuer.asked == 2


async def test_many_learners_share_one_fetch() -> None:
    issuer = Issuer(SECOND)
    source = JwksSource(URL, issuer)
    await asyncio.gather(*(source.learn() for _ in range(50)))
    assert issuer.asked == 1
    assert source.get("k2") is not None


async def test_the_address_is_read_over_http() -> None:
    async def jwks(_: web.Request) -> web.Response:
        return web.json_response(document(FIRST))

    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPFound("/jwks")

    app = web.Application()
    app.add_routes([web.get("/jwks", jwks), web.get("/moved", elsewhere)])
    async with TestServer(app) as server:
        assert json.loads(await fetch_jwks(str(server.make_url("/jwks")))) == document(FIRST)
        for path, status in (("/moved", 302), ("/nothing", 404)):
            with pytest.raises(ValueError, match=f"status {status}"):
                await fetch_jwks(str(server.make_url(path)))


async def test_a_document_that_comes_piece_by_piece_is_read_to_its_end_and_one_without_an_end_is_not() -> None:
    raw = json.dumps(document(FIRST)).encode()

    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(raw), 100):
            await response.write(raw[start : start + 100])
            await asyncio.sleep(0.01)  # so that each is a packet
        return response

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 10_000)

    app = web.Application()
    app.add_routes([web.get("/pieces", pieces), web.get("/endless", endless)])
    async with TestServer(app) as server:
        assert json.loads(await fetch_jwks(str(server.make_url("/pieces")))) == document(FIRST)
        with pytest.raises(ValueError, match="more than 262144 bytes"):
            await fetch_jwks(str(server.make_url("/endless")))
