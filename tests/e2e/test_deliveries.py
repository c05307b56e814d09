"""What became of calls to the add-on, through the gateway, and calling it again."""

from typing import Any

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import INSTALLATIONS, Marketplace, SampleAddOn
from tests.e2e.people import Caller


def attempts(person: Caller, path: str) -> list[tuple[int, int, str, int | None]]:
    found: list[dict[str, Any]] = person.call("GET", path)["items"]
    return [(one["number"], one["attempt"], one["outcome"], one["status"]) for one in found]


def test_every_attempt_is_listed_once_and_the_publisher_may_have_it_repeated(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    addon.behave("error", workspace=workspace, times=2, reason="the disk is full")
    installation = marketplace.install(addon, workspace)
    path = f"{INSTALLATIONS}/{installation}/deliveries"
    failed = [(1, 2, "unknown", 500), (1, 1, "unknown", 500)]

    eventually(lambda: attempts(marketplace.admin, path) == [(1, 3, "ok", 200), *failed], "all attempts")
    assert attempts(marketplace.publisher, f"/api/installer/v1/addons/{addon.key}/deliveries") == failed
    said = marketplace.admin.call("GET", path)["items"][1]
    assert (said["answer"], said["side"]) == ('{"reason": "the disk is full"}', "addon")

    for _ in range(2):
        pressed = marketplace.publisher.send("POST", f"{path}/redeliver", headers={"Idempotency-Key": "press-1"})
        assert pressed.status_code == 202
    eventually(lambda: (2, 1, "ok", 200) in attempts(marketplace.admin, path), "the call made again")
    marketplace.publisher.call("POST", f"{path}/redeliver", headers={"Idempotency-Key": "press-2"})
    eventually(lambda: (3, 1, "ok", 200) in attempts(marketplace.admin, path), "a second press")

    done = [call["webhook_id"] for call in addon.calls("INSTALLED") if call["applied"]]
    assert done == [f"{installation}-INSTALLED-{number}" for number in (1, 2, 3)]
    assert marketplace.told(installation) == [("InstallRequested", "1"), ("AddOnInstalled", "2")]
    stranger = marketplace.customer("Sam").send("GET", path)
    assert (stranger.status_code, stranger.json()["slug"]) == (404, "installation-not-found")
