"""GET /preflight over real projections, and how an add-on is doing."""

from services.installer.web.reads import JOINED_LIMIT
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
    assert shown["next"] == {"action": "choose-workspace", "href": f"/addons/{addon}/install"}
    assert [step["action"] for step in shown["alternatives"]] == ["add-workspace"]
    assert (shown["chosen"], shown["member_of"]) == (None, [])


async def test_s12_the_workspace_that_the_caller_comes_with_is_chosen_or_it_is_said_why_not(
    installer: Installer,
) -> None:
    user, other, addon = await installer.user(), await installer.user(), await installer.addon()
    places = {
        None: await installer.workspace(user, region="eu"),
        "two-factor-required": await installer.workspace(user, requires_two_factor=True),
        "not-admin": await installer.workspace(other, members=[user]),
        "workspace-not-found": await installer.workspace(other),
        "workspace-not-known-yet": new_id(),
    }
    steps = {}
    for reason, place in places.items():
        shown = (await installer.get("/preflight", user, addon=addon, workspace=place)).json()
        chosen = shown["chosen"]
        assert (chosen["workspace_id"], chosen["selectable"], chosen["reason"]) == (place, reason is None, reason)
        assert len(shown["workspaces"]) == 2
        asked = await installer.ask(user, place, addon, acknowledge=["region"])
        assert (asked.status_code == 202) == chosen["selectable"]
        assert asked.json().get("slug") == reason
        steps[reason] = chosen["next"]["action"]
    assert steps == {
        None: "acknowledge",
        "two-factor-required": "enable-two-factor",
        "not-admin": "ask-an-admin",
        "workspace-not-found": "choose-another-workspace",
        "workspace-not-known-yet": "try-again",
    }


async def test_s9_without_admin_rights_anywhere_the_way_leads_to_another_account(installer: Installer) -> None:
    user, owner, addon = await installer.user(), await installer.user(), await installer.addon()
    place = await installer.workspace(owner, name="Theirs", region="eu", members=[user])
    await installer.workspace(owner, name="Gone", members=[user], deleted=True)
    shown = (await installer.get("/preflight", user, addon=addon)).json()
    back = f"%2Faddons%2F{addon}%2Finstall"
    assert shown["workspaces"] == []
    assert shown["next"] == {
        "action": "log-in-with-admin-account",
        "href": f"/login?another=1&return_to={back}",
        "role": "admin",
    }
    assert [one["action"] for one in shown["alternatives"]] == ["add-workspace", "ask-an-admin"]
    assert shown["member_of"] == [
        {"workspace_id": place, "name": "Theirs", "provider": None, "product": "clock", "region": "eu"}
    ]


async def test_s9_whoever_is_in_no_workspace_is_led_to_a_first_one(installer: Installer) -> None:
    user, owner, addon = await installer.user(), await installer.user(), await installer.addon()
    await installer.workspace(owner, name="Foreign")
    await installer.workspace(owner, name="Gone", members=[user], deleted=True)
    shown = (await installer.get("/preflight", user, addon=addon)).json()
    assert (shown["workspaces"], shown["member_of"]) == ([], [])
    back = f"%2Faddons%2F{addon}%2Finstall"
    assert shown["next"] == {"action": "add-workspace", "href": f"/manage-accounts?return_to={back}"}
    assert [one["action"] for one in shown["alternatives"]] == ["log-in-with-admin-account"]


async def test_of_very_many_memberships_some_are_told(installer: Installer) -> None:
    user, owner, addon = await installer.user(), await installer.user(), await installer.addon()
    for number in range(JOINED_LIMIT + 5):
        await installer.workspace(owner, name=f"W{number}", members=[user])
    assert len((await installer.get("/preflight", user, addon=addon)).json()["member_of"]) == JOINED_LIMIT


async def test_s10_nobody_learns_how_to_come_back_with_an_account_that_may_and_nothing_else(
    installer: Installer,
) -> None:
    public, private = await installer.addon(), await installer.addon(visibility="private")
    answers = []
    for addon in (public, private, "no-such-add-on"):
        answer = await installer.client.get("/api/installer/v1/preflight", params={"addon": addon})
        back = f"return_to=%2Faddons%2F{addon}%2Finstall"
        told = answer.json()
        assert (answer.status_code, told["slug"]) == (401, "token-missing")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert told["next"] == {"action": "sign-up", "href": f"/signup?{back}", "role": "admin"}
        assert told["alternatives"] == [{"action": "log-in", "href": f"/login?{back}", "role": "admin"}]
        answers.append({name: told[name] for name in told if name not in ("next", "alternatives", "correlation_id")})
    assert answers[0] == answers[1] == answers[2]
    forged = await installer.client.get(
        "/api/installer/v1/preflight", params={"addon": public}, headers={"Authorization": "Bearer no.such.token"}
    )
    assert (forged.status_code, forged.json()["slug"]) == (401, "token-invalid")


async def test_a_plain_member_may_know_of_an_add_on_that_is_private_to_their_workspace(installer: Installer) -> None:
    user, owner = await installer.user(), await installer.user()
    place = await installer.workspace(owner, members=[user])
    addon = await installer.addon(visibility="private", visible_to=[place])
    shown = (await installer.get("/preflight", user, addon=addon)).json()
    assert (shown["workspaces"], [one["workspace_id"] for one in shown["member_of"]]) == ([], [place])


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
    former = await installer.get("/preflight", await installer.user(deleted=True), addon=await installer.addon())
    assert (former.status_code, former.json()["slug"]) == (404, "account-not-found")
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
