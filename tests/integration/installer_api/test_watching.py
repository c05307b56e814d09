"""Watching, cancelling, retrying, removing: by whom, and in which state."""

from typing import Any

import pytest

from services.installer.saga.inputs import Due, Result, Surroundings
from shared.contracts.reasons import Side, WaitingFor
from tests.integration.installer_api.conftest import Installer
from tests.users import new_id

PATH = "/api/installer/v1/installations"


async def requested(installer: Installer, **workspace: Any) -> tuple[str, str, str, str]:
    user = await installer.user()
    workspace_id, addon = await installer.workspace(user, **workspace), await installer.addon()
    response = await installer.ask(user, workspace_id, addon)
    return user, workspace_id, addon, response.json()["id"]


async def act(installer: Installer, user: str, one: str, what: str, *roles: str) -> tuple[int, dict[str, Any]]:
    method, path = ("DELETE", f"{PATH}/{one}") if what == "delete" else ("POST", f"{PATH}/{one}/{what}")
    response = await installer.client.request(method, path, headers=installer.as_(user, *roles))
    return response.status_code, response.json()


async def test_the_timeline_tells_every_step_and_attempt(installer: Installer) -> None:
    user, _, _, one = await requested(installer)
    await installer.delivers(one)
    trouble = installer.reported(Result.UNKNOWN, side=Side.ADDON, status=500, text="oops")
    await installer.lives_through(one, trouble)
    shown = (await installer.get(f"/installations/{one}", user)).json()
    assert (shown["state"], shown["screen"], shown["side"]) == ("DELIVERING", "maintenance", "addon")
    assert (shown["next"]["action"], shown["call"]) == (
        "call-addon",
        {"kind": "INSTALLED", "number": 1, "attempt": 1, "under_way": False},
    )
    assert shown["next"]["at"] > shown["changed_at"]
    assert shown["until"] > shown["next"]["at"]
    steps = [(entry["n"], entry["what"], entry["target"]) for entry in shown["timeline"]]
    assert steps == [
        (1, "requested", None),
        (2, "state", "CHECKING"),
        (3, "state", "DELIVERING"),
        (4, "attempt", None),
    ]
    attempt = shown["timeline"][3]
    assert (attempt["result"], attempt["status"], attempt["side"], attempt["detail"]) == (
        "unknown",
        500,
        "addon",
        "oops",
    )


async def test_only_members_of_the_workspace_see_an_installation(installer: Installer) -> None:
    member, stranger = await installer.user(), await installer.user()
    user, _, _, one = await requested(installer, members=[member])
    assert (await installer.get(f"/installations/{one}", member)).status_code == 200
    unseen = await installer.get(f"/installations/{one}", stranger)
    assert (unseen.status_code, unseen.json()["slug"]) == (404, "installation-not-found")
    for what in ("cancel", "retry", "delete"):
        status, problem = await act(installer, stranger, one, what)
        assert (status, problem["slug"]) == (404, "installation-not-found")
    nothing = await installer.get(f"/installations/{new_id()}", user)
    assert (nothing.status_code, nothing.json()["slug"]) == (404, "installation-not-found")
    odd = await installer.get("/installations/not-an-id", user)
    assert (odd.status_code, odd.json()["slug"]) == (422, "invalid-request")


async def test_publisher_and_operators_see_every_attempt_and_change_nothing(installer: Installer) -> None:
    publisher, user, stranger = [await installer.user() for _ in range(3)]
    workspace, addon = await installer.workspace(user), await installer.addon(publisher_id=publisher)
    one = (await installer.ask(user, workspace, addon)).json()["id"]
    await installer.delivers(one)
    await installer.lives_through(one, installer.reported(Result.UNKNOWN, side=Side.ADDON, status=500))
    for who, roles in ((publisher, ()), (stranger, ("operator",))):
        page = (await installer.get("/installations", who, *roles, addon=addon)).json()
        link = page["items"][0]["links"]["self"].removeprefix("/api/installer/v1")
        seen = await installer.get(link, who, *roles)
        assert (seen.status_code, seen.json()["timeline"][-1]["status"]) == (200, 500)
        for what in ("cancel", "retry", "delete"):
            status, problem = await act(installer, who, one, what, *roles)
            assert (status, problem["slug"]) == (403, "not-admin")
    other_publisher = await installer.user()
    await installer.addon(publisher_id=other_publisher)
    assert (await installer.get(f"/installations/{one}", other_publisher)).status_code == 404


async def test_whoever_left_the_workspace_sees_nothing_any_more(installer: Installer) -> None:
    user, workspace, _, one = await requested(installer)
    await installer.workspace(await installer.user(), workspace_id=workspace)
    assert (await installer.get(f"/installations/{one}", user)).status_code == 404


async def test_a_plain_member_changes_nothing(installer: Installer) -> None:
    member = await installer.user()
    _, _, _, one = await requested(installer, members=[member])
    for what in ("cancel", "retry", "delete"):
        status, problem = await act(installer, member, one, what)
        assert (status, problem["slug"]) == (403, "not-admin")


async def test_cancelling_fails_a_pending_installation(installer: Installer) -> None:
    user, _, _, one = await requested(installer)
    status, shown = await act(installer, user, one, "cancel")
    assert (status, shown["state"], shown["outcome"], shown["reason"]) == (202, "FAILED", "failed", "cancelled")
    assert (shown["screen"], shown["side"], shown["next"]) == ("fix-it", "you", None)
    status, again = await act(installer, user, one, "cancel")
    assert (status, again["version"]) == (202, shown["version"])


async def test_what_is_installed_can_only_be_removed(installer: Installer) -> None:
    user, _, _, one = await requested(installer)
    await installer.installs(one)
    assert (await act(installer, user, one, "cancel"))[1]["slug"] == "not-pending"
    status, problem = await act(installer, user, one, "retry")
    assert (status, problem["slug"]) == (409, "nothing-to-retry")
    assert problem["installation"] == {"id": one, "state": "INSTALLED", "outcome": "installed"}
    status, shown = await act(installer, user, one, "delete")
    assert (status, shown["state"], shown["outcome"], shown["cleanup"]) == (202, "UNINSTALLED", "installed", "owed")
    assert shown["next"]["action"] == "clean-up"
    assert (await act(installer, user, one, "delete"))[0] == 202


async def test_what_is_not_installed_cannot_be_removed(installer: Installer) -> None:
    user, _, _, one = await requested(installer)
    status, problem = await act(installer, user, one, "delete")
    assert (status, problem["slug"], problem["installation"]["state"]) == (409, "not-installed", "REQUESTED")
    await act(installer, user, one, "cancel")
    assert (await act(installer, user, one, "delete"))[1]["slug"] == "not-installed"


async def test_a_retry_makes_the_next_attempt_due_now_and_changes_no_outcome(installer: Installer) -> None:
    user, _, _, one = await requested(installer)
    await installer.delivers(one)
    before = await installer.lives_through(one, installer.reported(Result.NOT_SEEN, side=Side.NETWORK))
    status, shown = await act(installer, user, one, "retry")
    assert (status, shown["outcome"]) == (202, "pending")
    after = await installer.store.find(one)
    assert after is not None
    assert after.due_at is not None
    assert before.due_at is not None
    assert after.due_at < before.due_at


async def test_a_waiting_installation_says_for_what_and_until_when(installer: Installer) -> None:
    user, _, _, one = await requested(installer)
    await installer.delivers(one)
    await installer.lives_through(one, installer.reported(Result.NOT_SEEN, side=Side.NETWORK))
    await installer.lives_through(one, Due(Surroundings(unavailable=WaitingFor.ADDON)))
    shown = (await installer.get(f"/installations/{one}", user)).json()
    assert (shown["state"], shown["waiting_for"], shown["screen"]) == ("WAITING", "addon", "maintenance")
    assert shown["next"]["action"] == "look-again"
    assert shown["until"] > shown["next"]["at"]


async def test_a_list_is_read_page_by_page_without_gap_or_repetition(installer: Installer) -> None:
    user = await installer.user()
    workspace = await installer.workspace(user)
    made = [(await installer.ask(user, workspace, await installer.addon())).json()["id"] for _ in range(5)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await installer.get("/installations", user, workspace=workspace, limit=2, **cursor)).json()
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == made[::-1]


async def test_a_list_can_be_narrowed_to_a_state(installer: Installer) -> None:
    user, workspace, _, one = await requested(installer)
    await installer.installs(one)
    await installer.ask(user, workspace, await installer.addon())
    page = (await installer.get("/installations", user, workspace=workspace, state="INSTALLED")).json()
    assert [item["id"] for item in page["items"]] == [one]
    odd = await installer.get("/installations", user, workspace=workspace, state="SLEEPING")
    assert (odd.status_code, odd.json()["slug"]) == (422, "invalid-request")


async def test_a_list_by_workspace_is_for_its_members(installer: Installer) -> None:
    member, stranger = await installer.user(), await installer.user()
    _, workspace, _, one = await requested(installer, members=[member])
    page = (await installer.get("/installations", member, workspace=workspace)).json()
    assert [item["id"] for item in page["items"]] == [one]
    unseen = await installer.get("/installations", stranger, workspace=workspace)
    assert (unseen.status_code, unseen.json()["slug"]) == (404, "workspace-not-found")
    unknown = await installer.get("/installations", stranger, workspace=new_id())
    assert (unknown.status_code, unknown.json()["slug"]) == (404, "workspace-not-known-yet")


async def test_a_list_by_add_on_is_for_its_publisher_and_operators(installer: Installer) -> None:
    publisher, stranger = await installer.user(), await installer.user()
    user = await installer.user()
    addon = await installer.addon(publisher_id=publisher)
    one = (await installer.ask(user, await installer.workspace(user), addon)).json()["id"]
    for who, roles in ((publisher, ()), (stranger, ("operator",))):
        page = (await installer.get("/installations", who, *roles, addon=addon)).json()
        assert [item["id"] for item in page["items"]] == [one]
    refused = await installer.get("/installations", user, addon=addon)
    assert (refused.status_code, refused.json()["slug"]) == (403, "not-the-publisher")
    private = await installer.addon(visibility="private")
    for key in (private, "no-such-add-on"):
        unseen = await installer.get("/installations", user, addon=key)
        assert (unseen.status_code, unseen.json()["slug"]) == (404, "addon-not-found")


@pytest.mark.parametrize(
    ("params", "status", "slug"),
    [
        ({}, 422, "invalid-request"),
        ({"workspace": "a" * 24, "addon": "timer"}, 422, "invalid-request"),
        ({"workspace": "nonsense"}, 422, "invalid-request"),
        ({"workspace": "a" * 24, "limit": 0}, 422, "invalid-request"),
        ({"workspace": "a" * 24, "limit": 201}, 422, "invalid-request"),
        ({"workspace": "a" * 24, "cursor": "nonsense"}, 400, "invalid-cursor"),
        ({"workspace": "a" * 24, "cursor": "WyJhIiwiYiJd"}, 400, "invalid-cursor"),
    ],
)
async def test_a_question_of_another_shape_is_refused(
    installer: Installer, params: dict[str, Any], status: int, slug: str
) -> None:
    response = await installer.get("/installations", new_id(), **params)
    assert (response.status_code, response.json()["slug"]) == (status, slug)
