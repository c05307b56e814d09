"""Who may install where: one function answers for preflight, for the request and for the saga's check."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.auth import Plan, Role
from shared.contracts.catalog import Visibility
from shared.contracts.reasons import Blocker, Caution
from shared.rules.install import AccountFacts, AddOnFacts, WorkspaceFacts, blockers, cautions

ADA = AccountFacts(verified=True, two_factor=True)
EAST = WorkspaceFacts(
    workspace_id="w1",
    role=Role.ADMIN,
    active=True,
    plan=Plan.PRO,
    product="acme",
    region="",
    requires_two_factor=False,
)
CARDS = AddOnFacts(minimal_plan=Plan.FREE, products=(), visibility=Visibility.PUBLIC, visible_to=(), withdrawn=False)


def test_an_admin_of_a_fitting_workspace_may_install() -> None:
    assert blockers(ADA, EAST, CARDS, already_installed=False) == ()


@pytest.mark.parametrize(
    ("account", "workspace", "addon", "installed", "blocker"),
    [
        (replace(ADA, verified=False), EAST, CARDS, False, Blocker.EMAIL_NOT_VERIFIED),
        (ADA, replace(EAST, role=Role.MEMBER), CARDS, False, Blocker.NOT_ADMIN),
        (ADA, replace(EAST, role=None), CARDS, False, Blocker.NOT_ADMIN),
        (
            replace(ADA, two_factor=False),
            replace(EAST, requires_two_factor=True),
            CARDS,
            False,
            Blocker.TWO_FACTOR_REQUIRED,
        ),
        (ADA, EAST, CARDS, True, Blocker.ALREADY_INSTALLED),
        (ADA, replace(EAST, plan=Plan.BASIC), replace(CARDS, minimal_plan=Plan.STANDARD), False, Blocker.PLAN_TOO_LOW),
        (ADA, EAST, replace(CARDS, products=("other",)), False, Blocker.PRODUCT_NOT_COMPATIBLE),
        (ADA, replace(EAST, active=False), CARDS, False, Blocker.WORKSPACE_INACTIVE),
        (ADA, EAST, replace(CARDS, withdrawn=True), False, Blocker.ADDON_WITHDRAWN),
        (
            ADA,
            EAST,
            replace(CARDS, visibility=Visibility.PRIVATE, visible_to=("w2",)),
            False,
            Blocker.ADDON_NOT_VISIBLE,
        ),
    ],
)
def test_each_rule_blocks_by_itself(
    account: AccountFacts, workspace: WorkspaceFacts, addon: AddOnFacts, *, installed: bool, blocker: Blocker
) -> None:
    assert blockers(account, workspace, addon, already_installed=installed) == (blocker,)


def test_an_owner_may_install_and_two_factor_satisfies_the_rule() -> None:
    strict = replace(EAST, role=Role.OWNER, requires_two_factor=True)

    assert blockers(ADA, strict, CARDS, already_installed=False) == ()


def test_a_private_addon_exists_for_its_workspaces_and_an_unlisted_one_for_all() -> None:
    private = replace(CARDS, visibility=Visibility.PRIVATE, visible_to=("w1",))
    unlisted = replace(CARDS, visibility=Visibility.UNLISTED)

    assert blockers(ADA, EAST, private, already_installed=False) == ()
    assert blockers(ADA, EAST, unlisted, already_installed=False) == ()


@given(plan=st.sampled_from(Plan), minimal=st.sampled_from(Plan))
def test_a_plan_satisfies_itself_and_every_lower_one(plan: Plan, minimal: Plan) -> None:
    order = ["FREE", "BASIC", "STANDARD", "PRO", "ENTERPRISE"]
    found = blockers(ADA, replace(EAST, plan=plan), replace(CARDS, minimal_plan=minimal), already_installed=False)

    assert (Blocker.PLAN_TOO_LOW in found) == (order.index(plan) < order.index(minimal))


def test_a_region_is_told_and_trouble_is_a_caution_not_a_blocker() -> None:
    assert cautions(EAST, will_wait=False) == ()
    assert cautions(replace(EAST, region="eu"), will_wait=True) == (Caution.REGION, Caution.WILL_WAIT)
