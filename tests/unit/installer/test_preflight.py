"""Where an add-on can go, and what stands in the way."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from services.installer.web import guidance, preflight
from services.installer.web.facts import Document
from services.installer.web.pages import Pages
from shared.contracts.reasons import Blocker, Caution
from shared.plumbing.errors import NotFound

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
INSTALL_HERE = f"/addons/timer/install?workspace={'a' * 24}"
BACK = "%2Faddons%2Ftimer%2Finstall"
BACK_HERE = f"{BACK}%3Fworkspace%3D{'a' * 24}"
ADD = {"action": "add-workspace", "href": f"/manage-accounts?return_to={BACK}"}
TO_TWO_FACTOR = {"action": "enable-two-factor", "href": f"/profile?return_to={BACK_HERE}#two-factor"}


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
        "next": {"action": "install", "href": INSTALL_HERE},
    }


def test_s14_a_workspace_that_requires_two_factor_is_locked_and_says_how_to_unlock_it() -> None:
    locked = row(requires_two_factor=True)
    assert (locked["selectable"], locked["blockers"]) == (False, (Blocker.TWO_FACTOR_REQUIRED,))
    assert locked["next"] == TO_TWO_FACTOR


def test_s13_with_two_factor_on_all_workspaces_look_the_same() -> None:
    (unlocked,) = rows(ACCOUNT | {"two_factor": True}, workspaces=[WORKSPACE | {"requires_two_factor": True}])
    assert unlocked == row()


def test_s15_a_workspace_that_has_the_add_on_is_disabled_and_leads_to_it() -> None:
    (taken,) = rows(live={"a" * 24: LIVE})
    href = "/api/installer/v1/installations/" + "b" * 24
    assert taken["blockers"] == (Blocker.ALREADY_INSTALLED,)
    assert taken["installation"] == {"id": "b" * 24, "state": "INSTALLED", "href": href}
    assert taken["next"] == {"action": "open-installation", "href": "/installations/" + "b" * 24}


def test_s16_a_region_is_a_notice_to_acknowledge_not_a_blocker() -> None:
    european = row(region="eu")
    assert european["selectable"]
    assert (european["warnings"], european["acknowledge"]) == ((Caution.REGION,), (Caution.REGION,))
    assert european["next"] == {
        "action": "acknowledge",
        "href": INSTALL_HERE,
        "acknowledge": ["region"],
        "region": "eu",
    }


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
        (
            {},
            {"products": ["other"]},
            {"action": "choose-another-workspace", "href": "/addons/timer/install", "products": ["other"]},
        ),
        (
            {"active": False},
            {},
            {"action": "reactivate-workspace", "href": f"/manage-accounts?return_to={BACK_HERE}"},
        ),
        ({}, {"withdrawn": True}, {"action": "choose-another-addon", "href": "/"}),
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


LOCKED, CLOSED = WORKSPACE | {"requires_two_factor": True}, WORKSPACE | {"_id": "d" * 24, "active": False}
OTHER_ACCOUNT = {
    "action": "log-in-with-admin-account",
    "href": f"/login?another=1&return_to={BACK}",
    "role": "admin",
}


@pytest.mark.parametrize(
    ("account", "addon", "workspaces", "expected", "alternatives"),
    [
        (
            {"verified": False},
            {},
            [WORKSPACE],
            {"action": "verify-email", "href": f"/verify-email?return_to={BACK}"},
            [],
        ),
        ({}, {}, [], ADD, [OTHER_ACCOUNT]),
        ({}, {}, [WORKSPACE, LOCKED], {"action": "choose-workspace", "href": "/addons/timer/install"}, [ADD]),
        ({}, {}, [LOCKED], TO_TWO_FACTOR, [ADD]),
        ({}, {}, [CLOSED, LOCKED], TO_TWO_FACTOR, [ADD]),
        ({}, {"minimal_plan": "PRO"}, [LOCKED, CLOSED], {"action": "upgrade-plan", "plan": "PRO"}, [ADD]),
        ({}, {"products": ["other"]}, [WORKSPACE], ADD | {"products": ["other"]}, []),
        ({}, {"withdrawn": True}, [WORKSPACE], {"action": "choose-another-addon", "href": "/"}, []),
        ({}, {"withdrawn": True}, [], {"action": "choose-another-addon", "href": "/"}, []),
    ],
)
def test_s9_the_answer_says_what_the_visitor_can_do_next(
    account: dict[str, Any],
    addon: dict[str, Any],
    workspaces: list[dict[str, Any]],
    expected: dict[str, Any],
    alternatives: list[dict[str, Any]],
) -> None:
    person, asked = ACCOUNT | account, ADDON | addon
    found = rows(person, asked, workspaces)
    assert guidance.next_for(person, asked, found, is_member=False) == (expected, alternatives)


def test_s9_a_plain_member_can_ask_an_admin_as_well() -> None:
    assert guidance.next_for(ACCOUNT, ADDON, [], is_member=True) == (OTHER_ACCOUNT, [ADD, {"action": "ask-an-admin"}])


def test_s10_nobody_is_shown_the_way_to_an_account_with_an_admin_role() -> None:
    problem = guidance.nobody("timer")
    assert (problem.status, problem.slug) == (401, "token-missing")
    assert problem.extensions["next"] == {"action": "sign-up", "href": f"/signup?return_to={BACK}", "role": "admin"}
    log_in = {"action": "log-in", "href": f"/login?return_to={BACK}", "role": "admin"}
    assert problem.extensions["alternatives"] == [log_in]


@pytest.mark.parametrize(
    "key", ["//evil.example", "a?b=c&d#e", "\\\\evil", "%2f%2fevil", "é ü", "..", "\r\nSet-Cookie: a"]
)
def test_a_key_of_any_kind_leads_to_our_own_origin_only(key: str) -> None:
    ways = Pages(key)
    for path in (ways.install(), ways.install("a" * 24), ways.log_in(), ways.manage_accounts("a" * 24)):
        parts = urlsplit(path)
        assert (parts.scheme, parts.netloc) == ("", "")
        assert path.isascii()
        assert path.isprintable()
        (back,) = parse_qs(parts.query).get("return_to", [ways.install()])
        segments = urlsplit(back).path.split("/")
        assert back.startswith("/addons/")
        assert (len(segments), unquote(segments[2]), segments[3]) == (4, key, "install")


def test_s12_the_workspace_that_one_comes_back_with_is_chosen_or_the_answer_says_why_not() -> None:
    def asked(problem: NotFound | None, row_step: dict[str, Any] | None) -> dict[str, Any]:
        return guidance.chosen("a" * 24, problem, ADDON, row_step)

    step = row()["next"]
    assert asked(None, step) == {"workspace_id": "a" * 24, "selectable": True, "reason": None, "next": step}
    fresh = asked(NotFound("workspace-not-known-yet", "?"), None)
    assert (fresh["selectable"], fresh["next"]) == (False, {"action": "try-again", "after_seconds": 2})
    foreign = asked(NotFound("workspace-not-found", "?"), None)
    assert (foreign["reason"], foreign["next"]["action"]) == ("workspace-not-found", "choose-another-workspace")
    refused = asked(NotFound("not-admin", "?", next={"action": "ask-an-admin"}), None)
    assert refused["next"] == {"action": "ask-an-admin"}
