"""Who may do what in a workspace, and what a push is worth."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.workspaces.pushes import digest_of, judge_push, judge_withdrawal, resolved
from services.auth.workspaces.rules import (
    Member,
    Workspace,
    change_role,
    managing,
    membership,
    new_workspace,
    remove,
    role_of,
    state_of,
)
from shared.contracts.auth import Plan, Role
from shared.plumbing.errors import Problem

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWNER, SECOND, ADMIN, MEMBER, STRANGER = "owner", "second", "admin", "member", "stranger"
ID = "a" * 24


def workspace(**fields: Any) -> Workspace:
    document = new_workspace(workspace_id=ID, name="Ada's", region="eu", product="", owner_id=OWNER, now=NOW)
    members = [
        {"user_id": OWNER, "role": "owner"},
        {"user_id": ADMIN, "role": "admin"},
        {"user_id": MEMBER, "role": "member"},
    ]
    return Workspace.model_validate(document | {"members": members} | fields)


def pushed(**fields: Any) -> Workspace:
    return workspace(provider="acme", directory_version=5, directory_digest="d5", **fields)


def slug_of(call: Any) -> str:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value.slug


def roles(change: Any) -> dict[str, str]:
    return {member["user_id"]: str(member["role"]) for member in change.fields["members"]}


def test_the_creator_is_the_owner() -> None:
    document = new_workspace(workspace_id=ID, name="Ada's", region="eu", product="acme", owner_id=OWNER, now=NOW)
    assert document["members"] == [{"user_id": OWNER, "role": Role.OWNER}]
    assert document["plan"] == Plan.FREE


def test_for_a_stranger_the_workspace_does_not_exist() -> None:
    assert slug_of(lambda: membership(workspace(), STRANGER)) == "workspace-not-found"
    assert slug_of(lambda: managing(workspace(), STRANGER)) == "workspace-not-found"
    assert slug_of(lambda: remove(workspace(), STRANGER, STRANGER)) == "workspace-not-found"
    assert slug_of(lambda: membership(workspace(deleted_at=NOW), OWNER)) == "workspace-not-found"


def test_a_member_manages_nothing() -> None:
    assert slug_of(lambda: managing(workspace(), MEMBER)) == "not-admin"
    assert slug_of(lambda: change_role(workspace(), MEMBER, ADMIN, Role.MEMBER)) == "not-admin"
    assert slug_of(lambda: remove(workspace(), MEMBER, ADMIN)) == "not-admin"


def test_what_a_product_pushes_is_read_only() -> None:
    assert slug_of(lambda: managing(pushed(), OWNER)) == "workspace-owned-by-product"
    assert slug_of(lambda: change_role(pushed(), OWNER, ADMIN, Role.MEMBER)) == "workspace-owned-by-product"
    assert slug_of(lambda: remove(pushed(), MEMBER, MEMBER)) == "workspace-owned-by-product"


def test_admins_manage_all_but_owners() -> None:
    assert roles(change_role(workspace(), ADMIN, MEMBER, Role.ADMIN)) == {
        OWNER: "owner",
        ADMIN: "admin",
        MEMBER: "admin",
    }
    assert slug_of(lambda: change_role(workspace(), ADMIN, MEMBER, Role.OWNER)) == "not-owner"
    assert slug_of(lambda: change_role(workspace(), ADMIN, OWNER, Role.MEMBER)) == "not-owner"
    assert slug_of(lambda: remove(workspace(), ADMIN, OWNER)) == "not-owner"
    assert roles(remove(workspace(), ADMIN, MEMBER)) == {OWNER: "owner", ADMIN: "admin"}


def test_the_last_owner_stays() -> None:
    assert slug_of(lambda: change_role(workspace(), OWNER, OWNER, Role.ADMIN)) == "last-owner"
    assert slug_of(lambda: remove(workspace(), OWNER, OWNER)) == "last-owner"
    two = workspace(members=[{"user_id": OWNER, "role": "owner"}, {"user_id": SECOND, "role": "owner"}])
    assert roles(remove(two, OWNER, OWNER)) == {SECOND: "owner"}
    assert roles(change_role(two, OWNER, SECOND, Role.MEMBER)) == {OWNER: "owner", SECOND: "member"}


def test_members_leave_by_themselves() -> None:
    assert roles(remove(workspace(), MEMBER, MEMBER)) == {OWNER: "owner", ADMIN: "admin"}


def test_only_members_have_roles_to_change() -> None:
    assert slug_of(lambda: change_role(workspace(), OWNER, STRANGER, Role.ADMIN)) == "member-not-found"
    assert slug_of(lambda: remove(workspace(), OWNER, STRANGER)) == "member-not-found"
    assert change_role(workspace(), OWNER, ADMIN, Role.ADMIN) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([OWNER, SECOND, ADMIN, MEMBER]),
            st.sampled_from([OWNER, SECOND, ADMIN, MEMBER]),
            st.sampled_from([*Role, None]),
        ),
        max_size=30,
    )
)
def test_no_sequence_of_changes_leaves_a_workspace_without_an_owner(steps: list[tuple[str, str, Role | None]]) -> None:
    now = workspace(
        members=[
            {"user_id": one, "role": "owner" if one in (OWNER, SECOND) else "admin"}
            for one in (OWNER, SECOND, ADMIN, MEMBER)
        ]
    )
    for actor, target, role in steps:
        try:
            change = remove(now, actor, target) if role is None else change_role(now, actor, target, role)
        except Problem:
            continue
        if change is not None:
            now = Workspace.model_validate(now.model_dump(by_alias=True) | dict(change.fields))
        assert any(member.role is Role.OWNER for member in now.members)


def test_of_several_entries_the_highest_role_counts() -> None:
    two = pushed(
        members=[
            {"subject": "s1", "user_id": ADMIN, "role": "member"},
            {"subject": "s2", "user_id": ADMIN, "role": "admin"},
            {"subject": "s3", "user_id": ADMIN, "role": "member"},
            {"subject": "s4", "role": "owner"},
        ]
    )
    assert role_of(two, ADMIN) is Role.ADMIN
    state = state_of(two.model_dump(by_alias=True))
    assert [(one.user_id, one.role) for one in state.admins] == [(ADMIN, Role.ADMIN)]
    assert state.members == ()


def test_subjects_are_matched_with_users() -> None:
    members = [Member(subject="s1", user_id="old", role=Role.OWNER), Member(subject="s2", role=Role.MEMBER)]
    assert resolved(members, {"s2": "u2"}) == [
        {"subject": "s1", "role": Role.OWNER},
        {"subject": "s2", "role": Role.MEMBER, "user_id": "u2"},
    ]


def test_the_state_record_is_the_whole_workspace() -> None:
    state = state_of(pushed().model_dump(by_alias=True))
    assert state.model_dump(mode="json") == {
        "version": 1,
        "deleted": False,
        "workspace_id": ID,
        "name": "Ada's",
        "provider": "acme",
        "product": "",
        "region": "eu",
        "plan": "FREE",
        "requires_two_factor": False,
        "active": True,
        "admins": [{"user_id": OWNER, "role": "owner"}, {"user_id": ADMIN, "role": "admin"}],
        "members": [MEMBER],
    }
    gone = state_of(pushed(deleted_at=NOW).model_dump(by_alias=True))
    assert (gone.deleted, gone.name, gone.admins, gone.members) == (True, "", (), ())


def test_pushes_are_ordered_by_version() -> None:
    assert judge_push(None, "acme", 1, "x") == "apply"
    assert judge_push(pushed(), "acme", 6, "x") == "apply"
    assert judge_push(pushed(), "acme", 5, "d5") == "known"
    assert judge_push(pushed(), "acme", 4, "x") == "older"
    assert slug_of(lambda: judge_push(pushed(), "acme", 5, "x")) == "directory-version-conflict"


def test_nobody_pushes_what_is_somebody_elses() -> None:
    assert slug_of(lambda: judge_push(pushed(), "other", 9, "x")) == "workspace-owned-elsewhere"
    assert slug_of(lambda: judge_push(workspace(), "acme", 9, "x")) == "workspace-owned-elsewhere"
    assert slug_of(lambda: judge_withdrawal(pushed(), "other", None)) == "workspace-owned-elsewhere"
    assert slug_of(lambda: judge_withdrawal(workspace(), "acme", None)) == "workspace-owned-elsewhere"


def test_a_withdrawn_workspace_comes_back_by_a_higher_version_only() -> None:
    assert judge_withdrawal(pushed(), "acme", None) == "apply"
    assert judge_withdrawal(pushed(), "acme", 4) == "older"
    assert judge_withdrawal(pushed(), "acme", 6) == "apply"
    gone = pushed(deleted_at=NOW)
    assert judge_withdrawal(gone, "acme", None) == "known"
    assert judge_withdrawal(gone, "acme", 5) == "known"
    assert judge_push(gone, "acme", 4, "x") == "older"
    assert judge_push(gone, "acme", 6, "x") == "apply"


def test_the_order_of_members_is_no_content() -> None:
    one = {"version": 1, "members": [{"subject": "a", "role": "owner"}, {"subject": "b", "role": "member"}]}
    two = {"members": [{"role": "member", "subject": "b"}, {"role": "owner", "subject": "a"}], "version": 1}
    three = {"version": 1, "members": [{"subject": "a", "role": "member"}, {"subject": "b", "role": "member"}]}
    assert digest_of(one) == digest_of(two)
    assert digest_of(one) != digest_of(three)
