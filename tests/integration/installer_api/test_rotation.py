"""New webhook secrets beside old ones, another signing key, and what an emergency does to what is installed."""

from datetime import timedelta
from typing import Any, cast

import pytest

from services.installer.addons.keys import AddOnKeys
from services.installer.addons.rotation_store import RotationStore
from services.installer.delivery import retiring as retiring_module
from services.installer.delivery import rotations as rotations_module
from services.installer.delivery.retiring import Retiring
from services.installer.delivery.rotations import Rotations
from services.installer.delivery.worker import Worker
from services.installer.domain import SCHEMA
from services.installer.saga.inputs import Due, Lease, Surroundings, UninstallAsked
from shared.plumbing.sealing import Sealer
from tests.integration.installer_api.conftest import MASTER_KEY, Installer
from tests.query_plans import watched
from tests.users import bearer


async def post(installer: Installer, path: str, user: str, *roles: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = await installer.client.post(f"/api/installer/v1{path}", json=body, headers=installer.as_(user, *roles))
    return answer.status_code, answer.json()


async def test_an_old_secret_signs_beside_the_new_one_for_as_long_as_was_asked(installer: Installer) -> None:
    publisher = await installer.user()
    addon = await installer.addon(publisher_id=publisher)
    path = f"/addons/{addon}/webhook-secrets"
    first = (await installer.get(path, publisher)).json()["secrets"]

    _, second = await post(installer, path, publisher)
    _, third = await post(installer, path, publisher, keep_old_hours=1)
    full = await post(installer, path, publisher)
    lost = await post(installer, path, publisher, keep_old_hours=0)

    assert (len(first), second["secrets"][1:]) == (1, first)
    assert third["secrets"][1:] == second["secrets"]
    assert (full[0], full[1]["slug"]) == (409, "too-many-secrets")
    assert len(lost[1]["secrets"]) == 1
    assert lost[1]["secrets"][0] not in third["secrets"]
    assert (await post(installer, path, await installer.user()))[1]["slug"] == "not-the-publisher"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "webhook-secrets"), ("POST", "webhook-secrets"), ("POST", "signing-key")]
)
async def test_neither_an_old_log_in_nor_a_program_sees_or_changes_what_signs(
    installer: Installer, method: str, path: str
) -> None:
    publisher, now = await installer.user(), installer.clock.now()
    addon = await installer.addon(publisher_id=publisher)
    long_ago = int((now - timedelta(minutes=11)).timestamp())
    for more in ({"auth_time": long_ago}, {"scope": "installer:write"}):
        answer = await installer.client.request(
            method,
            f"/api/installer/v1/addons/{addon}/{path}",
            json={} if method == "POST" else None,
            headers=bearer(publisher, now, **more),
        )
        assert (answer.status_code, answer.json()["slug"]) == (403, "step-up-required")
        assert answer.json()["step_up"] == "/api/auth/v1/sessions/current/step-up"


async def test_a_secret_whose_time_is_over_signs_no_more(installer: Installer) -> None:
    publisher = await installer.user()
    addon = await installer.addon(publisher_id=publisher)
    path = f"/addons/{addon}/webhook-secrets"
    _, both = await post(installer, path, publisher)
    over = {"$set": {"retired.0.until": installer.clock.now()}}
    await installer.database["addon_keys"].update_one({"_id": addon}, over)

    assert (await installer.keys.read_again(addon)).webhook_secrets == (both["secrets"][0],)


async def test_a_publisher_moves_to_the_newest_key_and_what_is_installed_keeps_its_own(installer: Installer) -> None:
    publisher, admin = await installer.user(), await installer.user()
    addon = await installer.addon(publisher_id=publisher)
    one = (await installer.ask(admin, await installer.workspace(admin), addon)).json()["id"]
    await installer.installs(one)
    path = f"/addons/{addon}/signing-key"

    newest = await post(installer, path, publisher)
    forbidden = await post(installer, path, publisher, emergency=True)
    made = await installer.keys.add()
    status, moved = await post(installer, path, publisher)

    assert (newest[0], newest[1]["slug"]) == (409, "signing-key-newest")
    assert (forbidden[0], forbidden[1]["slug"]) == (403, "role-required")
    assert (status, moved["kid"], moved["telling"]) == (200, made, False)
    assert (moved["installations"], moved["on_other_keys"], moved["unconfirmed"]) == (1, 1, 0)


async def test_after_an_emergency_every_live_installation_is_told_the_new_key(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, admin, operator = await installer.user(), await installer.user(), await installer.user()
    addon = await installer.addon(publisher_id=publisher)
    ones = [(await installer.ask(admin, await installer.workspace(admin), addon)).json()["id"] for _ in range(3)]
    for one in ones[:2]:
        await installer.installs(one)
    await installer.delivers(ones[2])
    path = f"/addons/{addon}/signing-key"
    rotations = RotationStore(installer.database, Sealer(MASTER_KEY), installer.clock)
    worker = cast("Worker", installer.store)  # which sends nothing: what is due is seen in the documents
    monkeypatch.setattr(rotations_module, "BATCH", 2)

    _, begun = await post(installer, path, operator, "operator", emergency=True)
    assert (begun["telling"], begun["on_other_keys"], begun["unconfirmed"]) == (True, 3, 0)
    await Rotations(rotations, installer.store, worker, installer.clock).round()
    half = (await installer.get(path, publisher)).json()
    assert (half["on_other_keys"], half["unconfirmed"]) == (1, 2)
    # Another process goes on where the first was killed.
    await Rotations(rotations, installer.store, worker, installer.clock).round()
    told = (await installer.get(path, publisher)).json()
    assert (told["on_other_keys"], told["unconfirmed"]) == (0, 3)

    for one in ones:
        found = await installer.store.find(one)
        assert found is not None
        assert found.call is not None
        assert found.tokens is not None
        assert (found.call.number, found.tokens.kid) == (2, begun["kid"]), "a new call under the new key"
    lease = Surroundings(lease=Lease("test", installer.clock.now()))
    await installer.lives_through(ones[0], Due(lease))
    monkeypatch.setattr(rotations_module, "LATECOMERS", installer.clock.now() - installer.clock.now())
    await Rotations(rotations, installer.store, worker, installer.clock).round()
    assert (await installer.get(path, operator, "operator")).json()["telling"] is False


async def test_a_key_that_nobody_needs_is_forgotten_and_not_before(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, admin = await installer.user(), await installer.user()
    addon = await installer.addon(publisher_id=publisher)
    one = (await installer.ask(admin, await installer.workspace(admin), addon)).json()["id"]
    await installer.installs(one)
    old = installer.keys.default
    newest = await installer.keys.add()
    retiring = Retiring(installer.keys, installer.store)

    async def published() -> set[str]:
        return {key["kid"] for key in (await installer.client.get("/.well-known/souk/addons.jwks.json")).json()["keys"]}

    await retiring.round()
    assert await published() == {old, newest}, "it signs for the add-on"
    await post(installer, f"/addons/{addon}/signing-key", publisher)
    await retiring.round()
    assert await published() == {old, newest}, "another process may still give it to an installation"
    monkeypatch.setattr(retiring_module, "SETTLED", timedelta(0))
    await retiring.round()
    assert await published() == {old, newest}, "what is installed has tokens of it"
    await installer.lives_through(one, UninstallAsked(admin))
    await retiring.round()
    assert await published() == {old, newest}, "the add-on is still to be told DELETED"
    await installer.database["installations"].update_one(
        {"_id": one}, {"$set": {"cleanup": "closed"}, "$unset": {"call": "", "due_at": ""}}
    )
    async with watched(installer.database) as plans:
        await retiring.round()
    assert plans.faults("installations", most=3) == []
    assert await published() == {newest}
    assert await installer.database["signing_keys"].count_documents({"kid": old}) == 0


async def test_a_process_that_was_idle_gives_no_former_key_to_an_add_on(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = AddOnKeys(installer.database, Sealer(MASTER_KEY), installer.clock)
    await idle.prepare()
    old = idle.default
    newest = await installer.keys.add()
    retiring = Retiring(installer.keys, installer.store)
    await retiring.round()
    assert await installer.database["signing_keys"].count_documents({}) == 2, "others may not know of the newest yet"
    monkeypatch.setattr(retiring_module, "SETTLED", timedelta(0))
    await retiring.round()
    assert old not in {key["kid"] for key in installer.keys.jwks()["keys"]}

    assert idle.default == old
    given = (await idle.assigned(["first-seen-here"]))["first-seen-here"]

    assert given.kid == newest
    assert (await idle.signing_key(given.kid)).kid == newest


async def test_whoever_is_being_told_of_a_key_is_told_of_the_one_that_replaces_it(installer: Installer) -> None:
    publisher, admin, operator = await installer.user(), await installer.user(), await installer.user()
    addon = await installer.addon(publisher_id=publisher)
    one = (await installer.ask(admin, await installer.workspace(admin), addon)).json()["id"]
    await installer.installs(one)
    path = f"/addons/{addon}/signing-key"
    rotations = RotationStore(installer.database, Sealer(MASTER_KEY), installer.clock)

    await post(installer, path, operator, "operator", emergency=True)
    newest = await installer.keys.add()
    _, moved = await post(installer, path, publisher)
    assert (moved["kid"], moved["telling"]) == (newest, True)
    await Rotations(rotations, installer.store, cast("Worker", installer.store), installer.clock).round()

    found = await installer.store.find(one)
    assert found is not None
    assert found.tokens is not None
    assert found.tokens.kid == newest


async def test_telling_is_not_over_while_a_newer_releases_installation_has_the_old_key(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, admin, operator = await installer.user(), await installer.user(), await installer.user()
    addon = await installer.addon(publisher_id=publisher)
    one = (await installer.ask(admin, await installer.workspace(admin), addon)).json()["id"]
    await installer.installs(one)
    await installer.database["installations"].update_one({"_id": one}, {"$set": {"schema": SCHEMA + 1}})
    path = f"/addons/{addon}/signing-key"
    await post(installer, path, operator, "operator", emergency=True)
    monkeypatch.setattr(rotations_module, "LATECOMERS", timedelta(0))
    rotations = RotationStore(installer.database, Sealer(MASTER_KEY), installer.clock)

    await Rotations(rotations, installer.store, cast("Worker", installer.store), installer.clock).round()

    assert (await installer.get(path, operator, "operator")).json()["telling"] is True
