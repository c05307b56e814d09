"""Where an add-on can be installed by somebody, and what they can do where it cannot. Pure.

The request for an installation is judged by the same `assess`, so a workspace shown as selectable is accepted,
and one shown with blockers is refused with the first of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.installer import facts
from services.installer.facts import Document
from shared.contracts.reasons import Blocker, Caution
from shared.rules.install import AccountFacts, AddOnFacts, WorkspaceFacts, blockers, cautions

MUST_ACKNOWLEDGE = frozenset({Caution.REGION})
REGION_NOT_ACKNOWLEDGED = "region-not-acknowledged"


class Action(StrEnum):
    """What the visitor can do next; one name for the API, the web client's texts and the documentation."""

    INSTALL = "install"
    ACKNOWLEDGE = "acknowledge"
    """Repeat the request, naming the warnings that were read."""
    CHOOSE_WORKSPACE = "choose-workspace"
    ADD_WORKSPACE = "add-workspace"
    """Nothing is administered by this account: add a workspace, or log in as an admin of one (S9, S12)."""
    VERIFY_EMAIL = "verify-email"
    ENABLE_TWO_FACTOR = "enable-two-factor"
    ASK_AN_ADMIN = "ask-an-admin"
    OPEN_INSTALLATION = "open-installation"
    UPGRADE_PLAN = "upgrade-plan"
    REACTIVATE_WORKSPACE = "reactivate-workspace"
    CHOOSE_ANOTHER_WORKSPACE = "choose-another-workspace"
    CHOOSE_ANOTHER_ADDON = "choose-another-addon"


NEXT: dict[Blocker, Action] = {
    Blocker.ADDON_NOT_VISIBLE: Action.CHOOSE_ANOTHER_ADDON,
    Blocker.NOT_ADMIN: Action.ASK_AN_ADMIN,
    Blocker.ALREADY_INSTALLED: Action.OPEN_INSTALLATION,
    Blocker.EMAIL_NOT_VERIFIED: Action.VERIFY_EMAIL,
    Blocker.WORKSPACE_INACTIVE: Action.REACTIVATE_WORKSPACE,
    Blocker.ADDON_WITHDRAWN: Action.CHOOSE_ANOTHER_ADDON,
    Blocker.PRODUCT_NOT_COMPATIBLE: Action.CHOOSE_ANOTHER_WORKSPACE,
    Blocker.PLAN_TOO_LOW: Action.UPGRADE_PLAN,
    Blocker.TWO_FACTOR_REQUIRED: Action.ENABLE_TWO_FACTOR,
}


@dataclass(frozen=True, slots=True)
class Assessment:
    """What stands between a workspace and the add-on."""

    blockers: tuple[Blocker, ...]
    cautions: tuple[Caution, ...]

    @property
    def to_acknowledge(self) -> tuple[Caution, ...]:
        """The cautions that a request has to name."""
        return tuple(caution for caution in self.cautions if caution in MUST_ACKNOWLEDGE)

    def refusal(self, acknowledged: Collection[str]) -> str | None:
        """The slug that refuses a request which acknowledges this much; None: it is accepted."""
        if self.blockers:
            return self.blockers[0].value
        return None if set(self.to_acknowledge) <= set(acknowledged) else REGION_NOT_ACKNOWLEDGED


def assess(
    account: AccountFacts, workspace: WorkspaceFacts, addon: AddOnFacts, *, already_installed: bool, will_wait: bool
) -> Assessment:
    """The one judgement behind preflight and request."""
    return Assessment(
        blockers(account, workspace, addon, already_installed=already_installed),
        cautions(workspace, will_wait=will_wait),
    )


def rows(
    user_id: str,
    account: Document,
    addon: Document,
    workspaces: Sequence[Document],
    live: Mapping[str, Document],
    *,
    will_wait: bool,
) -> list[dict[str, Any]]:
    """One row for each workspace: first what can be chosen, then by name.

    A workspace for which the add-on does not exist (a private one) has none. `live` holds the add-on's live
    installation by workspace id.
    """
    person, asked = facts.of_account(account), facts.of_addon(addon)
    found = []
    for workspace in workspaces:
        installation = live.get(workspace["_id"])
        place = facts.of_workspace(workspace, user_id)
        judged = assess(person, place, asked, already_installed=installation is not None, will_wait=will_wait)
        if Blocker.ADDON_NOT_VISIBLE not in judged.blockers:
            found.append(_row(workspace, judged, installation, addon))
    return sorted(found, key=lambda row: (not row["selectable"], row["name"].casefold(), row["workspace_id"]))


def _row(workspace: Document, judged: Assessment, live: Document | None, addon: Document) -> dict[str, Any]:
    selectable = not judged.blockers
    return {
        "workspace_id": workspace["_id"],
        "name": workspace["name"],
        "provider": workspace["provider"],
        "product": workspace["product"],
        "region": workspace["region"],
        "plan": workspace["plan"],
        "selectable": selectable,
        "will_wait": selectable and Caution.WILL_WAIT in judged.cautions,
        "blockers": judged.blockers,
        "warnings": judged.cautions,
        "acknowledge": judged.to_acknowledge,
        "installation": None if live is None else link(live),
        "next": next_of(judged, live, addon),
    }


def link(installation: Document) -> dict[str, str]:
    """Where a live installation is found."""
    href = f"/api/installer/v1/installations/{installation['_id']}"
    return {"id": installation["_id"], "state": installation["state"], "href": href}


def next_of(judged: Assessment, live: Document | None, addon: Document) -> dict[str, Any]:
    """What the caller can do about this workspace."""
    if not judged.blockers:
        return step(Action.INSTALL)
    action = NEXT[judged.blockers[0]]
    if action is Action.OPEN_INSTALLATION and live is not None:
        return step(action, href=link(live)["href"])
    if action is Action.UPGRADE_PLAN:
        return step(action, plan=addon["minimal_plan"])
    if action is Action.CHOOSE_ANOTHER_WORKSPACE:
        return step(action, products=addon["products"])
    return step(action)


def step(action: Action, **details: object) -> dict[str, Any]:
    """One thing to do, with what it takes."""
    return {"action": action, **details}


def next_for(account: Document, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the visitor can do next, all workspaces considered."""
    if not account["verified"]:
        return step(Action.VERIFY_EMAIL)
    if not found:
        return step(Action.ADD_WORKSPACE)
    if found[0]["selectable"]:
        return step(Action.CHOOSE_WORKSPACE)
    followed = {row["next"]["action"] for row in found}
    return found[0]["next"] if len(followed) == 1 else step(Action.ADD_WORKSPACE)
