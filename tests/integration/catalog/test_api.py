"""Publishing, finding, changing and withdrawing add-ons, as publishers and visitors meet it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from services.catalog.domain import render
from shared.contracts.auth import WorkspaceAdmin, WorkspaceChanged
from shared.contracts.catalog import AddOnPublished
from shared.contracts.installer import AddOnHealthChanged, InstallationChanged
from shared.plumbing.outcomes import Outcome
from shared.plumbing.tasks import end
from tests.integration.catalog.conftest import ALLOWED, Catalog
from tests.users import bearer, new_id
from tests.waiting import eventually

ADDONS = "/api/catalog/v1/addons"


def manifest(key: str, **changes: Any) -> dict[str, Any]:
    return {
        "schemaVersion": "1.3",
        "key": key,
        "name": "Time Cards",
        "baseUrl": "https://cards.example",
        "minimalSubscriptionPlan": "FREE",
        "iconPath": "icon.svg",
        "scopes": ["USER_READ"],
        "lifecycle": [{"type": "INSTALLED", "path": "/installed"}],
    } | changes


class Publisher:
    """Somebody who publishes."""

    def __init__(self, catalog: Catalog, *roles: str) -> None:
        self.user_id = new_id()
        self._catalog = catalog
        self.headers = bearer(self.user_id, catalog.clock.now(), *(roles or ("publisher",)))

    async def publish(self, key: str, **fields: Any) -> Any:
        body = {"manifest": manifest(key)} | fields
        return await self._catalog.client.post(ADDONS, json=body, headers=self.headers)


async def test_a_published_addon_is_found_read_changed_withdrawn_and_restored(catalog: Catalog) -> None:
    ada = Publisher(catalog)

    answer = await ada.publish("time-cards", short_text="Cards for hours", category="reporting", products=["acme"])

    assert answer.status_code == 201
    assert answer.headers["location"] == f"{ADDONS}/time-cards"
    addon = answer.json()
    assert (addon["key"], addon["version"], addon["manifest_version"]) == ("time-cards", 1, 1)
    assert addon["icon_url"] == "https://cards.example/icon.svg"
    assert addon["health"] == {"status": "ok", "since": None}
    for query in ("time", "CARD", "hours", "rep", "time-cards", ""):
        found = (await catalog.client.get(ADDONS, params={"query": query})).json()
        assert [one["key"] for one in found["items"]] == ["time-cards"], query
    assert (await catalog.client.get(ADDONS, params={"query": "payroll"})).json()["items"] == []
    assert (await catalog.client.get(ADDONS, params={"product": "other"})).json()["items"] == []
    assert (await catalog.client.get("/api/catalog/v1/categories")).json() == [{"name": "reporting", "addons": 1}]

    update = {"long_text": "All about it", "manifest": manifest("time-cards", name="Time Cards 2")}
    changed = await catalog.client.patch(f"{ADDONS}/time-cards", json=update, headers=ada.headers)
    assert changed.status_code == 200
    assert changed.json()["name"] == "Time Cards 2"
    assert (changed.json()["version"], changed.json()["manifest_version"]) == (2, 2)
    assert changed.json()["short_text"] == "Cards for hours"

    gone = await catalog.client.delete(f"{ADDONS}/time-cards", headers=ada.headers)
    assert gone.json()["withdrawn"] is True
    assert (await catalog.client.get(ADDONS)).json()["items"] == []
    assert len((await catalog.client.get(ADDONS, params={"mine": True}, headers=ada.headers)).json()["items"]) == 1
    again = await catalog.client.delete(f"{ADDONS}/time-cards", headers=ada.headers)
    assert again.json()["version"] == 3
    back = await catalog.client.post(f"{ADDONS}/time-cards/restore", headers=ada.headers)
    assert back.json()["withdrawn"] is False


async def test_a_key_belongs_to_the_publisher_who_first_took_it(catalog: Catalog) -> None:
    ada, eve = Publisher(catalog), Publisher(catalog)

    answers = await asyncio.gather(ada.publish("contested"), ada.publish("contested"), ada.publish("contested"))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert {answer.json().get("slug") for answer in answers} == {None, "addon-exists"}
    await catalog.client.delete(f"{ADDONS}/contested", headers=ada.headers)

    taken = await eve.publish("contested")
    assert (taken.status_code, taken.json()["slug"]) == (409, "key-taken")
    stolen = await catalog.client.patch(f"{ADDONS}/contested", json={"short_text": "x"}, headers=eve.headers)
    assert (stolen.status_code, stolen.json()["slug"]) == (403, "not-the-publisher")
    assert (await catalog.client.get(f"{ADDONS}/contested")).json()["short_text"] == ""


async def test_a_private_addon_exists_only_for_its_workspaces(catalog: Catalog) -> None:
    ada, admin, member, stranger = Publisher(catalog), new_id(), new_id(), new_id()
    workspace = new_id()
    state = WorkspaceChanged(
        version=1,
        workspace_id=workspace,
        admins=(WorkspaceAdmin(user_id=admin, role="admin"),),
        members=(member,),
    )
    assert await catalog.receive(state) == [Outcome.DONE]
    await ada.publish("secret-addon", visibility="private", visible_to=[workspace])

    async def sees(user_id: str | None) -> tuple[int, int]:
        headers = {} if user_id is None else bearer(user_id, catalog.clock.now())
        one = await catalog.client.get(f"{ADDONS}/secret-addon", headers=headers)
        many = await catalog.client.get(ADDONS, headers=headers)
        return one.status_code, len(many.json()["items"])

    assert [await sees(who) for who in (admin, member, ada.user_id)] == [(200, 1), (200, 1), (200, 0)]
    assert [await sees(who) for who in (stranger, None)] == [(404, 0), (404, 0)]
    seen = await catalog.client.get(f"{ADDONS}/secret-addon", headers=bearer(admin, catalog.clock.now()))
    assert seen.json()["visible_to"] is None


async def test_the_verdict_names_the_field_the_rule_and_what_was_given(catalog: Catalog) -> None:
    ada = Publisher(catalog)

    answer = await ada.publish("x", manifest=manifest("time-cards", components=[{"type": "SIDEBAR", "path": "/"}]))

    problem = answer.json()
    assert (answer.status_code, problem["slug"]) == (422, "manifest-invalid")
    by_field = {(error["field"], error["rule"]): error for error in problem["errors"]}
    assert by_field["components[0].type", "one-of"]["given"] == '"SIDEBAR"'
    assert ("components[0].accessLevel", "required") in by_field


async def test_key_and_plan_of_a_manifest_cannot_change(catalog: Catalog) -> None:
    ada = Publisher(catalog)
    await ada.publish("fixed")

    for changed in (manifest("other-key"), manifest("fixed", minimalSubscriptionPlan="PRO")):
        answer = await catalog.client.patch(f"{ADDONS}/fixed", json={"manifest": changed}, headers=ada.headers)
        assert (answer.status_code, answer.json()["slug"]) == (422, "field-fixed")


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({}, 422, "invalid-request"),
        ({"manifest": manifest("a1"), "manifest_url": "https://x.example/m"}, 422, "invalid-request"),
        ({"manifest": manifest("a1"), "colour": "red"}, 422, "invalid-request"),
        ({"manifest": [1]}, 422, "invalid-request"),
        ({"manifest": manifest("a1"), "visible_to": ["nope"]}, 422, "invalid-request"),
        ({"manifest": manifest("a1"), "support_url": "javascript:alert(1)"}, 422, "invalid-request"),
        ({"manifest": manifest("a1"), "short_text": "x" * 141}, 422, "invalid-request"),
        ({"manifest": manifest("a1", name="a\u0000b")}, 422, None),
        ({"manifest_url": "file:///etc/passwd"}, 422, "invalid-request"),
        ({"manifest_url": "http://127.0.0.1:1/manifest.json"}, 422, "manifest-address-blocked"),
        ({"manifest_url": "http://169.254.169.254/latest"}, 422, "manifest-address-blocked"),
        ({"manifest_url": "http://[::ffff:127.0.0.1]/m"}, 422, "manifest-address-blocked"),
        ({"manifest_url": "http://user:pw@example.com/m"}, 422, "manifest-address-blocked"),
    ],
)
async def test_bad_input_gets_a_clear_refusal(
    catalog: Catalog, body: dict[str, Any], status: int, slug: str | None
) -> None:
    answer = await catalog.client.post(ADDONS, json=body, headers=Publisher(catalog).headers)

    assert answer.status_code == status, answer.text
    if slug is not None:
        assert answer.json()["slug"] == slug
    assert (await catalog.client.get(ADDONS)).json()["items"] == []


async def test_only_publishers_publish(catalog: Catalog) -> None:
    nobody = await catalog.client.post(ADDONS, json={"manifest": manifest("a1")})
    visitor = Publisher(catalog, "visitor")
    plain = await visitor.publish("a1")

    assert (nobody.status_code, nobody.json()["slug"]) == (401, "token-missing")
    assert (plain.status_code, plain.json()["slug"]) == (403, "role-required")


@pytest.fixture
async def served() -> AsyncIterator[None]:
    """An address that serves manifests of many kinds, where the catalog may call it."""
    good = json.dumps(manifest("served")).encode()

    async def redirecting(_: web.Request) -> web.Response:
        raise web.HTTPFound("/good")

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(800):
            await response.write(b" " * 65536)
        return response

    bodies = {
        "/good": (good, "application/json"),
        "/html": (b"<!doctype html><p>Not found</p>", "text/html"),
        "/latin": ('{"key":"caf\u00e9"}'.encode("latin-1"), "application/json"),
        "/list": (b"[]", "application/json"),
    }

    async def serve(request: web.Request) -> web.Response:
        body, kind = bodies[request.path]
        return web.Response(body=body, content_type=kind)

    async def missing(_: web.Request) -> web.Response:
        raise web.HTTPNotFound

    app = web.Application()
    app.add_routes([web.get(path, serve) for path in bodies])
    app.add_routes([web.get("/redirect", redirecting), web.get("/endless", endless), web.get("/missing", missing)])
    runner = web.AppRunner(app)
    await runner.setup()
    host, port = ALLOWED.split(":")
    await web.TCPSite(runner, host, int(port)).start()
    yield
    await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/good", 201, None),
        ("/html", 422, "manifest-invalid"),
        ("/latin", 422, "manifest-invalid"),
        ("/list", 422, "manifest-invalid"),
        ("/redirect", 422, "manifest-redirects"),
        ("/missing", 422, "manifest-status"),
        ("/endless", 422, "manifest-too-large"),
    ],
)
async def test_a_manifest_is_read_where_the_publisher_serves_it(
    catalog: Catalog, served: None, path: str, status: int, slug: str | None
) -> None:
    body = {"manifest_url": f"http://{ALLOWED}{path}"}

    answer = await catalog.client.post(ADDONS, json=body, headers=Publisher(catalog).headers)

    assert answer.status_code == status, answer.text
    assert answer.json().get("slug") == slug
    if slug is None:
        listing = await catalog.service.client[catalog.service.settings.mongo_database]["listings"].find_one({})
        assert listing is not None
        state = render(listing).data
        assert isinstance(state, AddOnPublished)
        assert state.manifest_url == body["manifest_url"], "where the installer asks whether the add-on is back"


async def test_installs_are_counted_and_health_is_shown(catalog: Catalog) -> None:
    await Publisher(catalog).publish("counted")
    now = catalog.clock.now()

    def state(version: int, name: str, installation: str) -> InstallationChanged:
        return InstallationChanged(
            version=version,
            installation_id=installation,
            workspace_id=new_id(),
            addon_key="counted",
            generation=1,
            user_id=new_id(),
            state=name,
            outcome="pending",
            cleanup="none",
            seq=1,
            requested_at=now,
            changed_at=now,
        )

    async def both_counted() -> bool:
        return bool((await catalog.client.get(f"{ADDONS}/counted")).json()["installs"] == 2)

    first, second = new_id(), new_id()
    health = AddOnHealthChanged(version=1, addon_key="counted", breaker="open", outage=1, since=now)
    await catalog.receive(
        *(state(1, "REQUESTED", first), state(2, "INSTALLED", first), state(2, "INSTALLED", second), health),
        state(1, "CHECKING", second),
    )
    counting = asyncio.ensure_future(catalog.service.worker_loops["counts"]())
    await eventually(both_counted)
    await end(counting)

    shown = (await catalog.client.get(f"{ADDONS}/counted")).json()
    assert shown["health"]["status"] == "unavailable"
    assert shown["version"] == 1


async def test_pages_follow_each_other_without_gap_or_double(catalog: Catalog) -> None:
    ada = Publisher(catalog)
    for number in range(7):
        await ada.publish(f"addon-{number}")

    keys: list[str] = []
    cursor = None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await catalog.client.get(ADDONS, params=params)).json()
        keys += [one["key"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert keys == [f"addon-{number}" for number in range(7)]
    bad = await catalog.client.get(ADDONS, params={"cursor": "nonsense"})
    assert (bad.status_code, bad.json()["slug"]) == (400, "invalid-cursor")


async def test_an_expired_token_is_told_apart(catalog: Catalog) -> None:
    old = bearer(new_id(), catalog.clock.now() - timedelta(minutes=10), "publisher")

    answer = await catalog.client.post(ADDONS, json={"manifest": manifest("a1")}, headers=old)

    assert (answer.status_code, answer.json()["slug"]) == (401, "token-expired")
