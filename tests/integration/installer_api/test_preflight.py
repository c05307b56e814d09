"""GET /preflight over real projections, and how an add-on is doing."""

from shared.contracts.reasons import WaitingFor
from tests.integration.installer_api.conftest import Installer
from tests.users import new_id


async def test_every_workspace_that_the_caller_administers_is_shown(installer: Installer) -> None:
    user, other = await installer.user(), await installer.user()
    mine = await installer.workspace(user, name="Mine")
    locked = await installer.workspace(other, user, name="Locked", requires_two_factor=True)
    await installer.workspace(other, name="Only a member", members=[user])
    await installer.workspace(other, name="Foreign")
    await installer.workspace(user, name="Gone", deleted=True)
    taken = await installer.workspace(user, name="Has it", region="eu")
    addon = await installer.addon()
    one = (await installer.ask(user, taken, addon, acknowledge=["region"])).json()["id"]
    shown = (await installer.get("/preflight", user, addon=addon)).json()
    assert (shown["addon"], shown["verified"], shown["two_factor"]) == (addon, True, False)
    assert [(row["workspace_id"], row["selectable"], row["blockers"]) for row in shown["workspaces"]] == [
        (mine, True, []),
        (taken, False, ["already-installed"]),
        (locked, False, ["two-factor-required"]),
    ]
    assert shown["workspaces"][1]["installation"]["id"] == one
    assert shown["next"] == {"action": "choose-workspace"}


async def test_one_workspace_can_be_asked_about_even_by_a_plain_member(installer: Installer) -> None:
    member = await installer.user()
    workspace = await installer.workspace(await installer.user(), members=[member])
    addon = await installer.addon()
    (row,) = (await installer.get("/preflight", member, addon=addon, workspace=workspace)).json()["workspaces"]
    assert (row["blockers"], row["next"]) == (["not-admin"], {"action": "ask-an-admin"})
    foreign = await installer.workspace(await installer.user())
    for wanted, slug in ((foreign, "workspace-not-found"), (new_id(), "workspace-not-known-yet")):
        refused = await installer.get("/preflight", member, addon=addon, workspace=wanted)
        assert (refused.status_code, refused.json()["slug"]) == (404, slug)


async def test_s9_without_admin_rights_anywhere_the_way_leads_to_a_workspace(installer: Installer) -> None:
    user, addon = await installer.user(), await installer.addon()
    shown = (await installer.get("/preflight", user, addon=addon)).json()
    assert (shown["workspaces"], shown["next"]) == ([], {"action": "add-workspace"})


async def test_an_add_on_that_is_down_warns_and_stays_selectable(installer: Installer) -> None:
    user, addon = await installer.user(), await installer.addon()
    await installer.workspace(user)
    installer.availability.hindered[addon] = WaitingFor.ADDON
    (row,) = (await installer.get("/preflight", user, addon=addon)).json()["workspaces"]
    assert (row["selectable"], row["will_wait"], row["warnings"], row["acknowledge"]) == (True, True, ["will-wait"], [])


async def test_a_private_add_on_does_not_exist_for_others(installer: Installer) -> None:
    user, stranger = await installer.user(), await installer.user()
    workspace = await installer.workspace(user)
    await installer.workspace(user), await installer.workspace(stranger)
    addon = await installer.addon(visibility="private", visible_to=[workspace])
    shown = (await installer.get("/preflight", user, addon=addon)).json()
    assert [row["workspace_id"] for row in shown["workspaces"]] == [workspace]
    refused = await installer.get("/preflight", stranger, addon=addon)
    assert (refused.status_code, refused.json()["slug"]) == (404, "addon-not-known-yet")
    assert (await installer.get(f"/addons/{addon}/health", user)).status_code == 200
    assert (await installer.get(f"/addons/{addon}/health", stranger)).status_code == 404


async def test_what_is_not_known_yet_is_said_to_be_so(installer: Installer) -> None:
    user = await installer.user()
    unknown = await installer.get("/preflight", user, addon="no-such-add-on")
    assert (unknown.status_code, unknown.json()["slug"]) == (404, "addon-not-known-yet")
    fresh = await installer.get("/preflight", new_id(), addon=await installer.addon())
    assert (fresh.status_code, fresh.json()["slug"]) == (404, "account-not-known-yet")
    gone = await installer.get("/preflight", user, addon=await installer.addon(deleted=True))
    assert (gone.status_code, gone.json()["slug"]) == (404, "addon-not-found")
    assert (await installer.get("/preflight", user)).json()["slug"] == "invalid-request"


async def test_the_health_of_an_add_on_is_told(installer: Installer) -> None:
    user, addon = await installer.user(), await installer.addon()
    assert (await installer.get(f"/addons/{addon}/health", user)).json() == {
        "addon": addon,
        "status": "available",
        "retry_at": None,
    }
    installer.availability.hindered[addon] = WaitingFor.MAINTENANCE
    assert (await installer.get(f"/addons/{addon}/health", user)).json()["status"] == "maintenance"


async def test_five_hundred_workspaces_are_answered_along_an_index(installer: Installer) -> None:
    user, addon = await installer.user(), await installer.addon()
    for number in range(500):
        await installer.workspace(user, name=f"W{number:03}")
    response = await installer.get("/preflight", user, addon=addon)
    assert len(response.json()["workspaces"]) == 500
    plan = await installer.known.workspaces.collection.find({"admins.user_id": user}).explain()
    assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])
