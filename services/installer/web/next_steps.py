"""What a visitor can do next about an add-on and a workspace. Pure."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from services.installer.web.facts import Document
from shared.contracts.reasons import Blocker


class Action(StrEnum):
    """What the visitor can do next; one name for the API, the web client's texts and the documentation."""

    INSTALL = "install"
    ACKNOWLEDGE = "acknowledge"
    """Repeat the request, naming the warnings that were read."""
    CHOOSE_WORKSPACE = "choose-workspace"
    ADD_WORKSPACE = "add-workspace"
    """Nothing is administered by this account: add a workspace, or log in as an admin of one."""
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


def link(installation: Document) -> dict[str, str]:
    """Where a live installation is found."""
    href = f"/api/installer/v1/installations/{installation['_id']}"
    return {"id": installation["_id"], "state": installation["state"], "href": href}


def next_of(blockers: Sequence[Blocker], live: Document | None, addon: Document) -> dict[str, Any]:
    """What the caller can do about this workspace."""
    if not blockers:
        return step(Action.INSTALL)
    action = NEXT[blockers[0]]
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
