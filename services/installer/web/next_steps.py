"""What a visitor can do next about an add-on and a workspace. Pure.

Each step has a stable `action` and, where the web client has a page for it, an `href`: a path on our own origin.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Any

from services.installer.web import pages
from services.installer.web.facts import Document
from services.installer.web.judging import Assessment
from services.installer.web.pages import Pages
from shared.contracts.reasons import Blocker

Step = dict[str, Any]


class Action(StrEnum):
    """What the visitor can do next; one name for the API, the web client's texts and the documentation."""

    INSTALL = "install"
    ACKNOWLEDGE = "acknowledge"
    """Repeat the request, naming the warnings that were read."""
    CHOOSE_WORKSPACE = "choose-workspace"
    ADD_WORKSPACE = "add-workspace"
    """On *Manage accounts*; from there one step leads back to this install."""
    SIGN_UP = "sign-up"
    """Make an account that is an admin of a workspace."""
    LOG_IN = "log-in"
    LOG_IN_WITH_ADMIN_ACCOUNT = "log-in-with-admin-account"
    """This account administers nothing; another one may."""
    VERIFY_EMAIL = "verify-email"
    ENABLE_TWO_FACTOR = "enable-two-factor"
    ASK_AN_ADMIN = "ask-an-admin"
    OPEN_INSTALLATION = "open-installation"
    UPGRADE_PLAN = "upgrade-plan"
    REACTIVATE_WORKSPACE = "reactivate-workspace"
    CHOOSE_ANOTHER_WORKSPACE = "choose-another-workspace"
    CHOOSE_ANOTHER_ADDON = "choose-another-addon"
    TRY_AGAIN = "try-again"
    """Something was made just now, and is not known here yet."""


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
    """Where the API has a live installation."""
    href = f"/api/installer/v1/installations/{installation['_id']}"
    return {"id": installation["_id"], "state": installation["state"], "href": href}


def next_of(
    judged: Assessment,
    acknowledged: Collection[str],
    *,
    addon: Document,
    workspace: Document,
    live: Document | None,
    ways: Pages,
) -> Step:
    """What the caller, who acknowledges this much, can do about this workspace."""
    where = workspace["_id"]
    if not judged.blockers:
        missing = judged.missing(acknowledged)
        if missing:
            return step(Action.ACKNOWLEDGE, href=ways.install(where), acknowledge=missing, region=workspace["region"])
        return step(Action.INSTALL, href=ways.install(where))
    action, details = NEXT[judged.blockers[0]], dict[str, Any]()
    match action:
        case Action.OPEN_INSTALLATION if live is not None:
            details = {"href": pages.installation(live["_id"])}
        case Action.UPGRADE_PLAN:
            details = {"plan": addon["minimal_plan"]}
        case Action.CHOOSE_ANOTHER_WORKSPACE:
            details = {"href": ways.install(), "products": addon["products"]}
        case Action.ENABLE_TWO_FACTOR:
            details = {"href": ways.two_factor(where)}
        case Action.REACTIVATE_WORKSPACE:
            details = {"href": ways.manage_accounts(where)}
        case Action.VERIFY_EMAIL:
            details = {"href": ways.verify_email()}
        case Action.CHOOSE_ANOTHER_ADDON:
            details = {"href": pages.HOME}
    return step(action, **details)


def step(action: Action, **details: object) -> Step:
    """One thing to do, with what it takes."""
    return {"action": action, **details}
