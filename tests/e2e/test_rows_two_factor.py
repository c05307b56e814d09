"""Rows S13 and S14: a second factor opens the workspaces that ask for one, and without it they are locked."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pyotp

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller


def switch_on(person: Caller) -> tuple[pyotp.TOTP, Iterator[str]]:
    """As the owner of an account does it in the profile settings, with a device."""
    begun = person.call("POST", "/api/auth/v1/me/two-factor")
    assert begun["qr_code"].startswith("data:image/svg+xml")
    device = pyotp.parse_uri(begun["otpauth_uri"])
    assert isinstance(device, pyotp.TOTP)
    confirmed = person.call("POST", "/api/auth/v1/me/two-factor/confirm", json={"code": device.now()})
    codes = iter(confirmed["recovery_codes"])
    person.log_in = lambda: log_in_with(person, next(codes))  # type: ignore[method-assign] # when its token ends
    return device, codes


def switch_off(person: Caller, recovery_code: str) -> None:
    """Without the device."""
    person.call("POST", "/api/auth/v1/me/two-factor/disable", json={"recovery_code": recovery_code})
    del person.log_in  # by the password alone again


def log_in_with(person: Caller, recovery_code: str) -> None:
    """Both steps, with a code that no clock makes."""
    person.token = ""
    body = {"email": person.email, "password": person.password}
    first = person.send("POST", "/api/auth/v1/sessions", json=body)
    assert (first.status_code, first.json()["slug"]) == (403, "two-factor-needed")
    proof = {"challenge": first.json()["challenge"], "recovery_code": recovery_code}
    person.keep(person.call("POST", "/api/auth/v1/sessions/two-factor", json=proof))


def two_workspaces(marketplace: Marketplace, person: Caller) -> tuple[str, str]:
    """One that asks for a second factor, and one that does not."""
    strict, easy = marketplace.workspace(person), marketplace.workspace(person)
    person.call("PATCH", f"/api/auth/v1/workspaces/{strict}", json={"requires_two_factor": True})
    return strict, easy


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
    code = device.at(int(time.time()) + device.interval)  # the next one, for the first has been used
    second = {"challenge": first.json()["challenge"], "code": code}
    opened = httpx.post(f"{marketplace.url}/api/auth/v1/sessions/two-factor", json=second)
    assert opened.status_code == 201, opened.text
    off = httpx.post(
        f"{marketplace.url}/api/auth/v1/me/two-factor/disable",
        json={"code": code},
        headers={"Authorization": f"Bearer {opened.json()['access_token']}"},
    )
    assert (off.status_code, off.json()["slug"]) == (403, "code-used")
