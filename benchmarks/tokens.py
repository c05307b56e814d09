"""What it costs the services that did not issue an access token to verify it, and that they ask nobody about it."""

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import uvloop

from benchmarks.figures import table
from benchmarks.world import World
from shared.plumbing.jwks import JwksSource, fetch_jwks
from shared.plumbing.tokens import TokenVerifier
from shared.plumbing.user_tokens import AUDIENCE

TOKENS = 20
REQUESTS = 2_000
KNOWN, FRESH = 200_000, 5_000
FORBIDDEN = (401, 403)
JWKS = "/.well-known/souk/users.jwks.json"


def measured(made: World, _: argparse.Namespace) -> dict[str, Any]:
    """In this process, with auth's own keys and tokens; then over HTTP, counting what auth is asked meanwhile."""
    found = uvloop.run(_alone(made, [_fresh(made) for _ in range(TOKENS)]))
    print(table(("verification", "us"), [[name, f"{1e6 * seconds:.1f}"] for name, seconds in found["each"].items()]))
    print(
        f"{found['verified']} verifications: keys fetched {found['fetches']} time(s), {found['sockets']} sockets used"
    )
    asked = {service: _asked_meanwhile(made, service, path) for service, path in _doors(made).items()}
    print(f"requests that auth saw during {REQUESTS} with {TOKENS} new tokens at each service:", asked)
    return {**found, "asked": asked}


def _fresh(made: World) -> str:
    made.story.admin.log_in()
    return made.story.admin.token


async def _alone(made: World, tokens: list[str]) -> dict[str, Any]:
    fetches = sockets = 0

    async def fetch(url: str) -> bytes:
        nonlocal fetches
        fetches += 1
        return await fetch_jwks(url)

    def watch(event: str, _: tuple[object, ...]) -> None:
        nonlocal sockets
        sockets += event in watched

    source = JwksSource(made.stack.plan.url("auth") + JWKS, fetch)
    if not await source.refresh():
        raise RuntimeError("auth's keys cannot be read")
    watched: set[str] = {"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.sendmsg"}
    sys.addaudithook(watch)
    sockets = 0
    verifier = _verifier(made, source)
    each = {
        "a token seen before": await _time(KNOWN, lambda number: verifier.authenticate(tokens[number % TOKENS])),
        "a new one": await _time(FRESH, lambda number: _verifier(made, source).authenticate(tokens[number % TOKENS])),
    }
    counted = sockets
    watched.clear()  # a hook cannot be taken away
    return {"each": each, "verified": KNOWN + FRESH, "fetches": fetches, "sockets": counted}


def _verifier(made: World, source: JwksSource) -> TokenVerifier:
    return TokenVerifier(source, made.stack.plan.public_url, AUDIENCE, lambda: datetime.now(UTC))


async def _time(count: int, verify: Callable[[int], Any]) -> float:
    begun = time.perf_counter()
    for number in range(count):
        await verify(number)
    await asyncio.sleep(0)
    return (time.perf_counter() - begun) / count


def _doors(made: World) -> dict[str, str]:
    workspace = made.story.workspace
    return {
        "installer": f"/api/installer/v1/installations?workspace={workspace}",
        "notifier": f"/api/notifier/v1/snapshot?workspace={workspace}",
        "catalog": f"/api/catalog/v1/addons/{made.publish(1)[0]}",
    }


def _asked_meanwhile(made: World, service: str, path: str) -> int:
    """How many requests of any kind auth answered meanwhile."""
    tokens = [_fresh(made) for _ in range(TOKENS)]
    with httpx.Client(base_url=made.stack.plan.url(service), timeout=20) as client:
        before = _answered(made)
        for number in range(REQUESTS):
            answer = client.get(path, headers={"Authorization": f"Bearer {tokens[number % TOKENS]}"})
            if answer.status_code in FORBIDDEN:
                raise RuntimeError(answer.text)
        return _answered(made) - before


def _answered(made: World) -> int:
    text = httpx.get(f"{made.stack.plan.url('auth_internal')}/metrics").text
    return sum(
        int(float(count)) for count in re.findall(r"^souk_request_seconds_count\{.*\} (\S+)$", text, re.MULTILINE)
    )
