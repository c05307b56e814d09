"""What somebody can do next about an add-on, all their workspaces considered. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.installer.web import pages, refusals
from services.installer.web.facts import Document
from services.installer.web.next_steps import Action, Step, step
from services.installer.web.pages import Pages
from shared.contracts.auth import Role
from shared.plumbing.errors import Problem, Unauthorized

_ADMIN = Role.ADMIN.value
# Where no workspace can be chosen, the likeliest to lead to an install comes first. A row says `enable-two-factor` or
# `upgrade-plan` only if nothing that is harder to mend stands before it.
_EASIEST = (
    Action.ENABLE_TWO_FACTOR,
    Action.UPGRADE_PLAN,
    Action.REACTIVATE_WORKSPACE,
    Action.OPEN_INSTALLATION,
    Action.CHOOSE_ANOTHER_WORKSPACE,
)


def next_for(
    account: Document, addon: Document, found: Sequence[Mapping[str, Any]], *, is_member: bool
) -> tuple[Step, list[Step]]:
    """The next step and the others that are open; `found` are the rows of what the caller administers."""
    ways = Pages(addon["_id"])
    add = step(Action.ADD_WORKSPACE, href=ways.manage_accounts())
    if not account["verified"]:
        return step(Action.VERIFY_EMAIL, href=ways.verify_email()), []
    if addon["withdrawn"]:
        taken = [row["next"] for row in found if row["next"]["action"] is Action.OPEN_INSTALLATION]
        return step(Action.CHOOSE_ANOTHER_ADDON, href=pages.HOME), taken[:1]
    if not found:
        other = step(Action.LOG_IN_WITH_ADMIN_ACCOUNT, href=ways.log_in(with_another_account=True), role=_ADMIN)
        # Who is in no workspace at all is most likely new here, and has no other account.
        return (other, [add, step(Action.ASK_AN_ADMIN)]) if is_member else (add, [other])
    if found[0]["selectable"]:
        return step(Action.CHOOSE_WORKSPACE, href=ways.install()), [add]
    easiest = min((row["next"] for row in found), key=lambda one: _EASIEST.index(one["action"]))
    if easiest["action"] is Action.CHOOSE_ANOTHER_WORKSPACE:  # there is none
        return {**add, "products": addon["products"]}, []
    return easiest, [add]


def nobody(addon_key: str) -> Problem:
    """401 for a visitor who is not logged in: make an account with an admin role, or log in with one.

    The same whether or not the add-on exists.
    """
    ways = Pages(addon_key)
    return Unauthorized(
        "token-missing",
        "To install an add-on, log in as an owner or admin of a workspace",
        "Create an account with an admin role, or log in with one; either leads back to this add-on.",
        next=step(Action.SIGN_UP, href=ways.sign_up(), role=_ADMIN),
        alternatives=[step(Action.LOG_IN, href=ways.log_in(), role=_ADMIN)],
    )


def chosen(workspace_id: str, problem: Problem | None, addon: Document, next_step: Step | None) -> dict[str, Any]:
    """How the workspace stands that the caller comes with; `problem` is what a request for it would be refused with."""
    following: object = next_step or _try_again()  # without a row it was added between two looks
    if problem is not None:
        following = problem.extensions.get("next") or _elsewhere(problem, addon)
    reason = None if problem is None else problem.slug
    return {"workspace_id": workspace_id, "selectable": problem is None, "reason": reason, "next": following}


def _elsewhere(problem: Problem, addon: Document) -> Step:
    if problem.slug == "workspace-not-known-yet":
        return _try_again()
    return step(Action.CHOOSE_ANOTHER_WORKSPACE, href=Pages(addon["_id"]).install())


def _try_again() -> Step:
    return step(Action.TRY_AGAIN, after_seconds=refusals.RETRY_AFTER_SECONDS)
