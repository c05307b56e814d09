"""Where an add-on can go, and what stands in the way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.installer.web import preflight, refusals
from services.installer.web.facts import Document, of_account, of_addon, of_workspace
from services.installer.web.preflight import assess
from services.installer.web.reads import Found
from shared.contracts.auth import Plan
from shared.contracts.catalog import Visibility
from shared.contracts.reasons import Blocker, Caution

USER = "c" * 24
ACCOUNT: dict[str, Any] = {"_id": USER, "verified": True, "two_factor": False}
WORKSPACE: dict[str, Any] = {
    "_id": "a" * 24,
    "name": "Acme",
    "provider": None,
    "product": "clock",
    "region": "",
    "plan": "FREE",
    "requires_two_factor": False,
    "active": True,
    "admins": [{"user_id": USER, "role": "owner"}],
    "members": [],
}
ADDON: dict[str, Any] = {
    "_id": "timer",
    "minimal_plan": "FREE",
    "products": [],
    "visibility": "public",
    "visible_to": [],
    "withdrawn": False,
}
LIVE = {"_id": "b" * 24, "state": "INSTALLED"}


def rows(
    account: Document = ACCOUNT,
    addon: Document = ADDON,
    workspaces: list[dict[str, Any]] | None = None,
    live: dict[str, Document] | None = None,
    *,
    will_wait: bool = False,
) -> list[dict[str, Any]]:
    found = [WORKSPACE] if workspaces is None else workspaces
    return preflight.rows(USER, account, addon, found, live or {}, will_wait=will_wait)


def row(**changes: Any) -> dict[str, Any]:
    (only,) = rows(workspaces=[WORKSPACE | changes])
    return only


def test_a_workspace_without_blockers_can_be_chosen() -> None:
    assert row() == {
        "workspace_id": "a" * 24,
        "name": "Acme",
        "provider": None,
        "product": "clock",
        "region": "",
        "plan": "FREE",
        "selectable": True,
        "will_wait": False,
        "blockers": (),
        "warnings": (),
        "acknowledge": (),
        "installation": None,
        "next": {"action": "install"},
    }


def test_s14_a_workspace_that_requires_two_factor_is_locked_and_says_how_to_unlock_it() -> None:
    locked = row(requires_two_factor=True)
    assert (locked["selectable"], locked["blockers"]) == (False, (Blocker.TWO_FACTOR_REQUIRED,))
    assert locked["next"] == {"action": "enable-two-factor"}


def test_s13_with_two_factor_on_all_workspaces_look_the_same() -> None:
    (unlocked,) = rows(ACCOUNT | {"two_factor": True}, workspaces=[WORKSPACE | {"requires_two_factor": True}])
    assert unlocked == row()


def test_s15_a_workspace_that_has_the_add_on_is_disabled_and_leads_to_it() -> None:
    (taken,) = rows(live={"a" * 24: LIVE})
    href = "/api/installer/v1/installations/" + "b" * 24
    assert taken["blockers"] == (Blocker.ALREADY_INSTALLED,)
    assert taken["installation"] == {"id": "b" * 24, "state": "INSTALLED", "href": href}
    assert taken["next"] == {"action": "open-installation", "href": href}


def test_s16_a_region_is_a_notice_to_acknowledge_not_a_blocker() -> None:
    european = row(region="eu")
    assert european["selectable"]
    assert (european["warnings"], european["acknowledge"]) == ((Caution.REGION,), (Caution.REGION,))


def test_an_add_on_that_is_down_is_a_warning_that_needs_no_word() -> None:
    (waiting,) = rows(will_wait=True)
    assert (waiting["selectable"], waiting["will_wait"]) == (True, True)
    assert (waiting["warnings"], waiting["acknowledge"]) == ((Caution.WILL_WAIT,), ())


def test_all_blockers_are_told_at_once() -> None:
    (blocked,) = rows(
        ACCOUNT | {"verified": False},
        ADDON | {"minimal_plan": "PRO", "products": ["other"], "withdrawn": True},
        [WORKSPACE | {"requires_two_factor": True, "active": False}],
    )
    assert blocked["blockers"] == (
        Blocker.EMAIL_NOT_VERIFIED,
        Blocker.WORKSPACE_INACTIVE,
        Blocker.ADDON_WITHDRAWN,
        Blocker.PRODUCT_NOT_COMPATIBLE,
        Blocker.PLAN_TOO_LOW,
        Blocker.TWO_FACTOR_REQUIRED,
    )


@pytest.mark.parametrize(
    ("workspace", "addon", "expected"),
    [
        ({"plan": "BASIC"}, {"minimal_plan": "PRO"}, {"action": "upgrade-plan", "plan": "PRO"}),
        ({}, {"products": ["other"]}, {"action": "choose-another-workspace", "products": ["other"]}),
        ({"active": False}, {}, {"action": "reactivate-workspace"}),
        ({}, {"withdrawn": True}, {"action": "choose-another-addon"}),
        ({"admins": [], "members": [USER]}, {}, {"action": "ask-an-admin"}),
    ],
)
def test_each_blocker_says_what_to_do_next(
    workspace: dict[str, Any], addon: dict[str, Any], expected: dict[str, Any]
) -> None:
    (blocked,) = rows(addon=ADDON | addon, workspaces=[WORKSPACE | workspace])
    assert blocked["next"] == expected


def test_a_private_add_on_shows_only_the_workspaces_for_which_it_exists() -> None:
    private = ADDON | {"visibility": "private", "visible_to": ["a" * 24]}
    other = WORKSPACE | {"_id": "e" * 24}
    assert [one["workspace_id"] for one in rows(addon=private, workspaces=[WORKSPACE, other])] == ["a" * 24]


def test_what_can_be_chosen_comes_first_and_then_the_alphabet() -> None:
    found = rows(
        workspaces=[
            WORKSPACE | {"_id": "1" * 24, "name": "alpha", "active": False},
            WORKSPACE | {"_id": "2" * 24, "name": "Zulu"},
            WORKSPACE | {"_id": "3" * 24, "name": "beta"},
        ]
    )
    assert [one["name"] for one in found] == ["beta", "Zulu", "alpha"]


@pytest.mark.parametrize(
    ("account", "workspaces", "expected"),
    [
        ({"verified": False}, [WORKSPACE], {"action": "verify-email"}),
        ({}, [], {"action": "add-workspace"}),
        ({}, [WORKSPACE], {"action": "choose-workspace"}),
        ({}, [WORKSPACE | {"requires_two_factor": True}], {"action": "enable-two-factor"}),
        (
            {},
            [WORKSPACE | {"requires_two_factor": True}, WORKSPACE | {"active": False}],
            {"action": "add-workspace"},
        ),
    ],
)
def test_s9_the_answer_says_what_the_visitor_can_do_next(
    account: dict[str, Any], workspaces: list[dict[str, Any]], expected: dict[str, Any]
) -> None:
    person = ACCOUNT | account
    assert preflight.next_for(person, rows(person, workspaces=workspaces)) == expected


ACCOUNTS = st.fixed_dictionaries({"_id": st.just(USER), "verified": st.booleans(), "two_factor": st.booleans()})
ADMINS = st.sampled_from([[], [{"user_id": USER, "role": "admin"}], [{"user_id": "d" * 24, "role": "owner"}]])
WORKSPACES = st.fixed_dictionaries(
    {
        "plan": st.sampled_from([plan.value for plan in Plan]),
        "product": st.sampled_from(["", "clock", "other"]),
        "region": st.sampled_from(["", "eu"]),
        "requires_two_factor": st.booleans(),
        "active": st.booleans(),
        "admins": ADMINS,
        "members": st.sampled_from([[], [USER]]),
    }
).map(lambda changes: WORKSPACE | changes)
ADDONS = st.fixed_dictionaries(
    {
        "minimal_plan": st.sampled_from([plan.value for plan in Plan]),
        "products": st.sampled_from([[], ["clock"], ["other", "third"]]),
        "visibility": st.sampled_from([one.value for one in Visibility]),
        "visible_to": st.sampled_from([[], ["a" * 24]]),
        "withdrawn": st.booleans(),
    }
).map(lambda changes: ADDON | changes)


@given(
    account=ACCOUNTS,
    workspace=WORKSPACES,
    addon=ADDONS,
    installed=st.booleans(),
    will_wait=st.booleans(),
    acknowledged=st.sets(st.sampled_from(["region", "will-wait"])),
)
def test_preflight_and_request_never_disagree(
    *,
    account: dict[str, Any],
    workspace: dict[str, Any],
    addon: dict[str, Any],
    installed: bool,
    will_wait: bool,
    acknowledged: set[str],
) -> None:
    """What can be chosen is accepted once acknowledged; what cannot is refused with the first blocker shown."""
    live = LIVE if installed else None
    shown = rows(account, addon, [workspace], {"a" * 24: LIVE} if installed else {}, will_wait=will_wait)
    unknown = refusals.of_unknown(Found(account, workspace, addon), USER)
    judged = assess(
        of_account(account),
        of_workspace(workspace, USER),
        of_addon(addon),
        already_installed=installed,
        will_wait=will_wait,
    )
    problem = unknown or refusals.of_rules(judged, acknowledged, addon, live)
    if not shown:
        assert problem is not None
        assert problem.slug in {"addon-not-found", "addon-not-known-yet", "workspace-not-found"}
    elif shown[0]["selectable"]:
        enough = set(shown[0]["acknowledge"]) <= acknowledged
        assert (problem is None) == enough
        assert problem is None or problem.slug == "region-not-acknowledged"
    else:
        assert problem is not None
        expected = "workspace-not-found" if unknown else shown[0]["blockers"][0].value
        assert problem.slug == expected
        if unknown is None:
            assert problem.extensions["next"] == shown[0]["next"]
