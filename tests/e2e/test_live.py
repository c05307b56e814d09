"""Live updates through the gateway from two replicas, the feed behind them, and what a page says about the site."""

import re
import signal
from collections.abc import Callable

import httpx
import pytest

from deploy.local.demo.people import eventually
from deploy.local.stack import Stack
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.streaming import Event, Follower

NOTIFIER = "/api/notifier/v1"
REPLICAS = ("notifier", "notifier-2")


def told(events: list[Event], installation: str) -> list[tuple[str, int]]:
    """Type and `seq` of each event of the installation, doubles included."""
    about = [one for one in events if one.data.get("data", {}).get("installation_id") == installation]
    return [(one.type, one.data["seq"]) for one in about]


def serving(stack: Stack) -> str | None:
    """The replica that holds the only stream, by its own count."""
    counts = {}
    for name in REPLICAS:
        page = httpx.get(f"{stack.plan.url(f'{name}_internal')}/metrics").text
        found = re.search(r"^souk_streams (\d+)", page, re.MULTILINE)
        counts[name] = int(found[1]) if found else 0
    busy = [name for name, count in counts.items() if count]
    return busy[0] if len(busy) == 1 else None


@pytest.mark.apache
def test_a_client_of_a_killed_replica_goes_on_at_the_other_without_gap_or_double(
    marketplace: Marketplace, killable: Stack, workspace: str, an_addon: Callable[[], SampleAddOn]
) -> None:
    marketplace.admin.log_in()
    marketplace.snapshot(workspace)
    with Follower(marketplace.url, marketplace.admin, f"{NOTIFIER}/stream?workspace={workspace}") as follower:
        follower.wait(lambda events: events, "hello")
        first = marketplace.install(an_addon(), workspace)
        follower.wait(lambda events: len(told(events, first)) == 2, "the events before")
        victim = eventually(lambda: serving(killable), "one replica with one stream")

        during = marketplace.request(an_addon().key, workspace)
        killable.daemon(victim).signal(signal.SIGKILL)
        killable.daemon(victim).wait(10)
        after = marketplace.install(an_addon(), workspace)
        follower.wait(lambda events: len(told(events, after)) == 2, "the events after")
        follower.wait(lambda events: len(told(events, during)) == 2, "the events meanwhile")

        for installation in (first, during, after):
            assert told(follower.events, installation) == [("InstallRequested", 1), ("AddOnInstalled", 2)]
        assert follower.connections == 2
        assert [one.type for one in follower.events].count("hello") == 2
        ids = [one.data["id"] for one in follower.events if "id" in one.data]
        assert len(ids) == len(set(ids))


def test_the_stream_of_an_installation_ends_at_its_newest_state(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    marketplace.admin.log_in()
    addon.behave("slow", seconds=1)
    installation = marketplace.request(addon.key, workspace)
    path = f"{NOTIFIER}/installations/{installation}/stream"
    eventually(lambda: marketplace.snapshot(workspace)["installations"], "the installation at the notifier")
    with Follower(marketplace.url, marketplace.admin, path) as follower:
        follower.wait(lambda events: events and events[-1].data.get("state") == "INSTALLED", "INSTALLED")

    states = [one.data for one in follower.events if one.type == "state"]
    versions = [state["version"] for state in states]
    assert versions == sorted(set(versions))
    assert (states[-1]["outcome"], states[-1]["seq"]) == ("installed", 2)
    assert follower.events[0].type == "state"


@pytest.mark.apache
def test_the_stream_of_an_installation_goes_on_at_its_seq_when_its_replica_is_killed(
    marketplace: Marketplace, killable: Stack, workspace: str, addon: SampleAddOn
) -> None:
    marketplace.admin.log_in()
    addon.behave("hang")
    installation = marketplace.request(addon.key, workspace)
    path = f"{NOTIFIER}/installations/{installation}/stream"
    eventually(lambda: marketplace.snapshot(workspace)["installations"], "the installation at the notifier")
    with Follower(marketplace.url, marketplace.admin, path, "0") as follower:
        follower.wait(lambda events: told(events, installation), "the first event")
        victim = eventually(lambda: serving(killable), "one replica with one stream")
        killable.daemon(victim).signal(signal.SIGKILL)
        killable.daemon(victim).wait(10)
        addon.behave("ok")
        follower.wait(lambda events: len(told(events, installation)) == 2, "the second event")

    assert told(follower.events, installation) == [("InstallRequested", 1), ("AddOnInstalled", 2)]
    assert follower.connections == 2
    ids = [one.id for one in follower.events if one.type != "end"]
    assert ids == sorted(ids)
    assert set(ids) == {"0", "1", "2"}


def test_feed_and_stream_tell_the_same_from_the_snapshots_cursor(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    marketplace.preflight(addon.key, workspace)
    snapshot = marketplace.snapshot(workspace)
    installation = marketplace.install(addon, workspace)

    def feed() -> list[str]:
        params = {"workspace": workspace, "after": snapshot["cursor"]}
        page = marketplace.admin.call("GET", f"{NOTIFIER}/feed", params=params)
        return [event["id"] for event in page["events"]]

    eventually(lambda: len(feed()) >= 2, "the feed")
    marketplace.admin.log_in()
    path = f"{NOTIFIER}/stream?workspace={workspace}"
    with Follower(marketplace.url, marketplace.admin, path, snapshot["cursor"]) as follower:
        follower.wait(lambda events: len(told(events, installation)) == 2, "the stream")

    assert snapshot["installations"] == []
    assert feed() == [one.data["id"] for one in follower.events if "id" in one.data]


def test_a_stranger_hears_nothing(marketplace: Marketplace, workspace: str) -> None:
    path = f"{NOTIFIER}/stream?workspace={workspace}"

    stranger = marketplace.publisher.send("GET", path)
    nobody = httpx.get(marketplace.url + path)
    lost = marketplace.admin.send("GET", path, headers={"Last-Event-ID": "no cursor"})

    assert (stranger.status_code, stranger.json()["slug"]) == (404, "workspace-not-found")
    assert (nobody.status_code, nobody.json()["slug"]) == (401, "token-missing")
    assert lost.status_code in {400, 404}


def test_what_the_site_is_called_is_a_setting(marketplace: Marketplace) -> None:
    assert httpx.get(f"{marketplace.url}{NOTIFIER}/site").json() == {
        "product_name": "Souk of tests",
        "logo_url": None,
        "support_email": "support@acme.example",
        "support_url": "https://support.example/help",
    }


def test_feedback_is_kept_and_limited_whatever_address_is_claimed(marketplace: Marketplace) -> None:
    body = {"page": "/addons/x", "helpful": False, "text": f"by {marketplace.admin.email}"}

    known = marketplace.admin.send("POST", f"{NOTIFIER}/feedback", json=body)
    # From an address that no other test has: theirs may answer too.
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.9")) as stranger:
        answers = [
            stranger.post(
                f"{marketplace.url}{NOTIFIER}/feedback",
                json={"page": "/", "helpful": True},
                headers={"X-Forwarded-For": f"198.51.100.{number}"},
            )
            for number in range(61)
        ]

    assert known.status_code == 204
    statuses = [answer.status_code for answer in answers]
    assert statuses == sorted(statuses)
    assert set(statuses) == {204, 429}
    assert int(answers[-1].headers["Retry-After"]) > 1
    kept = marketplace.operator.call("GET", f"{NOTIFIER}/feedback")["items"]
    (mine,) = [one for one in kept if one["text"] == body["text"]]
    assert (mine["user_id"], mine["page"], mine["helpful"]) == (marketplace.admin.user_id, "/addons/x", False)
    assert None in {one["user_id"] for one in kept}
    refused = marketplace.admin.send("GET", f"{NOTIFIER}/feedback")
    assert (refused.status_code, refused.json()["slug"]) == (403, "role-required")
