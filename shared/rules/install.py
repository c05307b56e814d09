"""Who may install which add-on where and what stands in the way.

Pure functions over plain facts, so that preflight, the request and the saga's check answer alike: the first
two take the facts from the installer's projections, the third from auth's own answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.auth import Plan, Role
from shared.contracts.catalog import Visibility
from shared.contracts.reasons import Blocker, Caution

PLAN_ORDER: dict[Plan, int] = {plan: rank for rank, plan in enumerate(Plan)}
INSTALLING_ROLES = frozenset({Role.OWNER, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The person who installs."""

    verified: bool
    two_factor: bool


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """The workspace, with the person's role in it."""

    workspace_id: str
    role: Role | None
    active: bool
    plan: Plan
    product: str
    region: str
    requires_two_factor: bool


@dataclass(frozen=True, slots=True)
class AddOnFacts:
    """What the listing asks of a workspace."""

    minimal_plan: Plan
    products: Sequence[str]
    visibility: Visibility
    visible_to: Sequence[str]
    withdrawn: bool


def is_visible(addon: AddOnFacts, workspace_id: str) -> bool:
    """Whether the add-on exists at all for this workspace."""
    return addon.visibility is not Visibility.PRIVATE or workspace_id in addon.visible_to


def blockers(
    account: AccountFacts, workspace: WorkspaceFacts, addon: AddOnFacts, *, already_installed: bool
) -> tuple[Blocker, ...]:
    """All reasons why this install cannot be asked for now, the one to mend first at the head; empty: it can."""
    # Pairs, because a dictionary costs twice as much: preflight asks this for hundreds of workspaces.
    found = (
        (Blocker.ADDON_NOT_VISIBLE, not is_visible(addon, workspace.workspace_id)),
        (Blocker.NOT_ADMIN, workspace.role not in INSTALLING_ROLES),
        (Blocker.ALREADY_INSTALLED, already_installed),
        (Blocker.EMAIL_NOT_VERIFIED, not account.verified),
        (Blocker.WORKSPACE_INACTIVE, not workspace.active),
        (Blocker.ADDON_WITHDRAWN, addon.withdrawn),
        (Blocker.PRODUCT_NOT_COMPATIBLE, bool(addon.products) and workspace.product not in addon.products),
        (Blocker.PLAN_TOO_LOW, PLAN_ORDER[workspace.plan] < PLAN_ORDER[addon.minimal_plan]),
        (Blocker.TWO_FACTOR_REQUIRED, workspace.requires_two_factor and not account.two_factor),
    )
    return tuple([blocker for blocker, stands in found if stands])


def cautions(workspace: WorkspaceFacts, *, will_wait: bool) -> tuple[Caution, ...]:
    """What the visitor should know first.

    `region` must be acknowledged: the marketplace cannot know where an add-on keeps its data, so it is
    given whenever the workspace has a region.
    """
    found = ((Caution.REGION, bool(workspace.region)), (Caution.WILL_WAIT, will_wait))
    return tuple([caution for caution, stands in found if stands])
