"""What operators see of all installations, and what it costs beside very many finished ones."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from services.installer.main import build
from services.installer.saga.decide import Saga
from services.installer.settings import InstallerSettings
from services.installer.store import InstallationStore
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.doctor import examine, mend
from shared.plumbing.mongo import Database, Document
from shared.plumbing.service import Service, measuring
from shared.plumbing.settings import PlatformSettings
from tests.integration.installer.processes import limits, raw, requested
from tests.query_plans import watched
from tests.users import PUBLIC_URL, bearer, new_id, trust_test_users

PATH = "/api/installer/v1/operator"
FINISHED = 1_000
ENOUGH = 60


@dataclass
class Desk:
    """An operator in front of a crowded installer."""

    service: Service
    http: httpx.AsyncClient
    clock: DatabaseClock
    database: Database

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        headers = bearer(new_id(), self.clock.now(), "operator")
        answer = await self.http.get(PATH + path, params=params, headers=headers)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def ids(self, **params: Any) -> list[str]:
        return [one["id"] for one in (await self.get("/installations", **params))["items"]]

    async def put(self, name: str, **fields: Any) -> None:
        """A copy of a real document with other fields; None removes one."""
        like: Document = await self.database["installations"].find_one({"model": True}) or {}
        document = {**like, "_id": name, "workspace_id": name, **fields}
        del document["model"]
        kept = {key: value for key, value in document.items() if value is not None}
        await self.database["installations"].insert_one(kept)


@pytest.fixture
async def desk(database: Database, mongo_url: str, kafka: str, clock: DatabaseClock) -> AsyncIterator[Desk]:
    platform = PlatformSettings(
        public_url=PUBLIC_URL,
        mongo_url=mongo_url,
        kafka_bootstrap_servers=kafka,
        users_jwks_url="http://127.0.0.1:1/jwks",
    )
    settings = {"mongo_database": database.name, "master_key": "A" * 43 + "="}
    service = build(platform, InstallerSettings.model_validate(settings))
    await service.prepare_database()
    trust_test_users(service.api, service.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service.api), base_url=PUBLIC_URL) as http:
        made = Desk(service, http, clock, database)
        await crowd(made)
        yield made
    for step in service.close:
        await step()
    await service.client.close()


async def crowd(desk: Desk) -> None:
    """Thousands of finished ones, and one or two of each trouble."""
    all_of_them = desk.database["installations"]
    store = InstallationStore(desk.database, Saga(limits()), desk.clock)
    one = await requested(store)
    await all_of_them.update_one({"_id": one.id}, {"$unset": {"outbox_since": "", "state_marked_at": ""}})
    like = await raw(store, one.id)
    await all_of_them.delete_many({})
    old = desk.clock.now() - timedelta(days=3)
    over = {"state": "INSTALLED", "outcome": "installed", "requested_at": old, "changed_at": old}
    gone = {
        name: value
        for name, value in like.items()
        if name not in ("due_at", "deadline", "until", "live", "waiting_for")
    }
    await all_of_them.insert_many(
        [gone | over | {"_id": f"over-{n}", "workspace_id": f"w-{n}", "generation": 1} for n in range(FINISHED)]
    )
    await all_of_them.insert_one({**gone, **over, "_id": "model", "workspace_id": "model", "model": True})
    await troubles(desk, like["due_at"])


async def troubles(desk: Desk, due: datetime) -> None:
    now = desk.clock.now()
    pending = {"outcome": "pending", "due_at": now + timedelta(minutes=5), "deadline": now + timedelta(minutes=9)}
    over = now - timedelta(minutes=5)
    late = {"due_at": now - timedelta(minutes=10), "deadline": over, "until": over}
    waits = {"state": "WAITING", "waiting_for": "addon"}
    await desk.put("asked", **pending, state="CHECKING", requested_at=now - timedelta(hours=2))
    await desk.put("waits", **pending, **waits, requested_at=now - timedelta(hours=1))
    await desk.put("late", **(pending | late), state="DELIVERING", requested_at=now, trouble=True, side="network")
    await desk.put("owed", cleanup="owed", state="UNINSTALLED", due_at=now + timedelta(minutes=5))
    await desk.put("given-up", cleanup="closed", gave_up=True, state="UNINSTALLED", changed_at=now)
    await desk.put("refused", outcome="failed", state="FAILED", reason="addon-refused", side="addon", changed_at=now)
    stranded = {"state": "CHECKING", "outcome": "pending", "requested_at": now - timedelta(minutes=30)}
    await desk.put("stranded", **stranded, addon_key="other")
    health = {"state": "open", "since": now, "cause": "http-500", "version": 1, "outage": 1, "window": []}
    await desk.database["addon_health"].insert_one({"_id": "timer", **health})
    await desk.database["notices"].insert_one({"_id": "addon:other", "raised": True, "cause": "operator"})


async def test_the_overview_tells_of_every_trouble_and_costs_little(desk: Desk) -> None:
    async with watched(desk.database) as plans:
        seen = await desk.get("/overview")

    assert seen["pending"] == [
        {"state": "CHECKING", "waiting_for": None, "count": 2},
        {"state": "DELIVERING", "waiting_for": None, "count": 1},
        {"state": "WAITING", "waiting_for": "addon", "count": 1},
    ]
    assert seen["troubled"] == {"you": 0, "workspace_rule": 0, "addon": 1, "network": 1, "us": 0}
    assert seen["failed"] == {"addon-refused": 1}
    assert (seen["oldest"]["id"], seen["oldest"]["age_seconds"] > 7000) == ("asked", True)
    assert (seen["overdue"]["count"], seen["beyond_deadline"]["count"]) == (1, 1)
    assert (seen["cleanup_owed"], seen["cleanup_given_up"], seen["stranded"]) == (1, 1, 1)
    assert [(one["addon_key"], one["cause"]) for one in seen["breakers"]] == [("timer", "http-500")]
    assert seen["notices"] == ["addon:other"]
    assert [one["collection"] for one in seen["unsent"]] == ["addon_health", "installations"]
    assert {one["group"] for one in seen["groups"]} == {
        f"installer.{one.topic.name}" for one in desk.service.subscriptions
    }
    assert plans.faults("installations", "dead_letters", most=ENOUGH) == []
    assert len(plans.of("installations")) >= 8


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, ["asked", "waits", "stranded", "late"]),
        ({"state": "WAITING"}, ["waits"]),
        ({"waiting_for": "addon"}, ["waits"]),
        ({"side": "addon"}, ["waits"]),
        ({"side": "network"}, ["late"]),
        ({"addon": "other"}, ["stranded"]),
        ({"older_than": 3000}, ["asked", "waits"]),
        ({"show": "clean-up"}, ["owed"]),
        ({"show": "given-up"}, ["given-up"]),
        ({"show": "failed"}, ["refused"]),
        ({"state": "FAILED"}, ["refused"]),
        ({"reason": "addon-refused"}, ["refused"]),
        ({"show": "failed", "reason": "cancelled"}, []),
        ({"show": "failed", "side": "addon"}, ["refused"]),
    ],
)
async def test_filters(desk: Desk, params: dict[str, Any], found: list[str]) -> None:
    async with watched(desk.database) as plans:
        assert await desk.ids(**params) == found

    assert plans.faults("installations", most=ENOUGH) == []


async def test_pages_and_what_a_row_tells(desk: Desk) -> None:
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await desk.get("/installations", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += page["items"]
        if (cursor := page["next"]) is None:
            break

    assert [one["id"] for one in seen] == ["asked", "waits", "stranded", "late"]
    waits, late = seen[1], seen[3]
    assert (waits["side"], waits["waiting_for"], waits["next"]["action"]) == ("addon", "addon", "look-again")
    assert waits["next"]["at"] is not None
    assert (late["overdue_seconds"] > 500, waits["overdue_seconds"]) == (True, 0)


async def test_others_are_refused(desk: Desk) -> None:
    headers = bearer(new_id(), desk.clock.now(), "publisher")
    for path in ("/overview", "/installations"):
        answer = await desk.http.get(PATH + path, headers=headers)
        assert (answer.status_code, answer.json()["slug"]) == (403, "role-required")
    operator = bearer(new_id(), desk.clock.now(), "operator")
    for params in ({"show": "everything"}, {"older_than": -1}, {"limit": 101}, {"$where": "1"}, {"state": "GONE"}):
        answer = await desk.http.get(f"{PATH}/installations", params=params, headers=operator)
        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request")


async def test_the_gauges_say_the_same(desk: Desk) -> None:
    async with watched(desk.database) as plans:
        await measuring(desk.service).measure()

    def value(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(name, labels)

    assert value("souk_installations_pending", state="WAITING", waiting_for="addon") == 1
    assert value("souk_installations_pending", state="WAITING", waiting_for="maintenance") == 0
    assert (value("souk_installations_troubled", side="network"), value("souk_installations_troubled", side="us")) == (
        1,
        0,
    )
    assert (value("souk_installations_overdue"), value("souk_installations_beyond_deadline")) == (1, 1)
    assert (value("souk_installations_overdue_seconds") or 0) > 500
    assert (value("souk_installations_cleanup_owed"), value("souk_installations_cleanup_given_up")) == (1, 1)
    assert (value("souk_breakers", state="open"), value("souk_operator_notices")) == (1, 1)
    assert (value("souk_installations_oldest_pending_seconds") or 0) > 7000
    assert (value("souk_measured_timestamp_seconds") or 0) > 0
    assert plans.faults("installations", "dead_letters", most=ENOUGH) == []


async def test_the_doctor_names_every_trouble_and_wakes_what_is_stranded(desk: Desk) -> None:
    long_ago = desk.clock.now() - timedelta(days=2)
    await desk.database["addon_health"].update_one({"_id": "timer"}, {"$set": {"since": long_ago}})
    await desk.database["notices"].update_one({"_id": "addon:other"}, {"$set": {"raised_at": long_ago}})
    await desk.put("lives", live=True, addon_key="vanished", generation=2)
    await desk.put("redelivered", call={"kind": "INSTALLED", "number": 2})  # beside an outcome: not in the overview
    every = {
        "installations-overdue",
        "installations-beyond-deadline",
        "installations-stranded",
        "cleanup-given-up",
        "breaker-open-long",
        "notice-standing",
        "addon-vanished",
    }

    findings = {one.slug: one for one in await examine(desk.service.checks)}

    assert set(findings) == every
    assert findings["addon-vanished"].evidence["addons"] == ["vanished"]
    assert findings["notice-standing"].evidence == {"scopes": ["addon:other"]}
    assert findings["installations-overdue"].evidence["count"] == 1
    assert findings["installations-stranded"].evidence["count"] == 2
    assert await mend([findings["installations-stranded"]]) == ["installations-stranded"]
    assert {one.slug for one in await examine(desk.service.checks)} == every - {"installations-stranded"}


async def test_one_that_another_release_wrote_hides_no_other(desk: Desk) -> None:
    await desk.put("unread", requested_at=desk.clock.now() - timedelta(days=9), workspace={"plan": "PLATINUM"})
    seen, measured = await desk.get("/overview"), measuring(desk.service)
    await measured.measure()

    assert seen["oldest"]["id"] == "asked"
    assert "unread" not in await desk.ids(limit=2)
    assert len(await desk.ids(limit=2)) == 2


async def test_a_question_that_kafka_has_not_taken_is_not_beyond_its_deadline(desk: Desk) -> None:
    now = desk.clock.now()
    ago, later = now - timedelta(minutes=5), now + timedelta(minutes=5)
    unasked = {"outcome": "pending", "state": "CHECKING", "deadline": ago, "until": later, "due_at": later}
    await desk.put("unasked", **unasked, requested_at=now - timedelta(minutes=20))
    assert (await desk.get("/overview"))["beyond_deadline"]["count"] == 1, "the other one, which was asked"


async def test_the_doctor_of_a_sound_installer_finds_nothing(desk: Desk) -> None:
    for name in ("installations", "addon_health", "notices"):
        await desk.database[name].delete_many({})
    assert await examine(desk.service.checks) == []
