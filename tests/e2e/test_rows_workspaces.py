"""Rows about workspaces, through the gateway: rights that come by mail, workspaces added for an install, and ends."""

import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.local.demo.people import eventually
from tests.e2e.invites import INVITES, WORKSPACES, invite
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller


def way_back(marketplace: Marketplace, person: Caller, addon: SampleAddOn) -> dict[str, Any]:
    """*Manage accounts*, as the step that preflight names leads there."""
    shown = marketplace.look(addon.key, person)
    (add,) = [one for one in (shown["next"], *shown["alternatives"]) if one["action"] == "add-workspace"]
    (return_to,) = parse_qs(urlsplit(add["href"]).query)["return_to"]
    ways: dict[str, Any] = person.call("GET", f"{WORKSPACES}/ways-to-add", params={"return_to": return_to})
    return ways


def chosen(marketplace: Marketplace, person: Caller, addon: SampleAddOn, back: str) -> dict[str, Any]:
    """The install screen at the end of the way back, as soon as its workspace is known there."""
    parts = urlsplit(back)
    assert parts.path == f"/addons/{addon.key}/install"
    (workspace,) = parse_qs(parts.query)["workspace"]

    def look() -> dict[str, Any] | None:
        found = marketplace.look(addon.key, person, workspace)["chosen"]
        return dict(found) if found["selectable"] else None

    found: dict[str, Any] = eventually(look, f"{workspace} chosen")
    return found


def test_s9_an_invite_as_admin_gives_the_rights_that_were_missing(
    marketplace: Marketplace, addon: SampleAddOn, workspace: str
) -> None:
    gus = marketplace.customer("Gus")
    before = marketplace.look(addon.key, gus)
    refused = marketplace.ask(addon.key, workspace, gus)

    token = invite(marketplace, marketplace.admin, workspace, gus.email, "admin")
    shown = gus.call("POST", f"{INVITES}/show", json={"token": token})
    joined = gus.call("POST", f"{INVITES}/accept", json={"token": token})
    row = marketplace.preflight(addon.key, workspace, gus)
    marketplace.install(addon, workspace, gus)

    assert (before["workspaces"], before["next"]["action"]) == ([], "add-workspace")
    assert [one["action"] for one in before["alternatives"]] == ["log-in-with-admin-account"]
    assert refused.status_code == 404
    assert (shown["role"], shown["inviter"]) == ("admin", "Ada")
    assert (joined["id"], joined["role"]) == (workspace, "admin")
    assert row["selectable"]


def test_s9_a_link_lets_nobody_else_in(marketplace: Marketplace, workspace: str) -> None:
    token = invite(marketplace, marketplace.admin, workspace, f"new-{secrets.token_hex(4)}@people.example", "admin")
    mallory = marketplace.customer("Mallory")

    refused = mallory.send("POST", f"{INVITES}/accept", json={"token": token})

    assert (refused.status_code, refused.json()["slug"]) == (403, "invite-for-another-address")
    assert mallory.send("GET", f"{WORKSPACES}/{workspace}").status_code == 404


def test_s11_the_dropdown_has_what_one_administers_now(marketplace: Marketplace, addon: SampleAddOn) -> None:
    ina, olaf = marketplace.customer("Ina"), marketplace.customer("Olaf")
    own, shared, given = marketplace.workspace(ina), marketplace.workspace(olaf), marketplace.workspace(olaf)
    for workspace, role in ((shared, "member"), (given, "admin")):
        token = invite(marketplace, olaf, workspace, ina.email, role)
        ina.call("POST", f"{INVITES}/accept", json={"token": token})

    def dropdown() -> set[str]:
        return {row["workspace_id"] for row in marketplace.look(addon.key, ina)["workspaces"]}

    eventually(lambda: dropdown() == {own, given}, "the administered ones, and no other")
    mine = ina.call("GET", WORKSPACES)["items"]
    assert {row["id"] for row in mine} == {own, shared, given}
    assert {row["id"] for row in mine if "install" in row["can"]} == {own, given}

    olaf.call("PUT", f"{WORKSPACES}/{given}/members/{ina.user_id}", json={"role": "member"})
    olaf.call("POST", f"{WORKSPACES}/{shared}/transfer", json={"user_id": ina.user_id})
    eventually(lambda: dropdown() == {own, shared}, "after rights were taken and given")


def test_s12_a_workspace_made_for_an_install_is_chosen_on_the_way_back(
    marketplace: Marketplace, addon: SampleAddOn
) -> None:
    nia = marketplace.customer("Nia")

    ways = way_back(marketplace, nia, addon)
    made = nia.call("POST", ways["local"]["create"], json={"name": "Nia's"})
    found = chosen(marketplace, nia, addon, ways["back"].replace("{id}", made["id"]))

    assert (found["workspace_id"], found["next"]["action"]) == (made["id"], "install")
    marketplace.install(addon, made["id"], nia)


def test_s12_a_workspace_made_at_the_product_appears_and_is_chosen(
    marketplace: Marketplace, addon: SampleAddOn
) -> None:
    pia = marketplace.customer_of_the_product("Pia")

    ways = way_back(marketplace, pia, addon)
    pushed = marketplace.pushed(pia, region="eu", plan="PRO")
    found = chosen(marketplace, pia, addon, ways["back"].replace("{id}", pushed))
    row = next(one for one in pia.call("GET", WORKSPACES)["items"] if one["id"] == pushed)

    (product,) = ways["products"]
    assert product["provider"] == "acme"
    assert product["create_workspace_url"].startswith(marketplace.product_url)
    assert found["workspace_id"] == pushed
    assert (row["provider_label"], row["can"]) == (product["label"], ["install", "see-members"])
    for method, path, body in (
        ("PATCH", "", {"name": "Mine"}),
        ("POST", "/invites", {"email": "x@people.example"}),
        ("POST", "/transfer", {"user_id": pia.user_id}),
        ("POST", "/archive", None),
        ("DELETE", "", None),
    ):
        refused = pia.send(method, f"{WORKSPACES}/{pushed}{path}", json=body)
        assert (refused.status_code, refused.json()["slug"]) == (409, "workspace-owned-by-product")


@pytest.mark.parametrize("evil", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_s12_the_way_back_leads_nowhere_else(marketplace: Marketplace, evil: str) -> None:
    refused = marketplace.admin.send("GET", f"{WORKSPACES}/ways-to-add", params={"return_to": evil})

    assert (refused.status_code, refused.json()["slug"]) == (422, "return-to-refused")


def test_what_is_archived_takes_no_installs_and_what_is_deleted_ends_them(
    marketplace: Marketplace, addon: SampleAddOn, workspace: str
) -> None:
    ada, other = marketplace.admin, marketplace.addon()
    installation = marketplace.install(addon, workspace)

    ada.call("POST", f"{WORKSPACES}/{workspace}/archive")
    blocked = eventually(
        lambda: (row := marketplace.preflight(other.key, workspace))["blockers"] and row, "the archived one blocked"
    )
    refused = marketplace.ask(other.key, workspace)
    effects = ada.call("GET", f"{WORKSPACES}/{workspace}/deletion")
    lost = ada.call("GET", effects["installations"])["items"]

    assert "workspace-inactive" in blocked["blockers"]
    assert refused.json()["slug"] == "workspace-inactive"
    assert [one["id"] for one in lost] == [installation]
    assert marketplace.show(installation)["outcome"] == "installed"

    ada.call("DELETE", f"{WORKSPACES}/{workspace}")
    marketplace.topics.wait("AddOnUninstalled", installation_id=installation)
    eventually(lambda: addon.calls("DELETED", addon_id=installation), "the add-on told")
    assert ada.send("GET", f"{WORKSPACES}/{workspace}").status_code == 404
    gone = marketplace.topics.wait("WorkspaceChanged", workspace_id=workspace, deleted=True)
    assert (gone.data["admins"], gone.data["name"]) == ([], "")
