"""Rows S13 and S14: a second factor opens the workspaces that ask for one, and without it they are locked."""

from typing import Any

import httpx

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.two_factor import next_code, switch_off, switch_on, two_workspaces


def row_when(marketplace: Marketplace, key: str, workspace: str, person: Caller, blockers: list[str]) -> dict[str, Any]:
    """The workspace's row as soon as it has these blockers."""

    def look() -> dict[str, Any] | None:
        row = marketplace.preflight(key, workspace, person)
        return row if row["blockers"] == blockers else None

    found: dict[str, Any] = eventually(look, f"{workspace} with {blockers}")
    return found


def told(person: Caller, kind: str) -> dict[str, Any]:
    """The newest line of this kind in the person's security log."""
    page = person.call("GET", "/api/auth/v1/me/security-log")
    return next(dict(row) for row in page["items"] if row["kind"] == kind)


def test_s13_with_a_second_factor_every_workspace_can_be_chosen(marketplace: Marketplace, addon: SampleAddOn) -> None:
    person = marketplace.customer("Tova")
    switch_on(person)
    strict, easy = two_workspaces(marketplace, person)

    rows = [row_when(marketplace, addon.key, one, person, []) for one in (strict, easy)]
    assert [row["selectable"] for row in rows] == [True, True]
    assert [row["next"]["action"] for row in rows] == ["install", "install"]
    for workspace in (strict, easy):
        answer = marketplace.ask(addon.key, workspace, person)
        assert answer.status_code == 202, answer.text
        marketplace.topics.wait("AddOnInstalled", installation_id=answer.json()["id"])


def test_s14_without_a_second_factor_a_lock_that_opens_as_soon_as_there_is_one(
    marketplace: Marketplace, addon: SampleAddOn
) -> None:
    person = marketplace.customer("Uma")
    _, codes = switch_on(person)
    strict, easy = two_workspaces(marketplace, person)  # only who has a second factor makes the rule
    switch_off(person, next(codes))

    locked = row_when(marketplace, addon.key, strict, person, ["two-factor-required"])
    assert (locked["selectable"], locked["next"]["action"]) == (False, "enable-two-factor")
    assert row_when(marketplace, addon.key, easy, person, [])["selectable"] is True
    refused = marketplace.ask(addon.key, strict, person)
    assert (refused.status_code, refused.json()["slug"]) == (422, "two-factor-required")

    device, _ = switch_on(person)
    assert row_when(marketplace, addon.key, strict, person, [])["selectable"] is True
    answer = marketplace.ask(addon.key, strict, person)
    assert answer.status_code == 202, answer.text
    marketplace.topics.wait("AddOnInstalled", installation_id=answer.json()["id"])
    marketplace.topics.wait("TwoFactorChanged", user_id=person.user_id)
    marketplace.mailbox.wait(person.email, "check what happened")
    assert told(person, "two-factor-on")["details"] == {"method": "code"}

    log_in = {"email": person.email, "password": person.password}
    first = httpx.post(f"{marketplace.url}/api/auth/v1/sessions", json=log_in)
    assert (first.status_code, first.json()["slug"]) == (403, "two-factor-needed")
    code = next_code(device)  # for the first has been used
    second = {"challenge": first.json()["challenge"], "code": code}
    opened = httpx.post(f"{marketplace.url}/api/auth/v1/sessions/two-factor", json=second)
    assert opened.status_code == 201, opened.text
    off = httpx.post(
        f"{marketplace.url}/api/auth/v1/me/two-factor/disable",
        json={"code": code},
        headers={"Authorization": f"Bearer {opened.json()['access_token']}"},
    )
    assert (off.status_code, off.json()["slug"]) == (403, "code-used")
