"""Following the feed over HTTP, for whoever has no way to Kafka. The position is the feed's own cursor."""

import asyncio
from typing import Any

import httpx

from samples.consumer.ledger import Event, Ledger
from samples.consumer.settings import Settings
from samples.consumer.topic import TYPES

SOURCE = "feed"
NOTIFIER = "/api/notifier/v1/operator"
POLL_SECONDS = 1.0
PASSING = frozenset({429, 502, 503, 504})


async def follow(settings: Settings, ledger: Ledger) -> None:
    """Until cancelled, or until there was nothing more. Raises httpx.HTTPStatusError for what does not pass."""
    async with httpx.AsyncClient(base_url=settings.marketplace_url, timeout=30) as http:
        marketplace = Marketplace(http, settings.token)
        while True:
            cursor = ledger.position(SOURCE)
            if cursor is None:
                await _reconcile(marketplace, ledger)
                continue
            answer = await marketplace.get("/feed", after=cursor)
            if answer.status_code == httpx.codes.GONE:  # away for too long: what happened meanwhile is forgotten
                await _reconcile(marketplace, ledger)
                continue
            page = answer.raise_for_status().json()
            ledger.store(SOURCE, [_event(one) for one in page["events"] if one["type"] in TYPES], page["next"])
            if not page["more"]:
                if settings.once:
                    return
                await asyncio.sleep(POLL_SECONDS)


async def _reconcile(marketplace: "Marketplace", ledger: Ledger) -> None:
    """The state of everything, and the cursor that was true before the first page of it."""
    found: list[dict[str, Any]] = []
    page = (await marketplace.get("/snapshot")).raise_for_status().json()
    cursor = page["cursor"]
    while True:
        found += page["installations"]
        if page["next"] is None:
            break
        page = (await marketplace.get("/snapshot", after=page["next"])).raise_for_status().json()
    ledger.reconcile(SOURCE, found, cursor)


def _event(one: dict[str, Any]) -> Event:
    return Event(one["id"], one["type"], one["seq"], one["data"])


class Marketplace:
    """Asks as a program: the personal access token is exchanged for one of minutes, again whenever that has ended."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._token = token
        self._access = ""

    async def get(self, path: str, **params: str) -> httpx.Response:
        """Repeats what passes by itself: 429, 502, 503, 504, connections that fail. A 401 is one with a fresh token."""
        fresh = False
        while True:
            try:
                bearer = {"Authorization": f"Bearer {self._access}"} if self._access else {}
                answer = await self._http.get(NOTIFIER + path, params=params, headers=bearer)
                if answer.status_code == httpx.codes.UNAUTHORIZED and not fresh:
                    exchanged = await self._http.post("/api/auth/v1/sessions/token", json={"token": self._token})
                    if exchanged.status_code not in PASSING:
                        self._access = exchanged.raise_for_status().json()["access_token"]
                        fresh = True
                        continue
                elif answer.status_code not in PASSING:
                    return answer
                pause = float(answer.headers.get("Retry-After", "1"))
            except httpx.TransportError:
                pause = 1.0
            await asyncio.sleep(pause)
            fresh = False
