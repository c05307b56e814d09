"""A whole installer: API, saga, Kafka, MongoDB, HTTP. The add-on misbehaves, processes die, Kafka tells one story."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from aiohttp import web

from services.installer.domain import Kind, webhook_id
from shared.contracts.auth import WorkspaceChanged
from tests.integration.installer.conftest import World
from tests.integration.installer.stubs import Received, stub_addon
from tests.users import new_id
from tests.waiting import eventually

Behaviour = Callable[[Received], Awaitable[web.Response]]


def in_turn(*statuses: int) -> Behaviour:
    """These answers one after the other, the last one for ever."""
    left = list(statuses)

    async def behave(_: Received) -> web.Response:
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0])

    return behave


async def test_an_install_is_asked_checked_delivered_and_told(world: World) -> None:
    workspace = new_id()
    installer = await world.start()
    await world.known(workspace)
    installation = await world.install(installer, workspace)
    document = await world.reaches(installation, "INSTALLED")
    assert world.addon.of(installation) == ["INSTALLED"]
    assert (document["outcome"], document["cleanup"]) == ("installed", "none")
    await world.told(installation, "InstallRequested", "AddOnInstalled")

    assert (await world.uninstall(installer, installation)).status_code == 202
    await eventually(lambda: closed(world, installation))
    assert world.addon.of(installation) == ["INSTALLED", "DELETED"]
    assert [call.webhook_id for call in world.addon.calls] == [
        webhook_id(installation, Kind.INSTALLED, 1),
        webhook_id(installation, Kind.DELETED, 2),
    ]
    await world.told(installation, "InstallRequested", "AddOnInstalled", "AddOnUninstalled")


async def test_a_refusal_fails_with_the_add_ons_words_and_owes_nothing(world: World) -> None:
    async def refuse(_: Received) -> web.Response:
        return web.json_response({"message": "No seats left"}, status=403)

    workspace = new_id()
    world.addon.behave = refuse
    installer = await world.start()
    await world.known(workspace)
    installation = await world.install(installer, workspace)
    document = await world.reaches(installation, "FAILED")
    assert (document["reason"], document["detail"], document["cleanup"]) == ("addon-refused", "No seats left", "none")
    await world.told(installation, "InstallRequested", "InstallFailed")
    assert world.addon.of(installation) == ["INSTALLED"]


async def test_a_500_is_tried_again_with_the_same_id_and_bytes(world: World) -> None:
    workspace = new_id()
    world.addon.behave = in_turn(500, 204)
    installer = await world.start()
    await world.known(workspace)
    installation = await world.install(installer, workspace)
    await world.reaches(installation, "INSTALLED")
    first, second = world.addon.calls
    assert first.webhook_id == second.webhook_id
    assert first.body == second.body
    assert first.headers["X-Addon-Lifecycle-Token"] == second.headers["X-Addon-Lifecycle-Token"]


async def test_an_add_on_that_hangs_fails_at_the_deadline_and_is_told_to_clean_up(world: World) -> None:
    async def hang(call: Received) -> web.Response:
        if call.path == "/installed":
            await asyncio.sleep(60)
        return web.Response(status=204)

    workspace = new_id()
    world.addon.behave = hang
    installer = await world.start(INSTALLER_CALL_DEADLINE="0.5", INSTALLER_INSTALL_DEADLINE="2")
    await world.known(workspace)
    installation = await world.install(installer, workspace, if_unavailable="fail")
    await world.reaches(installation, "FAILED")
    await eventually(lambda: closed(world, installation))
    kinds = world.addon.of(installation)
    assert kinds[-1] == "DELETED"
    assert set(kinds[:-1]) == {"INSTALLED"}
    await world.told(installation, "InstallRequested", "InstallFailed")


async def test_an_add_on_that_is_down_is_waited_for_and_installed_when_it_is_back(world: World) -> None:
    workspaces = [new_id() for _ in range(5)]
    async with stub_addon() as other:
        port = int(other.host_and_port.rpartition(":")[2])
    world.env["SOUK_OUTGOING_ALLOW"] += f",127.0.0.1:{port}"
    world.addon.base_url = f"http://127.0.0.1:{port}"
    installer = await world.start()
    await world.known(*workspaces)
    installations = [await world.install(installer, workspace) for workspace in workspaces]
    for installation in installations:
        document = await world.reaches(installation, "WAITING")
        assert (document["waiting_for"], document["trouble"]) == ("addon", True)
    health = await world.database["addon_health"].find_one({"_id": world.addon_key})
    assert health is not None
    assert health["outage"] == 1
    async with stub_addon(port) as back:
        for installation in installations:
            await world.reaches(installation, "INSTALLED")
            await world.told(installation, "InstallRequested", "AddOnInstalled")
            assert back.of(installation) == ["INSTALLED"]
    await eventually(lambda: world.database["addon_health"].find_one({"_id": world.addon_key, "state": "closed"}))
    health = await world.database["addon_health"].find_one({"_id": world.addon_key})
    assert health is not None
    assert health["outage"] == 1


@pytest.mark.parametrize(
    ("manifest_path", "read"),
    [("/my/manifest.json", "/my/manifest.json"), pytest.param(None, "/", marks=pytest.mark.slow)],
)
async def test_with_nobody_waiting_an_add_on_is_back_when_its_manifest_is_answered(
    world: World, manifest_path: str | None, read: str
) -> None:
    workspace = new_id()
    world.addon.behave = in_turn(500)
    installer = await world.start(INSTALLER_BREAKER_FAILURES="1", INSTALLER_BREAKER_SPAN="0")
    await world.known(workspace, manifest_url=manifest_path and world.addon.base_url + manifest_path)
    installation = await world.install(installer, workspace, if_unavailable="fail")
    assert (await world.reaches(installation, "FAILED"))["reason"] == "addon-unavailable"
    back = {"_id": world.addon_key, "state": "closed", "outage": 1}
    await eventually(lambda: world.database["addon_health"].find_one(back))
    assert set(world.addon.read) == {read}, "a 404 too shows that somebody is at home"


async def test_auths_word_overrides_the_projection(world: World) -> None:
    workspace = new_id()
    world.auth.facts = {"verified": False}
    installer = await world.start()
    await world.known(workspace)
    installation = await world.install(installer, workspace)
    assert (await world.reaches(installation, "FAILED"))["reason"] == "email-not-verified"
    assert world.addon.calls == []


async def test_a_reinstall_waits_for_the_clean_up_of_the_one_before(world: World) -> None:
    released = asyncio.Event()

    async def behave(call: Received) -> web.Response:
        if call.path == "/deleted" and not released.is_set():
            return web.Response(status=503)
        return web.Response(status=204)

    workspace = new_id()
    world.addon.behave = behave
    installer = await world.start(INSTALLER_REASK_AFTER="1", INSTALLER_BREAKER_FAILURES="1000")
    await world.known(workspace)
    first = await world.install(installer, workspace)
    await world.reaches(first, "INSTALLED")
    await world.uninstall(installer, first)
    second = await world.install(installer, workspace)
    assert (await world.reaches(second, "WAITING"))["waiting_for"] == "previous_uninstall"
    await eventually(lambda: superseded(world, first))
    assert world.addon.of(second) == []
    released.set()
    await world.reaches(second, "INSTALLED")
    assert world.addon.of(first)[-1] == "DELETED"
    assert (await world.document(second))["generation"] == 2
    order = [call.webhook_id for call in world.addon.calls]
    assert order.index(webhook_id(second, Kind.INSTALLED, 1)) > order.index(webhook_id(first, Kind.DELETED, 2))


@pytest.mark.slow
async def test_a_deleted_workspace_is_left_even_by_a_process_that_was_dead_meanwhile(world: World) -> None:
    workspace, second = new_id(), new_id()
    installer = await world.start()
    await world.known(workspace, second)
    installations = [await world.install(installer, one) for one in (workspace, second)]
    for installation in installations:
        await world.reaches(installation, "INSTALLED")
    await world.publisher.say(WorkspaceChanged(workspace_id=workspace, version=2, deleted=True))
    await world.reaches(installations[0], "UNINSTALLED")
    installer.kill()
    await world.publisher.say(WorkspaceChanged(workspace_id=second, version=2, deleted=True))
    await world.start()
    await world.reaches(installations[1], "UNINSTALLED")
    for installation in installations:
        await eventually(partial(closed, world, installation))
        assert world.addon.of(installation) == ["INSTALLED", "DELETED"]
        await world.told(installation, "InstallRequested", "AddOnInstalled", "AddOnUninstalled")


@pytest.mark.parametrize("moment", [pytest.param("checking", marks=pytest.mark.slow), "delivering"])
async def test_a_killed_process_is_replaced_and_nothing_is_lost_or_doubled(world: World, moment: str) -> None:
    workspaces = [new_id() for _ in range(20)]
    hold = asyncio.Event()

    async def behave(_: Received) -> web.Response:
        await hold.wait()
        return web.Response(status=204)

    world.addon.behave = behave
    world.auth.answering = moment == "delivering"
    installer = await world.start(INSTALLER_REASK_AFTER="1")
    await world.known(*workspaces)
    installations = [await world.install(installer, workspace) for workspace in workspaces]
    if moment == "delivering":
        await eventually(lambda: len(world.addon.calls) >= 10)
    else:
        await eventually(lambda: len(world.auth.asked) >= 10)
    installer.kill()
    world.auth.answering = True
    hold.set()
    await world.start(INSTALLER_REASK_AFTER="1")
    for installation in installations:
        await world.reaches(installation, "INSTALLED")
        assert {call.webhook_id for call in world.addon.calls if call.installation_id == installation} == {
            webhook_id(installation, Kind.INSTALLED, 1)
        }
    for installation in installations:
        await world.told(installation, "InstallRequested", "AddOnInstalled")


async def test_a_stopping_process_lets_its_calls_end(world: World) -> None:
    workspace = new_id()
    hold = asyncio.Event()

    async def behave(_: Received) -> web.Response:
        await hold.wait()
        return web.Response(status=204)

    world.addon.behave = behave
    installer = await world.start()
    await world.known(workspace)
    installation = await world.install(installer, workspace)
    await eventually(lambda: world.addon.calls)
    asyncio.get_running_loop().call_later(0.5, hold.set)
    await asyncio.to_thread(installer.terminate)
    assert (await world.document(installation))["state"] == "INSTALLED"
    assert world.addon.of(installation) == ["INSTALLED"]
    await world.told(installation, "InstallRequested", "AddOnInstalled")


@pytest.mark.slow
async def test_three_processes_share_the_work(world: World) -> None:
    workspaces = [new_id() for _ in range(60)]
    installer, _, _ = await asyncio.gather(world.start(), world.start("worker"), world.start("worker"))
    await world.known(*workspaces)
    installations = await asyncio.gather(*(world.install(installer, workspace) for workspace in workspaces))
    for installation in installations:
        await world.reaches(installation, "INSTALLED")
        await world.told(installation, "InstallRequested", "AddOnInstalled")
    assert sorted(call.installation_id for call in world.addon.calls) == sorted(installations), "each called once"


async def closed(world: World, installation_id: str) -> bool:
    return bool((await world.document(installation_id))["cleanup"] == "closed")


async def superseded(world: World, installation_id: str) -> bool:
    return bool((await world.document(installation_id))["superseded"])
