"""POST /installations: accepted once, refused with a reason, never doubled."""

import asyncio
from typing import Any

import pytest

from tests.integration.installer_api.conftest import Installer
from tests.users import new_id

PATH = "/api/installer/v1/installations"


async def everything(installer: Installer, **workspace: Any) -> tuple[str, str, str]:
    user = await installer.user()
    return user, await installer.workspace(user, **workspace), await installer.addon()


async def test_an_accepted_request_is_stored_with_its_first_messages(installer: Installer) -> None:
    user, workspace, addon = await everything(installer)
    response = await installer.ask(user, workspace, addon, key="my-key")
    assert response.status_code == 202
    body = response.json()
    assert response.headers["location"] == f"{PATH}/{body['id']}"
    assert (body["state"], body["outcome"], body["generation"], body["waiting_for"]) == (
        "REQUESTED",
        "pending",
        1,
        "messaging",
    )
    document = await installer.database["installations"].find_one({"_id": body["id"]})
    assert document is not None
    types = [dict(entry["headers"])["ce_type"] for entry in document["outbox"]]
    assert types == ["InstallRequested", "CheckWorkspace"]
    assert document["workspace"]["owner_id"] == user


async def test_the_same_request_repeated_answers_the_same_installation(installer: Installer) -> None:
    user, workspace, addon = await everything(installer, region="eu")
    first = await installer.ask(user, workspace, addon, key="k", acknowledge=["region"])
    await installer.installs(first.json()["id"])
    again = await installer.ask(
        user, workspace, addon, key="k", acknowledge=["region", "region"], if_unavailable="wait"
    )
    assert again.status_code == 202
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["state"] == "INSTALLED"
    assert await installer.database["installations"].count_documents({}) == 1


async def test_what_was_accepted_stays_accepted_when_the_rules_have_turned(installer: Installer) -> None:
    user, workspace, addon = await everything(installer)
    first = await installer.ask(user, workspace, addon, key="k")
    await installer.workspace(user, workspace_id=workspace, active=False)
    again = await installer.ask(user, workspace, addon, key="k")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert (await installer.ask(user, workspace, addon, key="other")).status_code == 409


async def test_the_same_key_with_another_body_is_refused(installer: Installer) -> None:
    user, workspace, addon = await everything(installer)
    await installer.ask(user, workspace, addon, key="k")
    for change in ({"if_unavailable": "fail"}, {"acknowledge": ["region"]}):
        other = await installer.ask(user, workspace, addon, key="k", **change)
        assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")
    elsewhere = await installer.ask(user, new_id(), addon, key="k")
    assert (elsewhere.status_code, elsewhere.json()["slug"]) == (422, "idempotency-key-reused")


async def test_a_key_is_the_caller_s_own(installer: Installer) -> None:
    user, other = await installer.user(), await installer.user()
    addon = await installer.addon()
    first = await installer.ask(user, await installer.workspace(user), addon, key="k")
    second = await installer.ask(other, await installer.workspace(other), addon, key="k")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]


async def test_parallel_requests_with_one_key_make_one_installation(installer: Installer) -> None:
    user, workspace, addon = await everything(installer)
    responses = await asyncio.gather(*(installer.ask(user, workspace, addon, key="k") for _ in range(30)))
    assert {response.status_code for response in responses} == {202}
    assert len({response.json()["id"] for response in responses}) == 1
    assert await installer.database["installations"].count_documents({}) == 1


async def test_of_parallel_requests_with_different_keys_one_is_accepted(installer: Installer) -> None:
    user, workspace, addon = await everything(installer)
    responses = await asyncio.gather(*(installer.ask(user, workspace, addon) for _ in range(30)))
    accepted = [response.json()["id"] for response in responses if response.status_code == 202]
    refused = [response.json() for response in responses if response.status_code == 409]
    assert (len(accepted), len(refused)) == (1, 29)
    assert {problem["slug"] for problem in refused} == {"already-installed"}
    assert {problem["installation"]["href"] for problem in refused} == {f"{PATH}/{accepted[0]}"}
    assert await installer.database["installations"].count_documents({}) == 1


async def test_two_admins_at_once_install_once(installer: Installer) -> None:
    first, second = await installer.user(), await installer.user()
    workspace, addon = await installer.workspace(first, second), await installer.addon()
    responses = await asyncio.gather(*(installer.ask(user, workspace, addon, key="k") for user in (first, second)))
    assert sorted(response.status_code for response in responses) == [202, 409]


async def test_after_a_failure_a_new_request_is_the_next_generation(installer: Installer) -> None:
    user, workspace, addon = await everything(installer)
    first = (await installer.ask(user, workspace, addon)).json()["id"]
    await installer.client.post(f"{PATH}/{first}/cancel", headers=installer.as_(user))
    second = await installer.ask(user, workspace, addon)
    assert (second.status_code, second.json()["generation"]) == (202, 2)


@pytest.mark.parametrize(
    ("account", "workspace", "addon", "status", "slug"),
    [
        ({"verified": False}, {}, {}, 422, "email-not-verified"),
        ({}, {"active": False}, {}, 422, "workspace-inactive"),
        ({}, {"requires_two_factor": True}, {}, 422, "two-factor-required"),
        ({}, {}, {"withdrawn": True}, 422, "addon-withdrawn"),
        ({}, {}, {"products": ["other"]}, 422, "product-not-compatible"),
        ({}, {}, {"minimal_plan": "PRO"}, 422, "plan-too-low"),
        ({}, {"region": "eu"}, {}, 422, "region-not-acknowledged"),
        ({}, {}, {"visibility": "private"}, 404, "addon-not-known-yet"),
        ({}, {}, {"deleted": True}, 404, "addon-not-found"),
        ({}, {"deleted": True}, {}, 404, "workspace-not-found"),
    ],
)
async def test_a_refusal_says_why_and_writes_nothing(
    installer: Installer,
    *,
    account: dict[str, Any],
    workspace: dict[str, Any],
    addon: dict[str, Any],
    status: int,
    slug: str,
) -> None:
    user = await installer.user(**account)
    response = await installer.ask(user, await installer.workspace(user, **workspace), await installer.addon(**addon))
    assert (response.status_code, response.json()["slug"]) == (status, slug)
    assert response.headers["content-type"] == "application/problem+json"
    assert await installer.database["installations"].count_documents({}) == 0


async def test_a_refusal_names_all_blockers_and_what_to_do(installer: Installer) -> None:
    user = await installer.user()
    workspace = await installer.workspace(user, requires_two_factor=True, plan="BASIC")
    response = await installer.ask(user, workspace, await installer.addon(minimal_plan="PRO"))
    assert response.json()["blockers"] == ["plan-too-low", "two-factor-required"]
    assert response.json()["next"] == {"action": "upgrade-plan", "plan": "PRO"}


async def test_an_acknowledged_region_is_accepted(installer: Installer) -> None:
    user, workspace, addon = await everything(installer, region="eu")
    refused = await installer.ask(user, workspace, addon)
    assert refused.json()["region"] == "eu"
    assert refused.json()["next"] == {
        "action": "acknowledge",
        "href": f"/addons/{addon}/install?workspace={workspace}",
        "acknowledge": ["region"],
        "region": "eu",
    }
    assert (await installer.ask(user, workspace, addon, acknowledge=["region"])).status_code == 202


async def test_a_plain_member_is_told_to_ask_an_admin_and_a_stranger_sees_no_workspace(installer: Installer) -> None:
    owner, member, stranger = [await installer.user() for _ in range(3)]
    workspace, addon = await installer.workspace(owner, members=[member]), await installer.addon()
    refused = await installer.ask(member, workspace, addon)
    assert (refused.status_code, refused.json()["slug"]) == (403, "not-admin")
    assert refused.json()["next"] == {"action": "ask-an-admin"}
    unseen = await installer.ask(stranger, workspace, addon)
    assert (unseen.status_code, unseen.json()["slug"]) == (404, "workspace-not-found")


async def test_what_was_not_heard_of_yet_may_come(installer: Installer) -> None:
    user, workspace, addon = await everything(installer)
    answers = [
        await installer.ask(user, new_id(), addon),
        await installer.ask(user, workspace, "nobody-knows-me"),
        await installer.ask(new_id(), workspace, addon),
    ]
    assert [(answer.status_code, answer.json()["slug"]) for answer in answers] == [
        (404, "workspace-not-known-yet"),
        (404, "addon-not-known-yet"),
        (404, "account-not-known-yet"),
    ]
    assert {answer.headers["retry-after"] for answer in answers} == {"2"}


async def test_an_add_on_that_is_down_is_no_reason_to_refuse(installer: Installer) -> None:
    user, workspace, addon = await everything(installer)
    installer.availability.hindered[addon] = "addon"  # type: ignore[assignment] # its value is all that counts
    assert (await installer.ask(user, workspace, addon, if_unavailable="fail")).status_code == 202


async def test_a_key_is_required_and_simple(installer: Installer) -> None:
    user, workspace, addon = await everything(installer)
    body = {"workspace_id": workspace, "addon_key": addon}
    missing = await installer.client.post(PATH, json=body, headers=installer.as_(user))
    assert (missing.status_code, missing.json()["slug"]) == (400, "idempotency-key-missing")
    for key in ("", "with space", "x" * 65, "tab\tbed"):
        refused = await installer.client.post(PATH, json=body, headers={**installer.as_(user), "Idempotency-Key": key})
        assert (refused.status_code, refused.json()["slug"]) == (422, "idempotency-key-invalid")


async def test_two_keys_are_not_one(installer: Installer) -> None:
    user, workspace, addon = await everything(installer)
    headers = [*installer.as_(user).items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    body = {"workspace_id": workspace, "addon_key": addon}
    response = await installer.client.post(PATH, json=body, headers=headers)
    assert (response.status_code, response.json()["slug"]) == (422, "idempotency-key-invalid")


GOOD = '"workspace_id": "65f1c0ffee0123456789abcd", "addon_key": "timer"'


BAD_BODIES: list[tuple[bytes, int, str]] = [
    (b"", 400, "malformed-json"),
    (b"{", 400, "malformed-json"),
    (b"[" * 100_000, 400, "malformed-json"),
    (b"\xff\xfe{}", 400, "malformed-json"),
    (b"null", 422, "invalid-request"),
    (b"[]", 422, "invalid-request"),
    (b"{}", 422, "invalid-request"),
    (f'{{{GOOD}, "extra": 1}}'.encode(), 422, "invalid-request"),
    (f'{{{GOOD}, "addon_key": "other"}}'.encode(), 422, "invalid-request"),
    (f'{{{GOOD}, "acknowledge": ["everything"]}}'.encode(), 422, "invalid-request"),
    (f'{{{GOOD}, "acknowledge": "region"}}'.encode(), 422, "invalid-request"),
    (f'{{{GOOD}, "if_unavailable": "maybe"}}'.encode(), 422, "invalid-request"),
    (b'{"workspace_id": "65F1C0FFEE0123456789ABCD", "addon_key": "t"}', 422, "invalid-request"),
    (b'{"workspace_id": {"$ne": ""}, "addon_key": "t"}', 422, "invalid-request"),
    (b'{"workspace_id": 7, "addon_key": "t"}', 422, "invalid-request"),
    (b'{"workspace_id": "65f1c0ffee0123456789abcd", "addon_key": ""}', 422, "invalid-request"),
    (b'{"workspace_id": "65f1c0ffee0123456789abcd", "addon_key": "\\u0000"}', 422, "invalid-request"),
    (b'{"workspace_id": "65f1c0ffee0123456789abcd\\n", "addon_key": "t"}', 422, "invalid-request"),
    (b'{"workspace_id": 1' + b"0" * 5000 + b"}", 400, "malformed-json"),
    (b" " * 2_000_000, 413, "body-too-large"),
]


async def test_a_body_that_is_not_the_documented_one_is_refused(installer: Installer) -> None:
    headers = {**installer.as_(new_id()), "Idempotency-Key": "k", "Content-Type": "application/json"}
    answers = [(await installer.client.post(PATH, content=body, headers=headers), body) for body, _, _ in BAD_BODIES]
    told = [(body, answer.status_code, answer.json()["slug"]) for answer, body in answers]
    assert told == BAD_BODIES


async def test_a_field_given_twice_is_named(installer: Installer) -> None:
    headers = {**installer.as_(new_id()), "Idempotency-Key": "k", "Content-Type": "application/json"}
    response = await installer.client.post(PATH, content=f'{{{GOOD}, "addon_key": "b"}}', headers=headers)
    (error,) = response.json()["errors"]
    assert (error["field"], error["rule"]) == ("addon_key", "duplicate_field")


async def test_what_is_not_declared_as_json_is_not_read(installer: Installer) -> None:
    headers = {**installer.as_(new_id()), "Idempotency-Key": "k", "Content-Type": "text/plain"}
    response = await installer.client.post(PATH, content=f"{{{GOOD}}}", headers=headers)
    assert (response.status_code, response.json()["slug"]) == (415, "unsupported-media-type")


async def test_nobody_installs_without_a_token(installer: Installer) -> None:
    response = await installer.client.post(PATH, json={}, headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.json()["slug"]) == (401, "token-missing")
    forged = {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30.", "Idempotency-Key": "k"}
    response = await installer.client.post(PATH, json={}, headers=forged)
    assert (response.status_code, response.json()["slug"]) == (401, "token-invalid")
