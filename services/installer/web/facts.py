"""Projection documents as the facts that `shared.rules.install` judges."""

from collections.abc import Mapping
from typing import Any

from shared.contracts.auth import Plan, Role
from shared.contracts.catalog import Visibility
from shared.rules.install import AccountFacts, AddOnFacts, WorkspaceFacts

Document = Mapping[str, Any]
# Looking a value up costs a tenth of calling the class, and preflight does it for hundreds of workspaces.
_PLANS = {plan.value: plan for plan in Plan}
_ROLES = {role.value: role for role in Role}


def of_account(account: Document) -> AccountFacts:
    """The person."""
    return AccountFacts(verified=account["verified"], two_factor=account["two_factor"])


def of_workspace(workspace: Document, user_id: str) -> WorkspaceFacts:
    """The workspace as it is for this person."""
    return WorkspaceFacts(
        workspace_id=workspace["_id"],
        role=role_in(workspace, user_id),
        active=workspace["active"],
        plan=_PLANS[workspace["plan"]],
        product=workspace["product"],
        region=workspace["region"],
        requires_two_factor=workspace["requires_two_factor"],
    )


def role_in(workspace: Document, user_id: str) -> Role | None:
    """The person's role; None for somebody who is not in the workspace.

    `members` may be left out of what was read (there can be ten thousand); then only admins and owners are seen.
    """
    for admin in workspace["admins"]:
        if admin["user_id"] == user_id:
            return _ROLES[admin["role"]]
    return Role.MEMBER if user_id in workspace.get("members", ()) else None


def of_addon(addon: Document) -> AddOnFacts:
    """What the listing asks for."""
    return AddOnFacts(
        minimal_plan=Plan(addon["minimal_plan"]),
        products=addon["products"],
        visibility=Visibility(addon["visibility"]),
        visible_to=addon["visible_to"],
        withdrawn=addon["withdrawn"],
    )
