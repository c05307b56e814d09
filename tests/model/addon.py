"""An add-on that keeps the contract and is as unreliable as any: it acts once per `webhook-id`, if it acts at all."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from services.installer.domain import Kind
from shared.plumbing.outgoing import NotSent, OutcomeUnknown, OutgoingClient, OutgoingResponse
from tests.model.adversary import Adversary, Mortal

BASE = "https://{}.example"
_NOTHING_LEFT = frozenset({403, 409, 410})
"""To a DELETED that says that there is nothing to delete, and an add-on that keeps the contract sees to that."""


@dataclass
class Heard:
    """One attempt as it arrived."""

    at: float
    addon_key: str
    installation_id: str
    workspace_id: str
    webhook_id: str
    body: bytes
    token: str

    @property
    def kind(self) -> Kind:
        return Kind(self.webhook_id.split("-")[1])


@dataclass(frozen=True)
class Plan:
    """What this attempt meets."""

    acts: bool = True
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hears_after: float = 0.01
    answers_after: float = 0.01
    resets: bool = False


UNSENT = Plan(acts=False, status=0)


@dataclass
class AddOns:
    """All of them."""

    adversary: Adversary
    now: Callable[[], float]
    dead: frozenset[str]
    """These hang for ever."""
    moods: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    on: dict[str, Heard] = field(default_factory=dict)
    """Installations that the add-on believes in."""
    done: dict[str, Heard] = field(default_factory=dict)
    """By `webhook-id`, what was acted upon."""
    on_heard: Callable[[Heard], None] = lambda _: None
    begin: Callable[[Coroutine[Any, Any, int]], "asyncio.Task[int]"] = asyncio.create_task

    def mood(self, key: str) -> str:
        if key in self.dead:
            return "hangs"
        if self.adversary.calm:
            return "well"
        if key not in self.moods:
            rng, at = self.adversary.rng, 0.0
            self.moods[key] = []
            while at < 60:
                at += rng.uniform(2, 15)
                self.moods[key].append((at, rng.choice(["well", "well", "flaky", "down", "fails", "hangs"])))
        return next(mood for until, mood in self.moods[key] if self.now() < until)

    def plan(self, key: str, deadline: float) -> Plan:
        rng = self.adversary.rng
        late = Plan(acts=rng.random() < 0.5, hears_after=rng.uniform(0, deadline * 0.95), answers_after=60)
        fails = Plan(acts=rng.random() < 0.3, status=rng.choice([500, 503, 429, 409]), headers={"Retry-After": "1"})
        match self.mood(key):
            case "well":
                return Plan(answers_after=rng.uniform(0.005, 0.1))
            case "down":
                return UNSENT
            case "hangs":
                return late
            case "fails":
                return fails
            case _:
                slow = Plan(hears_after=rng.uniform(0, 0.5), answers_after=rng.uniform(0, 2 * deadline))
                refuses = Plan(acts=False, status=rng.choice([403, 410, 302]))
                resets = Plan(acts=rng.random() < 0.5, resets=True)
                return rng.choice([Plan(), slow, slow, refuses, resets, late, fails, UNSENT])

    async def hear(self, heard: Heard, plan: Plan) -> int:
        """Whatever becomes of the caller meanwhile."""
        await asyncio.sleep(plan.hears_after)
        heard.at = self.now()
        self.heard.append(heard)
        self.on_heard(heard)
        if plan.acts or (heard.kind is Kind.DELETED and plan.status in _NOTHING_LEFT):
            self._act(heard)
        await asyncio.sleep(plan.answers_after)
        return plan.status

    def _act(self, heard: Heard) -> None:
        if heard.webhook_id in self.done:
            return
        self.done[heard.webhook_id] = heard
        if heard.kind is Kind.INSTALLED:
            self.on[heard.installation_id] = heard
        else:
            self.on.pop(heard.installation_id, None)


class Wire(OutgoingClient):
    """The way of one process to the add-ons."""

    def __init__(self, addons: AddOns, process: Mortal, adversary: Adversary) -> None:
        self._addons = addons
        self._process = process
        self._adversary = adversary

    async def request(self, method: str, url: str, **how: Any) -> OutgoingResponse:
        """As the real one; the deadline begins with it."""
        loop = asyncio.get_running_loop()
        key = url.removeprefix("https://").split(".")[0]
        plan = self._addons.plan(key, how["deadline"])
        started = loop.time()
        await asyncio.sleep(self._adversary.latency())
        await self._process.breathe()
        if plan is UNSENT:
            raise NotSent("refused")
        if method == "GET":
            if plan.answers_after > how["deadline"]:
                raise OutcomeUnknown("timeout")
            return OutgoingResponse(plan.status, {}, b"", False, True, 0.01)
        try:
            how["before_send"]()
        except Exception as exc:
            raise NotSent("held-back") from exc
        status = await self._answer(how, key, plan, started + how["deadline"])
        await self._process.breathe()
        if status is None:
            raise OutcomeUnknown("timeout")
        if plan.resets:
            raise OutcomeUnknown("reset")
        return OutgoingResponse(status, plan.headers, b"", False, True, loop.time() - started)

    async def _answer(self, how: Mapping[str, Any], key: str, plan: Plan, until: float) -> int | None:
        body = json.loads(how["body"])
        heard = Heard(
            at=0.0,
            addon_key=key,
            installation_id=body["addonId"],
            workspace_id=body["workspaceId"],
            webhook_id=how["headers"]["webhook-id"],
            body=how["body"],
            token=how["headers"]["X-Addon-Lifecycle-Token"],
        )
        # What was sent arrives, even if the sender is dead by then: it is a task of the world.
        hearing = self._addons.begin(self._addons.hear(heard, plan))
        done, _ = await asyncio.wait([hearing], timeout=until - asyncio.get_running_loop().time())
        return hearing.result() if done else None


def random_dead(rng: Random, keys: list[str]) -> frozenset[str]:
    """Seldom one that never comes back."""
    return frozenset([rng.choice(keys)]) if rng.random() < 0.15 else frozenset()
