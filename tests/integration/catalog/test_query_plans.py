"""Searching ten thousand add-ons costs what is shown, not what there is."""

from typing import Any

import pytest

from services.catalog.domain import derived, words
from shared.contracts.auth import WorkspaceAdmin, WorkspaceChanged
from shared.plumbing.mongo import Document
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.test_api import ADDONS, Publisher, manifest
from tests.query_plans import watched
from tests.users import bearer, new_id

MANY = 3_000
PAGE = 20
ENOUGH = 4 * PAGE
"""Keys or documents that a page may cost: those shown, and a few passed over on the way to them."""


def listing(number: int, like: Document, **changes: Any) -> Document:
    return like | {"_id": f"filler-{number}", "installs": number, "search": words(f"filler-{number}")} | changes


@pytest.fixture
async def crowded(catalog: Catalog) -> Catalog:
    """Many public add-ons, and as many that no stranger finds, in their midst."""
    await Publisher(catalog).publish("model", category="other")
    like = await catalog.listings.find_one({"_id": "model"}) or {}
    del like["state_marked_at"]
    hidden = ({"visibility": "private"}, {"visibility": "unlisted"}, {"withdrawn": True})
    fillers = [listing(number, like, category=f"c{number % 50}") for number in range(MANY)]
    fillers += [listing(MANY + number, like, **hidden[number % 3]) for number in range(MANY)]
    await catalog.listings.insert_many(fillers)
    return catalog


async def found(catalog: Catalog, headers: dict[str, str] | None = None, **params: Any) -> dict[str, Any]:
    answer = await catalog.client.get(ADDONS, params={"limit": PAGE, **params}, headers=headers or {})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_lists_cost_what_they_show(crowded: Catalog) -> None:
    ada, admin, workspace = Publisher(crowded), new_id(), new_id()
    await ada.publish("secret-addon", visibility="private", visible_to=[workspace])
    state = WorkspaceChanged(version=1, workspace_id=workspace, admins=(WorkspaceAdmin(user_id=admin, role="admin"),))
    await crowded.receive(state)
    member = bearer(admin, crowded.clock.now())

    async with watched(crowded.database) as plans:
        first = await found(crowded)
        later = await found(crowded, cursor=first["next"])
        in_category = await found(crowded, category="c7")
        by_common_word = await found(crowded, query="fill")
        by_word = await found(crowded, query="filler 2345")
        mine = await found(crowded, ada.headers, mine=True)
        as_member = await found(crowded, member)
        as_member_later = await found(crowded, member, cursor=as_member["next"])
        as_member_mine = await found(crowded, member, query="secret")

    def keys(page: dict[str, Any]) -> list[str]:
        return [one["key"] for one in page["items"]]

    assert keys(first) == keys(as_member) == [f"filler-{MANY - 1 - number}" for number in range(PAGE)]
    assert keys(later) == keys(as_member_later) == [f"filler-{MANY - 1 - PAGE - number}" for number in range(PAGE)]
    assert keys(in_category) == [f"filler-{MANY - 43 - 50 * number}" for number in range(PAGE)]
    assert (keys(by_word), keys(mine), keys(as_member_mine)) == (["filler-2345"], ["secret-addon"], ["secret-addon"])
    assert keys(by_common_word) == keys(first)
    assert len(plans.of("listings")) == 9
    assert plans.faults("listings", "workspaces", "addon_health", most=ENOUGH) == []


async def test_categories_are_counted_in_an_index(crowded: Catalog) -> None:
    async with watched(crowded.database) as plans:
        answer = await crowded.client.get("/api/catalog/v1/categories")

    assert len(answer.json()) == 51
    (counted,) = [one for one in plans.operations if one["ns"].endswith(".listings")]
    assert (counted["planSummary"].partition(" ")[0], counted["docsExamined"]) == ("IXSCAN", 0)


async def test_counting_installs_asks_indexes(crowded: Catalog) -> None:
    await crowded.database["installations"].insert_many(
        [{"_id": new_id(), "addon_key": f"filler-{number}", "state": "INSTALLED"} for number in range(MANY)]
    )
    async with watched(crowded.database) as plans:
        await crowded.count("filler-7")

    assert (await crowded.client.get(f"{ADDONS}/filler-7")).json()["installs"] == 1
    assert plans.faults("listings", "installations", most=2) == []


async def test_the_watch_sees_a_query_without_an_index(crowded: Catalog) -> None:
    async with watched(crowded.database) as plans:
        await crowded.listings.find({"name": "Somebody"}).to_list()
        await crowded.listings.find({"publisher_id": {"$gt": ""}, "name": "Somebody"}).to_list()
        await crowded.listings.find({"publisher_id": "somebody"}).to_list()

    without, with_too_many = plans.faults("listings", most=ENOUGH)
    assert without.startswith("listings: COLLSCAN looked at")
    assert with_too_many.startswith("listings: IXSCAN { publisher_id: 1")


async def test_a_list_holds_no_manifest(catalog: Catalog) -> None:
    """Twenty visitors who list a hundred manifests of 200 kB each would keep a process busy for seconds."""
    await Publisher(catalog).publish("large", manifest=manifest("large", description="x" * 100_000))

    async with watched(catalog.database) as plans:
        await found(catalog)

    (listed,) = [one for one in plans.operations if one["ns"].endswith(".listings")]
    assert listed["responseLength"] < 10_000


async def test_what_an_older_release_stored_is_shown_whole(catalog: Catalog) -> None:
    ada = Publisher(catalog)
    await ada.publish("old-one")
    before = (await catalog.client.get(f"{ADDONS}/old-one")).json()
    await catalog.listings.update_one({"_id": "old-one"}, {"$unset": {"icon_url": "", "scopes": ""}})

    assert (await catalog.client.get(f"{ADDONS}/old-one")).json() == before
    assert (await found(catalog))["items"][0].items() <= before.items()
    await catalog.client.patch(f"{ADDONS}/old-one", json={"short_text": "new"}, headers=ada.headers)
    stored = await catalog.listings.find_one({"_id": "old-one"}) or {}
    assert {name: stored[name] for name in derived(stored)} == derived(stored)
