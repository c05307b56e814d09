"""Links mailed to a proven address, and what they do to the account."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.auth.accounts import address_rules, password_rules
from services.auth.accounts.mailed import MAX_OF_A_KIND, Kind, find, with_links
from services.auth.accounts.rules import new_account
from services.auth.domain import Account, Change, MailedLink
from services.auth.workspaces.parting import Held, Parting, without
from services.auth.workspaces.rules import Member, Workspace
from shared.contracts.auth import Role, SendMail
from shared.plumbing.errors import Problem

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def link(kind: Kind, hashed: str, *, issued: int = 0, life: int = 24, email: str = "") -> MailedLink:
    at = NOW + timedelta(hours=issued)
    return MailedLink(kind=kind, hash=hashed, issued_at=at, expires_at=at + timedelta(hours=life), email=email)


def account(*links: MailedLink, **fields: Any) -> Account:
    document = new_account(
        user_id="u" * 24,
        email="ada@example.com",
        email_key="ada@example.com",
        display_name="Ada",
        locale="en",
        now=NOW,
        password="hash",
        verified=True,
    )
    return Account.model_validate(document | {"mailed": [one.model_dump() for one in links]} | fields)


def mail(template: str = "password-reset") -> SendMail:
    return SendMail(
        user_id="u" * 24, template=template, locale="en", parameters={}, sealed_address="sealed:v1:x", expires_at=NOW
    )


def after(before: Account, change: Change) -> Account:
    return Account.model_validate(before.model_dump(by_alias=True) | dict(change.fields))


def slug_of(call: Any) -> str:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value.slug


def test_a_link_is_found_by_kind_and_hash_until_it_expires() -> None:
    has = account(link("password-reset", "h", life=1))
    assert find(has, "password-reset", "h", NOW).hash == "h"
    assert slug_of(lambda: find(has, "email-change", "h", NOW)) == "link-unknown"
    assert slug_of(lambda: find(has, "password-reset", "g", NOW)) == "link-unknown"
    assert slug_of(lambda: find(has, "password-reset", "h", NOW + timedelta(hours=1))) == "link-expired"


def test_asking_again_pushes_out_the_oldest_of_its_kind_and_none_that_undoes() -> None:
    undos = [link("email-undo", f"u{number}") for number in range(8)]
    resets = [link("password-reset", f"r{number}", issued=number) for number in range(MAX_OF_A_KIND)]
    kept = with_links(account(*undos, *resets), link("password-reset", "new", issued=9), now=NOW)
    hashes = [one["hash"] for one in kept]
    assert hashes == [*(f"u{number}" for number in range(8)), "r1", "r2", "r3", "r4", "new"]


def test_a_used_up_kind_forgets_what_the_links_said() -> None:
    has = account(link("email-change", "h", email="new@example.com"), link("email-change", "g", email="x@example.com"))
    now = after(has, address_rules.confirm(has, "h", link("email-undo", "u", email=has.email), mail(), NOW))
    assert now.email == "new@example.com"
    assert [one.email for one in now.mailed] == ["", "", "ada@example.com"]
    assert {slug_of(lambda one=one: find(now, "email-change", one, NOW)) for one in ("h", "g")} == {"link-used"}


def test_an_undo_ends_what_came_after_it_and_nothing_before() -> None:
    has = account(
        link("email-undo", "first", issued=0, life=168, email="first@example.com"),
        link("email-undo", "second", issued=1, life=168, email="second@example.com"),
        link("email-undo", "third", issued=2, life=168, email="third@example.com"),
        link("password-reset", "reset", issued=2),
        email="now@example.com",
        email_key="now@example.com",
    )
    reset = link("password-reset", "fresh", issued=3)
    change = address_rules.undo(
        has,
        "second",
        reset,
        NOW + timedelta(hours=3),
        window=timedelta(days=7),
        asked=lambda _: mail(),
        told=lambda _: mail("email-change-undone"),
    )
    now = after(has, change)
    assert (now.email, now.password) == ("second@example.com", None)
    assert [one.hash for one in now.mailed if one.used_at is None] == ["first", "fresh"]
    assert [message.template for message in change.messages if isinstance(message, SendMail)] == [
        "password-reset",
        "email-change-undone",
    ]


def test_who_logs_in_by_products_alone_gets_no_password_by_an_undo() -> None:
    mine = {"provider": "acme", "sub": "ada", "linked_at": NOW - timedelta(days=1)}
    has = account(link("email-undo", "u", email="old@example.com"), password=None, identities=[mine])
    change = address_rules.undo(
        has,
        "u",
        link("password-reset", "r"),
        NOW,
        window=timedelta(days=7),
        asked=lambda _: mail(),
        told=lambda _: mail("email-change-undone"),
    )
    assert [one.kind for one in after(has, change).mailed] == ["email-undo"]
    assert len(change.messages) == 1
    assert password_rules.has_only_products(has)


def held(role: Role, others: int, owners: int, provider: str | None = None) -> Held:
    return Held(f"{role}-{others}-{owners}-{provider}", "Room", provider, role, others, owners, owners)


def test_what_leaving_means_for_each_workspace() -> None:
    last, alone = held(Role.OWNER, 3, 0), held(Role.OWNER, 0, 0)
    left = [held(Role.OWNER, 1, 1), held(Role.ADMIN, 1, 1), held(Role.MEMBER, 2, 1)]
    product = held(Role.OWNER, 1, 0, "acme")
    parting = Parting.of([last, alone, *left, product])
    assert parting == Parting((last,), (alone,), tuple(left), (product,))
    assert slug_of(parting.refuse_blocked) == "last-owner"
    Parting.of([alone, *left, product]).refuse_blocked()
    followed, plain = held(Role.ADMIN, 2, 1, "acme"), held(Role.MEMBER, 2, 0, "acme")
    assert Parting.of([product, followed, plain, last]).without_admin == (product,)


@pytest.mark.parametrize(
    ("others", "then"),
    [
        ([("b", Role.OWNER), ("c", Role.ADMIN)], [Role.OWNER, Role.ADMIN]),
        ([("b", Role.MEMBER), ("c", Role.ADMIN)], [Role.MEMBER, Role.OWNER]),
        ([("b", Role.MEMBER), ("c", Role.MEMBER)], [Role.OWNER, Role.MEMBER]),
        ([], []),
    ],
)
def test_somebody_becomes_an_owner_where_a_ghost_was_the_last_one(
    others: list[tuple[str, Role]], then: list[Role]
) -> None:
    members = [Member(user_id="a", role=Role.OWNER), *(Member(user_id=one, role=role) for one, role in others)]
    workspace = Workspace(_id="w" * 24, version=1, name="Room", members=tuple(members))  # type: ignore[call-arg] # alias
    assert [one.role for one in without(workspace, "a")] == then
