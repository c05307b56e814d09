"""What visitors find when those around an add-on are gone, and how often they may look."""

import httpx

from shared.contracts.auth import WorkspaceAdmin, WorkspaceChanged
from shared.contracts.installer import AddOnHealthChanged
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database
from tests.integration.catalog.conftest import Catalog, running
from tests.integration.catalog.test_api import ADDONS, Publisher
from tests.users import bearer, new_id


async def test_a_private_addon_is_gone_with_its_workspace_and_back_with_it(catalog: Catalog) -> None:
    ada, admin, workspace = Publisher(catalog), new_id(), new_id()
    headers = bearer(admin, catalog.clock.now())
    admins = (WorkspaceAdmin(user_id=admin, role="admin"),)
    await ada.publish("secret-addon", visibility="private", visible_to=[workspace])
    seen = []

    for version, deleted in ((1, False), (2, True), (3, False)):
        state = WorkspaceChanged(
            version=version, workspace_id=workspace, deleted=deleted, admins=() if deleted else admins
        )
        await catalog.receive(state)
        one = await catalog.client.get(f"{ADDONS}/secret-addon", headers=headers)
        many = await catalog.client.get(ADDONS, headers=headers)
        seen.append((one.status_code, len(many.json()["items"])))

    assert seen == [(200, 1), (404, 0), (200, 1)]


async def test_an_addon_whose_health_is_not_told_any_more_is_well(catalog: Catalog) -> None:
    await Publisher(catalog).publish("forgotten")
    for version, deleted in ((1, False), (2, True)):
        health = AddOnHealthChanged(
            version=version,
            deleted=deleted,
            addon_key="forgotten",
            breaker="open",
            outage=1,
            since=catalog.clock.now(),
        )
        await catalog.receive(health)

    shown = await catalog.client.get(f"{ADDONS}/forgotten")

    assert shown.json()["health"] == {"status": "ok", "since": None}


async def test_who_looks_around_without_an_account_is_bounded_by_network(
    database: Database, mongo_url: str, clock: DatabaseClock
) -> None:
    async with running(database, mongo_url, clock, visits_per_minute=3) as catalog:

        async def visit(path: str, network: str, **headers: str) -> httpx.Response:
            return await catalog.client.get(path, headers={"X-Forwarded-For": network, **headers})

        paths = (ADDONS, "/api/catalog/v1/categories", f"{ADDONS}/nothing", ADDONS)
        answers = [await visit(path, "203.0.113.1") for path in paths]
        assert [answer.status_code for answer in answers] == [200, 200, 404, 429]
        assert answers[-1].json()["slug"] == "too-many-requests"
        assert 10 < int(answers[-1].headers["retry-after"]) <= 20

        assert (await visit(ADDONS, "203.0.113.2")).status_code == 200
        member = bearer(new_id(), clock.now())
        assert [(await visit(ADDONS, "203.0.113.1", **member)).status_code for _ in range(5)] == [200] * 5
