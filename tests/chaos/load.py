"""The load: admins who install, change their minds, remove and come again, and repeat what was not answered."""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp

from tests.chaos.evidence import UNKNOWN, Asked
from tests.chaos.world import Admin, World

PATH = "/api/installer/v1/installations"
ANSWER_SECONDS = 15.0
REPEAT_SECONDS = 240.0  # longer than any fault
FOLLOW_SECONDS = 60.0
UNANSWERED = frozenset({502, 503, 504})
TAKEN = "already-installed"
ACCEPTED, UNAUTHORIZED, NOT_FOUND, TOO_MANY = 202, 401, 404, 429


@dataclass(frozen=True, slots=True)
class Pair:
    """Where an add-on can go."""

    admin: Admin
    workspace: str
    addon: str


class Load:
    """Keeps a journal of every request in `asked`."""

    def __init__(self, url: str, world: World, random: Random) -> None:
        self.asked: list[Asked] = []
        self.begun = 0
        self._url = url + PATH
        self._random = random
        self._free = [
            Pair(admin, workspace, addon)
            for admin in world.admins
            for workspace in admin.workspaces
            for addon in world.addons
        ]
        random.shuffle(self._free)
        self._kept: list[tuple[Pair, str]] = []
        self._log_ins = {admin.user_id: asyncio.Lock() for admin in world.admins}
        self._enough, self._over = asyncio.Event(), asyncio.Event()

    async def run(self, rate: float, installs: int) -> None:
        """Begin installs, `rate` a second, and see them through: `installs` of them, and more until it is `enough`."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as tasks:
            while not (self._over.is_set() or (self._enough.is_set() and self.begun >= installs)):
                if self._free:
                    tasks.create_task(self._life(session, self._free.pop(), self._random.random()))
                elif self._kept:  # everything is installed somewhere: what was kept longest makes room
                    tasks.create_task(self._make_room(session, *self._kept.pop(0)))
                await asyncio.sleep(self._random.expovariate(rate))

    def enough(self) -> None:
        """Begin no more than was wanted; a fault without load shows nothing, so until then it goes on."""
        self._enough.set()

    def end(self) -> None:
        """Begin nothing more, and follow nothing any longer."""
        self._over.set()

    async def _life(self, session: aiohttp.ClientSession, pair: Pair, fate: float) -> None:
        """One install, and what its admin does about it."""
        asked = await self._install(session, pair, repeat=fate > 0.9)
        if asked is None or asked.status != ACCEPTED:
            if asked is not None and asked.installation:  # it lives there already, for all that was not answered
                self._kept.append((pair, asked.installation))
            else:
                self._free.insert(0, pair)
            return
        self.begun += 1
        installation = asked.installation
        if fate < 0.08:
            await asyncio.sleep(fate * 20)
            await self._change(session, pair, "POST", installation, "cancel")
        elif fate < 0.11:
            await self._change(session, pair, "POST", installation, "retry")
        outcome = await self._outcome(session, pair, installation)
        if outcome == "installed" and fate < 0.5:
            removed = await self._change(session, pair, "DELETE", installation, "uninstall")
            outcome = "failed" if removed else outcome
            if removed and fate < 0.25 and not self._over.is_set():
                await self._life(session, pair, self._random.random())
                return
        if outcome == "installed":
            self._kept.append((pair, installation))
        else:
            self._free.insert(0, pair)

    async def _make_room(self, session: aiohttp.ClientSession, pair: Pair, installation: str) -> None:
        await self._change(session, pair, "DELETE", installation, "uninstall")
        self._free.insert(0, pair)

    async def _install(self, session: aiohttp.ClientSession, pair: Pair, *, repeat: bool) -> Asked | None:
        """Ask until there is an answer, always with the same key, as a client should. Returns the last one, if any."""
        key = secrets.token_hex(16)
        body: dict[str, object] = {"workspace_id": pair.workspace, "addon_key": pair.addon, "acknowledge": ["region"]}
        end = time.monotonic() + REPEAT_SECONDS
        while time.monotonic() < end:
            asked = await self._ask(session, pair, "POST", "", "install", key=key, body=body)
            if asked.status == ACCEPTED:
                if not repeat:
                    return asked
                repeat = False
            elif asked.status not in (UNKNOWN, UNAUTHORIZED, NOT_FOUND, TOO_MANY):
                return asked
            await asyncio.sleep(0.5 + self._random.random())
        return None

    async def _change(
        self, session: aiohttp.ClientSession, pair: Pair, method: str, installation: str, what: str
    ) -> bool:
        path = f"/{installation}" if what == "uninstall" else f"/{installation}/{what}"
        end = time.monotonic() + REPEAT_SECONDS
        while time.monotonic() < end:
            asked = await self._ask(session, pair, method, path, what, installation=installation)
            if asked.status not in (UNKNOWN, UNAUTHORIZED, TOO_MANY):
                return asked.status == ACCEPTED
            await asyncio.sleep(0.5 + self._random.random())
        return False

    async def _outcome(self, session: aiohttp.ClientSession, pair: Pair, installation: str) -> str:
        """As far as one is patient."""
        end = time.monotonic() + FOLLOW_SECONDS
        while time.monotonic() < end and not self._over.is_set():
            await asyncio.sleep(1 + self._random.random())
            try:
                headers = {"Authorization": f"Bearer {await self._token(pair.admin)}"}
                async with session.get(f"{self._url}/{installation}", headers=headers) as answer:
                    shown = await answer.json() if answer.ok else {}
            except (aiohttp.ClientError, TimeoutError, ValueError, OSError):
                continue
            if (outcome := str(shown.get("outcome", "pending"))) != "pending":
                return outcome
        return "pending"

    async def _ask(
        self,
        session: aiohttp.ClientSession,
        pair: Pair,
        method: str,
        path: str,
        what: str,
        *,
        key: str = "",
        installation: str = "",
        body: dict[str, object] | None = None,
    ) -> Asked:
        """One request; into the journal with it."""
        status, slug = UNKNOWN, ""
        try:
            headers = {"Authorization": f"Bearer {await self._token(pair.admin)}"}
            if key:
                headers["Idempotency-Key"] = key
            async with session.request(method, self._url + path, json=body, headers=headers) as answer:
                text = await answer.read()
                if answer.status not in UNANSWERED:
                    said = json.loads(text)
                    status, slug = answer.status, str(said.get("slug", ""))
                    installation = installation or _named(said, status)
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError):
            status = UNKNOWN
        asked = Asked(what, pair.admin.user_id, status, installation, key, slug, time.monotonic())
        self.asked.append(asked)
        if status == UNAUTHORIZED:
            pair.admin.person._token_until = 0.0
        return asked

    async def _token(self, admin: Admin) -> str:
        person = admin.person
        if time.monotonic() > person._token_until:
            async with self._log_ins[admin.user_id]:
                if time.monotonic() > person._token_until:
                    await asyncio.to_thread(_log_in, admin)
        return person.token


def _named(said: Mapping[str, Any], status: int) -> str:
    """The installation of an answer: the one that was accepted, or the one that is in its place."""
    if status == ACCEPTED:
        return str(said["id"])
    href = (said.get("next") or {}).get("href") or ""
    return str(href).rpartition("/installations/")[2] if said.get("slug") == TAKEN else ""


def _log_in(admin: Admin) -> None:
    try:
        admin.person.log_in()
    except Exception as error:  # whatever is away now, the request is tried again
        raise OSError(f"no log-in: {error}") from error


def summary(asked: Sequence[Asked]) -> dict[str, int]:
    """How requests were answered."""
    found: dict[str, int] = {}
    for one in asked:
        kind = "unknown" if one.status == UNKNOWN else f"{one.status} {one.slug}".strip()
        found[f"{one.what} {kind}"] = found.get(f"{one.what} {kind}", 0) + 1
    return dict(sorted(found.items()))
