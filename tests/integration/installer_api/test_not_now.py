"""What is refused for the moment only: too much by one person, lost races, documents of a newer release."""

import httpx
import pytest

from services.installer import store as store_module
from services.installer.domain import SCHEMA
from services.installer.saga.inputs import Result
from services.installer.storage import requests as requests_module
from tests.integration.installer_api.conftest import CHANGES_PER_MINUTE, Installer
from tests.integration.installer_api.test_addon_api import AddOn, addon
from tests.users import new_id

__all__ = ["addon"]

PATH = "/api/installer/v1/installations"
BURST = 10 * CHANGES_PER_MINUTE


def told(answer: httpx.Response) -> tuple[int, str, str | None]:
    return answer.status_code, answer.json()["slug"], answer.headers.get("retry-after")


async def test_asking_and_cancelling_for_ever_meets_a_limit(installer: Installer) -> None:
    user, other = await installer.user(), await installer.user()
    workspace, addon_key = await installer.workspace(user), await installer.addon()
    one = (await installer.ask(user, workspace, addon_key)).json()["id"]
    again = {**installer.as_(user), "Idempotency-Key": "k"}
    for _ in range(2 * BURST):  # the bucket fills up meanwhile
        answer = await installer.client.post(f"{PATH}/{new_id()}/cancel", headers=again)
        if answer.status_code == 429:
            break
        assert answer.status_code == 404
    status, slug, wait = told(answer)
    assert (status, slug) == (429, "too-many-requests")
    assert 1 <= int(wait or 0) <= 60 / CHANGES_PER_MINUTE

    refused = [
        await installer.client.request(method, f"{PATH}/{one}{end}", headers=again)
        for method, end in (("POST", "/cancel"), ("POST", "/retry"), ("DELETE", ""))
        for _ in range(20)
    ]
    assert 429 in {answer.status_code for answer in refused}
    assert (await installer.get(f"/installations/{one}", user)).status_code == 200, "looking is not limited"
    theirs = await installer.ask(other, await installer.workspace(other), addon_key)
    assert theirs.status_code == 202, "each has a limit of their own"


async def test_many_requests_with_fresh_keys_meet_the_same_limit(installer: Installer) -> None:
    user = await installer.user()
    workspace, addon_key = await installer.workspace(user), await installer.addon()
    answers = [await installer.ask(user, workspace, addon_key) for _ in range(BURST)]
    assert {answer.status_code for answer in answers} == {202, 409}
    for _ in range(BURST):
        answer = await installer.ask(user, workspace, addon_key)
        if answer.status_code == 429:
            break
    status, slug, wait = told(answer)
    assert (status, slug) == (429, "too-many-requests")
    assert 1 <= int(wait or 0) <= 60 / CHANGES_PER_MINUTE
    assert await installer.database["installations"].count_documents({}) == 1


async def test_who_lost_every_race_is_told_to_repeat(addon: AddOn, monkeypatch: pytest.MonkeyPatch) -> None:
    installer, user = addon.installer, addon.user
    await installer.lives_through(addon.one, installer.reported(Result.OK))
    place, addon_key = await installer.workspace(user), await installer.addon()
    change = [{"id": "a.$b", "value": 7}]
    settings = f"/addon/workspaces/{addon.workspace}/settings"
    with monkeypatch.context() as lost:
        for module in (store_module, requests_module):
            lost.setattr(module, "ROUNDS", 0)  # as after twelve
        asked = await installer.ask(user, place, addon_key, key="k")
        removed = await installer.client.delete(f"{PATH}/{addon.one}", headers=installer.as_(user))
        set_ = await addon.calls("PATCH", settings, json=change)
    assert told(asked) == told(removed) == (503, "contended", "1")
    assert (set_.status_code, set_.json()["code"], set_.headers["retry-after"]) == (503, 503, "1")

    found = await installer.get(f"/installations/{addon.one}", user)
    assert found.json()["state"] == "INSTALLED", "nothing was done"
    assert (await installer.ask(user, place, addon_key, key="k")).status_code == 202
    assert (await addon.calls("PATCH", settings, json=change)).status_code == 200


async def test_what_a_newer_release_looks_after_is_for_later(addon: AddOn) -> None:
    installer, user = addon.installer, addon.user
    await installer.lives_through(addon.one, installer.reported(Result.OK))
    newer = {"$set": {"schema": SCHEMA + 1}, "$inc": {"version": 1}}
    await installer.database["installations"].update_one({"_id": addon.one}, newer)
    for method, end in (("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")):
        answer = await installer.client.request(method, f"{PATH}/{addon.one}{end}", headers=installer.as_(user))
        assert told(answer) == (503, "newer-release", "5")
    change = [{"id": "a.$b", "value": 7}]
    set_ = await addon.calls("PATCH", f"/addon/workspaces/{addon.workspace}/settings", json=change)
    assert (set_.status_code, set_.json()["code"], set_.headers["retry-after"]) == (503, 503, "5")
