"""S17: whatever goes wrong on the way, the page has the *Add-on maintenance* screen, what happens next and when.

Nobody presses anything in these tests: each install recovers by itself.
"""

from typing import Any

import httpx
import pytest

from deploy.local.demo.people import eventually
from deploy.local.stack import Stack
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.streaming import Follower

NOTICES = "/api/notifier/v1/notices"


def promised(shown: dict[str, Any], action: str) -> bool:
    """Whether it shows the screen and says what comes next, and when."""
    following = shown["next"] or {}
    return bool(shown["screen"] == "maintenance" and following.get("action") == action and following["at"])


def recovered(marketplace: Marketplace, addon: SampleAddOn, installation: str) -> dict[str, Any]:
    """The installation at its end, which the add-on has seen as one logical call with one effect."""
    shown = marketplace.outcome(installation, "installed")
    assert (shown["screen"], shown["trouble"], shown["reason"], shown["next"]) == (None, False, None, None)
    assert {call["webhook_id"] for call in addon.calls("INSTALLED")} == {f"{installation}-INSTALLED-1"}
    assert sum(bool(call["applied"]) for call in addon.calls("INSTALLED")) == 1
    assert "retry_asked" not in [entry["what"] for entry in shown["timeline"]]
    return shown


@pytest.mark.parametrize(
    ("mode", "told"), [("error", ("addon", 500)), ("reset", ("network", None)), ("hang", ("addon", None))]
)
def test_the_first_attempt_that_fails_shows_the_screen(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn, mode: str, told: tuple[str, int | None]
) -> None:
    addon.behave("hang")  # the second attempt hangs, and holds the moment after the first
    addon.behave(mode, workspace=workspace, times=1)
    installation = marketplace.request(addon.key, workspace)

    shown = marketplace.until(installation, lambda one: promised(one, "await-answer"), "the screen")
    addon.behave("ok")

    (failed,) = [entry for entry in shown["timeline"] if entry["what"] == "attempt"]
    assert (failed["attempt"], failed["result"], (failed["side"], failed["status"])) == (1, "unknown", told)
    assert (shown["state"], shown["outcome"], shown["waiting_for"]) == ("DELIVERING", "pending", "addon")
    assert shown["until"] > shown["next"]["at"] > shown["changed_at"]
    recovered(marketplace, addon, installation)


def test_the_live_stream_shows_the_screen_and_takes_it_away(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    addon.behave("hang")
    addon.behave("error", workspace=workspace, times=1)
    installation = marketplace.request(addon.key, workspace)
    marketplace.admin.log_in()
    with Follower(
        marketplace.url, marketplace.admin, f"/api/notifier/v1/installations/{installation}/stream"
    ) as follower:
        follower.wait(lambda events: [one for one in events if one.data.get("screen") == "maintenance"], "the screen")
        addon.behave("ok")
        follower.wait(lambda events: [one for one in events if one.data.get("outcome") == "installed"], "the outcome")

    last = [one.data for one in follower.events if one.type == "state"][-1]
    assert (last["state"], last["screen"], last["trouble"]) == ("INSTALLED", None, False)
    recovered(marketplace, addon, installation)


def test_an_operators_notice_shows_the_screen_until_it_is_cleared(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    scope = f"addon:{addon.key}"
    notice = {"scope": scope, "text": "We move its server."}
    eventually(
        lambda: marketplace.operator.send("POST", NOTICES, json=notice).is_success, "an add-on that the notifier knows"
    )
    try:
        eventually(lambda: "will-wait" in marketplace.preflight(addon.key, workspace)["warnings"], "the warning")
        installation = marketplace.request(addon.key, workspace)
        shown = marketplace.until(installation, lambda one: promised(one, "look-again"), "the screen")
        told = httpx.get(f"{marketplace.url}{NOTICES}", params={"addon": addon.key}).json()
        assert addon.calls() == []
    finally:
        marketplace.operator.call("DELETE", f"{NOTICES}/{scope}")

    assert (shown["state"], shown["waiting_for"], shown["side"]) == ("WAITING", "maintenance", "us")
    assert shown["until"] > shown["next"]["at"]
    assert [(one["scope"], one["text"]) for one in told] == [(scope, "We move its server.")]
    recovered(marketplace, addon, installation)


def test_what_cannot_be_said_without_our_database_is_said_as_maintenance(
    marketplace: Marketplace, killable: Stack, workspace: str, addon: SampleAddOn
) -> None:
    addon.behave("hang")
    installation = marketplace.request(addon.key, workspace)
    eventually(lambda: addon.calls("INSTALLED"), "the call")
    marketplace.admin.log_in()
    path = f"/api/installer/v1/installations/{installation}"

    killable.kill("mongo")
    answer = marketplace.admin.send("GET", path)
    addon.behave("ok")
    killable.start("mongo")

    told = answer.json()
    assert (answer.status_code, told["slug"], told["screen"]) == (503, "database-unavailable", "maintenance")
    assert int(answer.headers["Retry-After"]) >= 1
    eventually(lambda: marketplace.admin.send("GET", path).status_code == httpx.codes.OK, "an answer again")
    recovered(marketplace, addon, installation)


def test_messages_that_cannot_leave_show_the_screen(
    marketplace: Marketplace, killable: Stack, workspace: str, addon: SampleAddOn
) -> None:
    marketplace.preflight(addon.key, workspace)
    marketplace.settle()
    killable.pause("kafka")
    try:
        installation = marketplace.ask(addon.key, workspace).json()["id"]
        shown = marketplace.until(installation, lambda one: one["screen"] == "maintenance", "the screen")
    finally:
        killable.resume("kafka")

    assert (shown["waiting_for"], shown["side"], shown["next"]["action"]) == ("messaging", "us", "ask-workspace")
    assert shown["until"] is not None
    recovered(marketplace, addon, installation)
