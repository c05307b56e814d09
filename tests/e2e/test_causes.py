"""Why each record is there: `causation_id` leads back, step by step, to somebody's request."""

import secrets

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import EVENTS, INSTALLATIONS, Marketplace, SampleAddOn
from tests.e2e.topics import Record


def a_request_id() -> str:
    return f"e2e-{secrets.token_hex(8)}"


def causes(records: list[Record]) -> dict[str, str]:
    """What each type of record names as its cause."""
    return {one.type: one.header("causation_id") for one in records}


def test_each_step_of_an_install_names_the_one_before(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    asked, removed = a_request_id(), a_request_id()

    installation = marketplace.request(addon.key, workspace, request_id=asked)
    marketplace.topics.wait("InstallationChanged", installation_id=installation, state="INSTALLED")
    marketplace.admin.call("DELETE", f"{INSTALLATIONS}/{installation}", headers={"X-Request-Id": removed})
    marketplace.topics.wait("AddOnUninstalled", installation_id=installation)
    gone = marketplace.topics.wait("InstallationChanged", installation_id=installation, state="UNINSTALLED")

    question = marketplace.topics.wait("CheckWorkspace", installation_id=installation)
    answer = marketplace.topics.wait("WorkspaceChecked", installation_id=installation)
    installed = marketplace.topics.wait("InstallationChanged", installation_id=installation, state="INSTALLED")
    assert causes([question, answer]) == {"CheckWorkspace": asked, "WorkspaceChecked": question.id}
    assert causes(marketplace.topics.distinct(EVENTS, installation_id=installation)) == {
        "InstallRequested": asked,
        "AddOnInstalled": answer.id,
        "AddOnUninstalled": removed,
    }
    assert (installed.header("causation_id"), gone.header("causation_id")) == (answer.id, removed)
    every = marketplace.topics.every(installation_id=installation)
    assert {one.header("correlation_id") for one in every} == {asked}


def test_a_failure_names_the_answer_or_the_request_that_decided_it(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    addon.behave("refuse", status=403, reason="no licence")
    refused = marketplace.request(addon.key, workspace)
    marketplace.topics.wait("InstallFailed", installation_id=refused)
    addon.behave("hang")
    cancelled, cancel = marketplace.request(addon.key, workspace), a_request_id()
    marketplace.until(cancelled, lambda one: one["state"] == "DELIVERING", "DELIVERING")
    marketplace.admin.call("POST", f"{INSTALLATIONS}/{cancelled}/cancel", headers={"X-Request-Id": cancel})

    answer = marketplace.topics.wait("WorkspaceChecked", installation_id=refused)
    told = [marketplace.topics.wait("InstallFailed", installation_id=one) for one in (refused, cancelled)]
    assert [one.header("causation_id") for one in told] == [answer.id, cancel]


def test_what_an_account_tells_names_the_request(marketplace: Marketplace) -> None:
    vera, signed_up, verified = marketplace.person("Vera"), a_request_id(), a_request_id()
    body = {"email": vera.email, "password": vera.password, "display_name": "Vera"}

    vera.call("POST", "/api/auth/v1/accounts", json=body, headers={"X-Request-Id": signed_up})
    token = marketplace.mailbox.wait(vera.email, "confirm")["text"].partition("token=")[2].split()[0]
    vera.call("POST", "/api/auth/v1/verify-email", json={"token": token}, headers={"X-Request-Id": verified})
    vera.log_in()

    user = vera.call("GET", "/api/auth/v1/me")["id"]
    marketplace.topics.wait("UserVerified", user_id=user)
    marketplace.topics.wait("AccountChanged", user_id=user, verified=True)
    told = marketplace.topics.every(user_id=user)
    assert causes([one for one in told if one.type != "AccountChanged"]) == {
        "UserRegistered": signed_up,
        "SendMail": signed_up,
        "UserVerified": verified,
    }
    states = {one.data["verified"]: one.header("causation_id") for one in told if one.type == "AccountChanged"}
    assert states[True] == verified


def test_a_listing_a_workspace_and_a_notice_name_the_request(marketplace: Marketplace, addon: SampleAddOn) -> None:
    made, changed, raised, cleared = (a_request_id() for _ in range(4))
    scope = f"addon:{addon.key}"

    def under(request_id: str) -> dict[str, str]:
        return {"X-Request-Id": request_id}

    workspace = marketplace.admin.call("POST", "/api/auth/v1/workspaces", json={"name": "Y"}, headers=under(made))["id"]
    path = f"/api/catalog/v1/addons/{addon.key}"
    marketplace.publisher.call("PATCH", path, json={"short_text": "new"}, headers=under(changed))
    notice = {"scope": scope, "text": "It moves house."}
    notices = "/api/notifier/v1/notices"
    eventually(
        lambda: marketplace.operator.send("POST", notices, json=notice, headers=under(raised)).is_success,
        "a notifier that knows the add-on",
    )
    marketplace.topics.wait("MaintenanceNoticeRaised", scope=scope)
    marketplace.operator.call("DELETE", f"{notices}/{scope}", headers=under(cleared))

    told = [
        marketplace.topics.wait("WorkspaceChanged", workspace_id=workspace),
        marketplace.topics.wait("AddOnUpdated", addon_key=addon.key),
        marketplace.topics.wait("MaintenanceNoticeRaised", scope=scope),
        marketplace.topics.wait("MaintenanceNoticeCleared", scope=scope),
    ]
    assert list(causes(told).values()) == [made, changed, raised, cleared]


def test_nothing_but_an_addons_health_is_without_a_cause(marketplace: Marketplace) -> None:
    ours = [one for one in marketplace.topics.every() if one.header("ce_source").startswith("/souk/")]

    assert ours
    assert {one.type for one in ours if not one.header("causation_id")} <= {"AddOnHealthChanged"}
