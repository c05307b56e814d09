"""For each blocker: what preflight shows, what the request is answered, and what auth's check then says, are one."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.local.demo.people import eventually
from services.installer.saga import checking
from services.installer.web.facts import of_addon
from shared.contracts.auth import WorkspaceChecked
from shared.contracts.envelope import Envelope
from shared.contracts.installer import CheckWorkspace
from shared.contracts.reasons import FailureReason
from shared.plumbing.records import to_record
from tests.e2e.marketplace import Marketplace
from tests.e2e.people import Caller
from tests.e2e.topics import Record, produce


@dataclass(frozen=True)
class Case:
    """Who asks for what, where."""

    person: Caller
    workspace: str
    addon: str


@pytest.fixture(scope="module")
def kim(marketplace: Marketplace) -> Caller:
    """Who asks."""
    return marketplace.customer_of_the_product("Kim")


@pytest.fixture(scope="module")
def lee(marketplace: Marketplace) -> Caller:
    """Somebody else."""
    return marketplace.customer_of_the_product("Lee")


def of_plan(marketplace: Marketplace, plan: str) -> str:
    manifest = {
        "schemaVersion": "1.3",
        "key": f"dear-{secrets.token_hex(4)}",
        "name": "Dear",
        "baseUrl": f"{marketplace.site.url}/dear",
        "minimalSubscriptionPlan": plan,
    }
    key: str = marketplace.publisher.call("POST", "/api/catalog/v1/addons", json={"manifest": manifest})["key"]
    return key


def installed(marketplace: Marketplace, kim: Caller, lee: Caller) -> Case:
    addon, place = marketplace.addon(), marketplace.pushed(kim)
    installation = marketplace.request(addon.key, place, kim, acknowledge=["region"])
    marketplace.topics.wait("AddOnInstalled", installation_id=installation)
    return Case(kim, place, addon.key)


def withdrawn(marketplace: Marketplace, kim: Caller, lee: Caller) -> Case:
    addon, place = marketplace.addon(), marketplace.pushed(kim)
    marketplace.publisher.call("DELETE", f"/api/catalog/v1/addons/{addon.key}")
    marketplace.topics.wait("AddOnWithdrawn", addon_key=addon.key)
    return Case(kim, place, addon.key)


def invisible(marketplace: Marketplace, kim: Caller, lee: Caller) -> Case:
    seen, unseen = marketplace.pushed(kim), marketplace.pushed(kim)
    addon = marketplace.addon(visibility="private", visible_to=[seen])
    marketplace.preflight(addon.key, seen, kim)
    return Case(kim, unseen, addon.key)


def membered(marketplace: Marketplace, kim: Caller, lee: Caller) -> Case:
    place = marketplace.pushed(lee, members=[{"email": kim.email, "role": "member"}])
    return Case(kim, place, marketplace.addon().key)


Make = Callable[[Marketplace, Caller, Caller], Case]
# Name, the slug of preflight and request, the reason of the check, and how it comes about.
CASES: list[tuple[str, str | None, FailureReason | None, Make]] = [
    ("nothing", None, None, lambda all_, kim, _: Case(kim, all_.pushed(kim), all_.addon().key)),
    ("not admin", "not-admin", FailureReason.NOT_ADMIN, membered),
    (
        "not a member",
        "workspace-not-found",
        FailureReason.WORKSPACE_GONE,
        lambda all_, kim, lee: Case(kim, all_.pushed(lee), all_.addon().key),
    ),
    (
        "2FA",
        "two-factor-required",
        FailureReason.TWO_FACTOR_REQUIRED,
        lambda all_, kim, _: Case(kim, all_.pushed(kim, requires_two_factor=True), all_.addon().key),
    ),
    ("installed", "already-installed", None, installed),
    (
        "plan",
        "plan-too-low",
        FailureReason.PLAN_TOO_LOW,
        lambda all_, kim, _: Case(kim, all_.pushed(kim, plan="BASIC"), of_plan(all_, "PRO")),
    ),
    (
        "product",
        "product-not-compatible",
        FailureReason.PRODUCT_NOT_COMPATIBLE,
        lambda all_, kim, _: Case(kim, all_.pushed(kim), all_.addon(products=["another"]).key),
    ),
    (
        "inactive",
        "workspace-inactive",
        FailureReason.WORKSPACE_INACTIVE,
        lambda all_, kim, _: Case(kim, all_.pushed(kim, active=False), all_.addon().key),
    ),
    ("withdrawn", "addon-withdrawn", FailureReason.ADDON_WITHDRAWN, withdrawn),
    ("not visible", "addon-not-known-yet", FailureReason.ADDON_WITHDRAWN, invisible),
]


@pytest.mark.parametrize(("name", "slug", "reason", "make"), CASES, ids=[case[0] for case in CASES])
def test_preflight_request_and_auths_check_say_the_same(
    *,
    marketplace: Marketplace,
    kim: Caller,
    lee: Caller,
    name: str,
    slug: str | None,
    reason: FailureReason | None,
    make: Make,
) -> None:
    case = make(marketplace, kim, lee)

    def chosen() -> dict[str, Any] | None:
        found: dict[str, Any] = marketplace.look(case.addon, case.person, case.workspace)["chosen"]
        return found if found["reason"] == slug else None

    shown = eventually(chosen, f"{slug} in the preflight of {case.workspace}")
    checked = auths_check(marketplace, case)
    unread = marketplace.ask(case.addon, case.workspace, case.person)
    answer = marketplace.ask(case.addon, case.workspace, case.person, acknowledge=["region"])

    assert shown["selectable"] == (slug is None)
    # All of the product's workspaces are in a region, so without a word about it even the good one is refused.
    assert unread.json()["slug"] == (slug or "region-not-acknowledged")
    assert (answer.status_code == 202, answer.json().get("slug")) == (slug is None, slug)
    if slug not in ("workspace-not-found", "addon-not-known-yet"):  # these tell nothing
        assert unread.json()["next"] == shown["next"]
    assert verdict(marketplace, case, checked) is reason


def auths_check(marketplace: Marketplace, case: Case) -> WorkspaceChecked:
    """Auth's answer to the command that an accepted request would send."""
    now, installation = datetime.now(UTC), secrets.token_hex(12)
    command = CheckWorkspace(
        installation_id=installation,
        check=1,
        workspace_id=case.workspace,
        user_id=case.person.user_id,
        asked_at=now,
    )
    envelope = Envelope(
        id=secrets.token_hex(16),
        source="/tests",
        subject=installation,
        time=now,
        data=command,
        correlation_id=f"e2e-{secrets.token_hex(8)}",
        causation_id=None,
    )
    sent = to_record(envelope)
    produce(marketplace.stack.plan.kafka, [Record(sent.topic, sent.key, sent.value, sent.headers)])
    reply = marketplace.topics.wait("WorkspaceChecked", installation_id=installation)
    return WorkspaceChecked.model_validate_json(reply.value or b"")


def verdict(marketplace: Marketplace, case: Case, answer: WorkspaceChecked) -> FailureReason | None:
    """What the saga makes of it, with the add-on as the catalog tells it."""
    told = [one for one in marketplace.topics.every(None, addon_key=case.addon) if one.topic == "catalog.addons.v1"]
    newest = max(told, key=lambda one: int(one.data["version"]))
    return checking._refusal(answer, of_addon({**newest.data, "withdrawn": newest.data.get("withdrawn", False)}))


def test_an_account_that_is_not_verified_gets_no_token_to_ask_with(marketplace: Marketplace) -> None:
    """So the blocker `email-not-verified` is met at the log-in already."""
    una = marketplace.person("Una")
    una.sign_up()
    marketplace.mailbox.wait(una.email, "confirm")

    refused = una.send("POST", "/api/auth/v1/sessions", json={"email": una.email, "password": una.password})

    assert (refused.status_code, refused.json()["slug"]) == (403, "email-not-verified")
