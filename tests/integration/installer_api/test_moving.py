"""Who lets a newer manifest count, who has an add-on called elsewhere, and what it means for the next call."""

import pytest

from services.installer.saga.inputs import UninstallAsked
from tests.integration.installer_api.conftest import MANIFEST, Installer
from tests.users import bearer, new_id

PATH = "/api/installer/v1/installations"
OPERATOR = "/api/installer/v1/operator/installations"
NEWER = MANIFEST | {
    "baseUrl": "https://newer.example",
    "scopes": ["TIME_ENTRY_WRITE"],
    "lifecycle": [{"type": "INSTALLED", "path": "/installed"}],
}


async def made(installer: Installer) -> tuple[str, str, str]:
    """An admin, their installation of an add-on, and the add-on."""
    admin = await installer.user()
    addon = await installer.addon(publisher_id=new_id())
    one = (await installer.ask(admin, await installer.workspace(admin), addon)).json()["id"]
    await installer.installs(one)
    return admin, one, addon


async def test_a_newer_manifest_counts_when_an_admin_says_so(installer: Installer) -> None:
    admin, one, addon = await made(installer)
    path, stranger = f"{PATH}/{one}/manifest", await installer.user()
    await installer.client.post(
        path, headers=installer.as_(admin)
    )  # the installation of a test has a snapshot of its own
    before = (await installer.get(f"/installations/{one}", admin)).json()
    same = await installer.client.post(path, headers=installer.as_(admin))
    await installer.addon(addon_key=addon, publisher_id=new_id(), name="Newer", manifest=NEWER, manifest_version=2)
    unseen = (await installer.get(f"/installations/{one}", admin)).json()

    hidden = await installer.client.post(path, headers=installer.as_(stranger))
    operator = await installer.client.post(path, headers=installer.as_(stranger, "operator"))
    taken = [await installer.client.post(path, headers=installer.as_(admin)) for _ in range(2)]

    assert (same.status_code, same.json()["version"], same.json()["call"]) == (202, before["version"], None)
    assert (unseen["manifest_version"], unseen["addon_name"]) == (1, "Timer"), "nothing changes unseen"
    assert (hidden.status_code, hidden.json()["slug"]) == (404, "installation-not-found")
    assert (operator.status_code, operator.json()["slug"]) == (403, "not-admin"), (
        "what it may do is the workspace's affair"
    )
    for answer in taken:
        shown = answer.json()
        assert (answer.status_code, shown["manifest_version"], shown["addon_name"]) == (202, 2, "Newer")
        assert (shown["call"]["kind"], shown["call"]["number"]) == ("INSTALLED", 2)
    found = await installer.store.find(one)
    assert found is not None
    assert found.snapshot is not None
    assert (found.snapshot.base_url, found.snapshot.scopes) == ("https://newer.example", ("TIME_ENTRY_WRITE",))
    steps = (await installer.get(f"/installations/{one}", admin)).json()["timeline"]
    assert [step["detail"] for step in steps if step["what"] == "manifest_applied"][1:] == ["1 to 2"]


async def test_what_is_not_installed_takes_no_manifest(installer: Installer) -> None:
    admin, one, _ = await made(installer)
    await installer.lives_through(one, UninstallAsked(admin))

    answer = await installer.client.post(f"{PATH}/{one}/manifest", headers=installer.as_(admin))

    assert (answer.status_code, answer.json()["slug"]) == (409, "not-installed")


async def test_an_operator_has_a_silent_add_on_cleaned_up_elsewhere(installer: Installer) -> None:
    admin, one, _ = await made(installer)
    await installer.lives_through(one, UninstallAsked(admin))
    path, body, now = f"{OPERATOR}/{one}/base-url", {"base_url": "https://moved.example/x"}, installer.clock.now()

    not_fresh = bearer(new_id(), now, "operator", auth_time=int(now.timestamp()) - 7200)
    refused = [
        (await installer.client.post(path, json=body, headers=headers)).json()["slug"]
        for headers in (installer.as_(admin), not_fresh)
    ]
    moved = await installer.client.post(path, json=body, headers=installer.as_(new_id(), "operator"))

    assert refused == ["role-required", "step-up-required"]
    assert moved.status_code == 202
    found = await installer.store.find(one)
    assert found is not None
    assert found.snapshot is not None
    assert (found.snapshot.base_url, found.cleanup) == ("https://moved.example/x", "owed")


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://", "nothing", "https://a.example/" + "x" * 2000])
async def test_what_is_no_address_is_refused(installer: Installer, address: str) -> None:
    _, one, _ = await made(installer)
    headers = installer.as_(new_id(), "operator")

    answer = await installer.client.post(f"{OPERATOR}/{one}/base-url", json={"base_url": address}, headers=headers)

    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request")
