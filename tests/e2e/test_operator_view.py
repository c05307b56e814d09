"""What operators see of all installations, through the gateway."""

from typing import Any

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import Marketplace, SampleAddOn

OVERVIEW = "/api/installer/v1/operator/overview"
LIST = "/api/installer/v1/operator/installations"


def test_an_install_that_is_stuck_is_seen_with_whose_fault_it_is_and_what_happens_next(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    addon.behave("hang")
    installation = marketplace.request(addon.key, workspace)

    def row(**which: Any) -> dict[str, Any] | None:
        found = marketplace.operator.call("GET", LIST, params={"addon": addon.key, **which})["items"]
        return dict(found[0]) if found else None

    stuck = eventually(lambda: row(side="addon"), "the installation among those with trouble at the add-on")
    assert stuck["id"] == installation
    assert stuck["age_seconds"] > 0
    assert stuck["next"]["at"]
    assert row(side="workspace_rule") is None
    assert row(older_than=3600) is None
    overview = marketplace.operator.call("GET", OVERVIEW)
    assert sum(one["count"] for one in overview["pending"]) >= 1
    assert overview["oldest"]["age_seconds"] >= stuck["age_seconds"] - 60
    assert (overview["stranded"], overview["beyond_deadline"]["count"]) == (0, 0)
    assert {one["group"] for one in overview["groups"]} >= {"installer.auth.workspace-checks.v1"}
    for path in (OVERVIEW, LIST):
        refused = marketplace.admin.send("GET", path)
        assert (refused.status_code, refused.json()["slug"]) == (403, "role-required")

    addon.behave("ok")
    marketplace.outcome(installation, "installed")
    assert row() is None


def test_what_was_refused_is_listed_with_its_reason(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn
) -> None:
    addon.behave("refuse", status=403, reason="no licence")
    installation = marketplace.request(addon.key, workspace)
    marketplace.outcome(installation, "failed")

    which = {"addon": addon.key, "show": "failed", "reason": "addon-refused"}
    (row,) = marketplace.operator.call("GET", LIST, params=which)["items"]
    assert (row["id"], row["reason"], row["side"]) == (installation, "addon-refused", "addon")
    assert marketplace.operator.call("GET", OVERVIEW)["failed"]["addon-refused"] >= 1
