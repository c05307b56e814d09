"""Preflight, the request and the saga's check never disagree about the same facts."""

from dataclasses import fields
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from services.installer.saga import checking
from services.installer.web import guidance, judging, preflight, refusals
from services.installer.web.facts import of_addon, role_in
from services.installer.web.reads import Found
from shared.contracts.auth import Plan
from shared.contracts.catalog import Visibility
from shared.contracts.installer import Outcome
from shared.contracts.reasons import Blocker, FailureReason
from shared.rules import install
from tests.unit.installer.story import USER, WORKSPACE, Story, addon

LIVE = {"_id": "b" * 24, "state": "INSTALLED"}
PLANS = [plan.value for plan in Plan]


def mostly(good: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Good more often than not, so that there are cases in which one thing alone is wrong."""
    return st.sampled_from([*[good] * (len(others) + 1), *others])


def documents(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


def person(role: str) -> list[dict[str, str]]:
    return [{"user_id": "d" * 24, "role": "owner"}, {"user_id": USER, "role": role}]


CASES = documents(
    account=documents(_id=st.just(USER), verified=mostly(True, False), two_factor=st.booleans()),
    workspace=documents(
        _id=st.just(WORKSPACE),
        name=st.just("Acme"),
        provider=st.none(),
        plan=st.sampled_from(PLANS),
        product=st.sampled_from(["", "clock", "other"]),
        region=st.sampled_from(["", "eu"]),
        requires_two_factor=st.booleans(),
        active=mostly(True, False),
        admins=mostly(person("admin"), person("owner"), []),
        members=st.sampled_from([[], [USER]]),
        deleted=mostly(False, True),
    ),
    addon=documents(
        _id=st.just("timer"),
        minimal_plan=mostly("FREE", *PLANS),
        products=mostly([], ["clock"], ["other", "third"]),
        visibility=mostly("public", *(one.value for one in Visibility)),
        visible_to=st.sampled_from([[], [WORKSPACE]]),
        withdrawn=mostly(False, True),
    ),
    installed=mostly(False, True),
    will_wait=st.booleans(),
    acknowledged=st.sets(st.sampled_from(["region", "will-wait"])),
)


def what_preflight_shows(case: dict[str, Any]) -> dict[str, Any] | None:
    """The row, if the caller administers a workspace that has not gone; see `Reads.administered`."""
    workspace = case["workspace"]
    if workspace["deleted"] or role_in(workspace, USER) not in install.INSTALLING_ROLES:
        return None
    live = {WORKSPACE: LIVE} if case["installed"] else {}
    found = preflight.rows(USER, case["account"], case["addon"], [workspace], live, will_wait=case["will_wait"])
    assert guidance.next_for(case["account"], case["addon"], found, is_member=False)[0]["action"]
    return found[0] if found else None


def what_the_request_is_told(case: dict[str, Any]) -> tuple[str | None, object]:
    """The slug that refuses it, and the next step."""
    problem = refusals.of_request(
        Found(case["account"], case["workspace"], case["addon"]),
        USER,
        case["acknowledged"],
        live=LIVE if case["installed"] else None,
        will_wait=case["will_wait"],
    )
    return (None, None) if problem is None else (problem.slug, problem.extensions.get("next"))


def what_the_saga_decides(case: dict[str, Any]) -> FailureReason | None:
    """The reason that the check fails with, given auth's answer about the same workspace and account."""
    workspace, account = case["workspace"], case["account"]
    role = None if workspace["deleted"] else role_in(workspace, USER)
    facts = of_addon(case["addon"])
    story = Story()
    story.addon = addon(**{name: getattr(facts, name) for name in facts.__slots__})
    story.checking()
    if role is None:
        story.checked(found=False)
    else:
        story.checked(
            role=role,
            active=workspace["active"],
            plan=Plan(workspace["plan"]),
            product=workspace["product"],
            region=workspace["region"],
            requires_two_factor=workspace["requires_two_factor"],
            verified=account["verified"],
            two_factor=account["two_factor"],
        )
    return story.one.reason if story.one.outcome is Outcome.FAILED else None


# What only the request can see: the saga's check speaks of an installation that is there already.
OF_THE_REQUEST = {Blocker.ALREADY_INSTALLED, judging.REGION_NOT_ACKNOWLEDGED}
OF_NOTHING = {"workspace-not-found": FailureReason.WORKSPACE_GONE, "addon-not-known-yet": FailureReason.ADDON_WITHDRAWN}


def disagreement(case: dict[str, Any]) -> str | None:
    """What two of the three answer differently; None: they agree."""
    row, (slug, following), reason = (
        what_preflight_shows(case),
        what_the_request_is_told(case),
        what_the_saga_decides(case),
    )
    if row is None:
        if slug not in {"workspace-not-found", "addon-not-known-yet", "not-admin"}:
            return f"preflight hides what the request answers with {slug}"
    else:
        shown = row["blockers"][0].value if row["blockers"] else None
        if shown is None and not set(row["acknowledge"]) <= case["acknowledged"]:
            shown = judging.REGION_NOT_ACKNOWLEDGED
        if shown != slug or row["selectable"] != (slug in (None, judging.REGION_NOT_ACKNOWLEDGED)):
            return f"preflight shows {shown}, the request is refused with {slug}"
        if slug is not None and following != row["next"]:
            return f"preflight leads to {row['next']}, the refusal to {following}"
    if slug in OF_THE_REQUEST:
        if case["installed"]:
            return disagreement({**case, "installed": False})  # what else there is
        return disagreement({**case, "acknowledged": {"region"}})
    expected = None if slug is None else OF_NOTHING.get(slug) or FailureReason(slug)
    return None if reason is expected else f"the request is told {slug}, the saga fails with {reason}"


@settings(max_examples=300, deadline=None)
@given(case=CASES)
def test_preflight_request_and_check_never_disagree(case: dict[str, Any]) -> None:
    assert disagreement(case) is None


@settings(max_examples=60, deadline=None)
@given(
    account=CASES.map(lambda case: case["account"]),
    addon=CASES.map(lambda case: case["addon"]),
    places=st.lists(CASES.map(lambda case: case["workspace"]), min_size=2, max_size=8),
    installed=st.sets(st.integers(0, 7)),
)
def test_a_workspace_is_judged_by_its_own_facts_whatever_stands_beside_it(
    account: dict[str, Any], addon: dict[str, Any], places: list[dict[str, Any]], installed: set[int]
) -> None:
    ids = [WORKSPACE, *(f"{number:024x}" for number in range(1, len(places)))]
    places = [{**place, "_id": one} for place, one in zip(places, ids, strict=True)]
    live = {one: LIVE for number, one in enumerate(ids) if number in installed}
    together = preflight.rows(USER, account, addon, places, live, will_wait=False)
    alone = [row for one in places for row in preflight.rows(USER, account, addon, [one], live, will_wait=False)]
    assert sorted(together, key=itemgetter("workspace_id")) == sorted(alone, key=itemgetter("workspace_id"))


def test_every_fact_about_a_workspace_is_among_those_that_tell_workspaces_apart() -> None:
    assert {*preflight.JUDGED_BY, "workspace_id", "role"} == {one.name for one in fields(install.WorkspaceFacts)}


FORGETFUL = {"the check": checking, "preflight and request": judging}


@pytest.mark.parametrize("who", FORGETFUL)
@pytest.mark.parametrize("forgotten", [one for one in Blocker if one is not Blocker.ALREADY_INSTALLED])
def test_a_rule_that_only_one_of_them_forgets_is_found(
    monkeypatch: pytest.MonkeyPatch, who: str, forgotten: Blocker
) -> None:
    def wrong(*facts: Any, **more: Any) -> tuple[Blocker, ...]:
        return tuple(one for one in install.blockers(*facts, **more) if one is not forgotten)

    monkeypatch.setattr(FORGETFUL[who], "blockers", wrong)
    assert found_disagreement() is not None


def test_a_region_that_the_request_forgets_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging.Assessment, "missing", lambda *_: [])
    assert found_disagreement() is not None


def test_a_request_that_forgets_what_is_installed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = judging.assess

    def wrong(*facts: Any, already_installed: bool, **more: Any) -> judging.Assessment:
        return right(*facts, already_installed=False, **more)

    monkeypatch.setattr(refusals, "assess", wrong)
    assert found_disagreement() is not None


def found_disagreement() -> dict[str, Any] | None:
    """A case in which two of the three differ, if there seems to be one."""
    trying = settings(
        max_examples=3000, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True
    )
    try:
        found: dict[str, Any] = find(CASES, lambda case: disagreement(case) is not None, settings=trying)
    except NoSuchExample:
        return None
    return found
