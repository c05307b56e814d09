"""What becomes of an installation: uninstall, cancel, retry, repetition, the next generation, its timeline."""

import secrets
from collections.abc import Callable

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import INSTALLATIONS, Marketplace, SampleAddOn


def test_an_uninstall_tells_the_addon(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    installation = marketplace.install(addon, workspace)

    answer = marketplace.admin.send("DELETE", f"{INSTALLATIONS}/{installation}")
    again = marketplace.admin.send("DELETE", f"{INSTALLATIONS}/{installation}")

    assert (answer.status_code, answer.json()["state"]) == (202, "UNINSTALLED")
    assert (again.status_code, again.json()["state"]) == (202, "UNINSTALLED")
    marketplace.topics.wait("AddOnUninstalled", installation_id=installation)
    shown = marketplace.until(installation, lambda one: one["cleanup"] == "closed", "the clean-up")
    assert (shown["outcome"], shown["cleanup_given_up"]) == ("installed", False)
    assert [one for one, _ in marketplace.told(installation)] == [
        "InstallRequested",
        "AddOnInstalled",
        "AddOnUninstalled",
    ]
    calls = addon.calls(addon_id=installation)
    assert [call["type"] for call in calls] == ["INSTALLED", "DELETED"]
    assert calls[1]["webhook_id"] == f"{installation}-DELETED-2"
    assert addon.install(installation)["status"] == "DELETED"


def test_a_pending_install_can_be_cancelled_and_the_addon_is_told(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    addon.behave("slow", seconds=3)
    installation = marketplace.request(addon.key, workspace)
    eventually(lambda: addon.calls("INSTALLED"), "the call")

    answer = marketplace.admin.send("POST", f"{INSTALLATIONS}/{installation}/cancel")

    assert (answer.status_code, answer.json()["outcome"], answer.json()["reason"]) == (202, "failed", "cancelled")
    marketplace.topics.wait("InstallFailed", installation_id=installation, reason="cancelled")
    marketplace.until(installation, lambda one: one["cleanup"] == "closed", "the clean-up")
    assert [one for one, _ in marketplace.told(installation)] == ["InstallRequested", "InstallFailed"]
    assert addon.calls()[-1]["type"] == "DELETED"
    assert addon.install(installation)["status"] == "DELETED"


def test_an_outcome_cannot_be_cancelled(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    installation = marketplace.install(addon, workspace)

    cancelled = marketplace.admin.send("POST", f"{INSTALLATIONS}/{installation}/cancel")
    retried = marketplace.admin.send("POST", f"{INSTALLATIONS}/{installation}/retry")

    assert (cancelled.status_code, cancelled.json()["slug"]) == (409, "not-pending")
    assert (retried.status_code, retried.json()["slug"]) == (409, "nothing-to-retry")


def test_a_retry_makes_the_call_due_now(marketplace: Marketplace, workspace: str, addon: SampleAddOn) -> None:
    addon.behave("error", status=503)
    installation = marketplace.request(addon.key, workspace)
    eventually(lambda: addon.calls("INSTALLED"), "the first attempt")

    answer = marketplace.admin.send("POST", f"{INSTALLATIONS}/{installation}/retry")
    addon.behave("ok")

    assert answer.status_code == 202
    shown = marketplace.outcome(installation, "installed")
    assert "retry_asked" in [entry["what"] for entry in shown["timeline"]]
    assert {call["webhook_id"] for call in addon.calls()} == {f"{installation}-INSTALLED-1"}
    *refused, last = [call["applied"] for call in addon.calls()]
    assert refused == [False] * len(refused)
    assert last is True


def test_a_repetition_gets_the_same_installation(
    marketplace: Marketplace, a_workspace: Callable[[], str], addon: SampleAddOn
) -> None:
    first, second = a_workspace(), a_workspace()
    marketplace.preflight(addon.key, second)
    marketplace.preflight(addon.key, first)
    name = secrets.token_hex(16)

    answers = [marketplace.ask(addon.key, first, idempotency_key=name) for _ in range(3)]
    other_body = marketplace.ask(addon.key, second, idempotency_key=name)
    other_caller = marketplace.ask(addon.key, first, marketplace.publisher, idempotency_key=name)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (other_body.status_code, other_body.json()["slug"]) == (422, "idempotency-key-reused")
    assert (other_caller.status_code, other_caller.json()["slug"]) == (404, "workspace-not-found")
    installation = answers[0].json()["id"]
    marketplace.outcome(installation, "installed")
    assert [call["type"] for call in addon.calls()] == ["INSTALLED"]
    other_key = marketplace.ask(addon.key, first)
    assert (other_key.status_code, other_key.json()["slug"]) == (409, "already-installed")
    assert other_key.json()["installation"]["id"] == installation


def test_the_same_key_of_two_callers_is_two_requests(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    name, theirs = secrets.token_hex(16), marketplace.workspace(marketplace.publisher)
    marketplace.preflight(addon.key, workspace)
    marketplace.preflight(addon.key, theirs, marketplace.publisher)

    mine = marketplace.ask(addon.key, workspace, idempotency_key=name)
    other = marketplace.ask(addon.key, theirs, marketplace.publisher, idempotency_key=name)

    assert (mine.status_code, other.status_code) == (202, 202)
    assert mine.json()["id"] != other.json()["id"]


def test_the_next_generation_waits_until_the_addon_knows_of_the_uninstall(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    first = marketplace.install(addon, workspace)
    addon.behave("error", status=503)
    marketplace.admin.call("DELETE", f"{INSTALLATIONS}/{first}")
    eventually(lambda: addon.calls("DELETED"), "the first DELETED")

    asked = marketplace.ask(addon.key, workspace)
    second = asked.json()["id"]
    waiting = marketplace.until(
        second, lambda one: one["waiting_for"] == "previous_uninstall", "waiting for the previous uninstall"
    )
    addon.behave("ok")
    shown = marketplace.outcome(second, "installed")

    assert (asked.status_code, asked.json()["generation"]) == (202, 2)
    assert waiting["outcome"] == "pending"
    assert shown["generation"] == 2
    assert marketplace.show(first)["cleanup"] == "closed"
    done = [(call["type"], call["addon_id"]) for call in addon.calls() if call["applied"]]
    assert done == [("INSTALLED", first), ("DELETED", first), ("INSTALLED", second)]
    marketplace.topics.wait("AddOnInstalled", installation_id=second, generation=2)


def test_timeline_and_lists_tell_the_same(
    marketplace: Marketplace, a_workspace: Callable[[], str], addon: SampleAddOn, an_addon: Callable[[], SampleAddOn]
) -> None:
    room, other = a_workspace(), an_addon()
    first, second = marketplace.install(addon, room), marketplace.install(other, room)

    shown = marketplace.outcome(first, "installed")
    mine = {"workspace": room, "limit": 1}
    page = marketplace.admin.call("GET", INSTALLATIONS, params=mine)
    rest = marketplace.admin.call("GET", INSTALLATIONS, params={**mine, "cursor": page["next"]})
    by_addon = marketplace.publisher.call("GET", INSTALLATIONS, params={"addon": addon.key})
    stranger = marketplace.admin.send("GET", INSTALLATIONS, params={"addon": addon.key})
    foreign = marketplace.publisher.send("GET", INSTALLATIONS, params={"workspace": room})

    steps = [entry["target"] or entry["what"] for entry in shown["timeline"]]
    assert [step for step in steps if step.isupper()] == ["CHECKING", "DELIVERING", "INSTALLED"]
    assert [entry["n"] for entry in shown["timeline"]] == list(range(1, len(steps) + 1))
    (attempt,) = [entry for entry in shown["timeline"] if entry["what"] == "attempt"]
    assert (attempt["kind"], attempt["attempt"], attempt["status"]) == ("INSTALLED", 1, 200)
    assert [one["id"] for one in page["items"] + rest["items"]] == [second, first]
    assert rest["next"] is None
    assert [one["id"] for one in by_addon["items"]] == [first]
    assert (stranger.status_code, stranger.json()["slug"]) == (403, "not-the-publisher")
    assert (foreign.status_code, foreign.json()["slug"]) == (404, "workspace-not-found")
