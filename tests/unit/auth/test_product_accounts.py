"""What logging in, adding and removing product accounts makes of an account."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.auth.accounts.rules import new_account
from services.auth.domain import Account, Change, Identity
from services.auth.login import rules
from shared.plumbing.errors import Problem

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def identity(sub: str = "ada", provider: str = "acme", **more: Any) -> Identity:
    return Identity(provider=provider, sub=sub, linked_at=NOW, **more)


def account(*identities: Identity, verified: bool = True, **more: Any) -> Account:
    document = new_account(
        user_id="a" * 24,
        email="ada@example.com",
        email_key="ada@example.com",
        display_name="Ada",
        locale="en",
        now=NOW,
        identities=identities,
        verified=verified,
    )
    return Account.model_validate(document | more)


def after(before: Account, change: Change | None) -> Account:
    assert change is not None
    return Account.model_validate(before.model_dump(by_alias=True) | dict(change.fields))


def refusal(act: Any) -> str:
    with pytest.raises(Problem) as caught:
        act()
    return caught.value.slug


def test_a_log_in_keeps_what_was_told_and_when() -> None:
    before = account(identity(), identity("b"))
    later = NOW + timedelta(days=1)
    seen = identity(region="uk", address="https://ada.acme.example")
    change = rules.logged_in(before, seen, vouched=False, now=later)
    assert change is not None
    assert (change.messages, change.public, change.events) == ((), False, ())
    first, second = after(before, change).identities
    assert (first.used_at, first.region, first.address, first.linked_at) == (later, seen.region, seen.address, NOW)
    assert second == identity("b")
    assert rules.logged_in(account(), seen, vouched=True, now=later) is None  # removed meanwhile


def test_a_second_factor_at_the_product_counts_until_a_log_in_without_one() -> None:
    before = account(identity(), identity("b"))
    change = rules.logged_in(before, identity(), vouched=True, now=NOW)
    on = after(before, change)
    assert change is not None
    assert (on.protected, on.two_factor, change.public) == (True, False, True)
    assert [message.model_dump() for message in change.messages] == [{"user_id": "a" * 24, "enabled": True}]
    assert [event.kind for event in change.events] == ["two-factor-on"]

    again = rules.logged_in(on, identity(), vouched=True, now=NOW)
    assert again is not None
    assert (again.messages, again.public) == ((), False)

    change = rules.logged_in(on, identity("b"), vouched=False, now=NOW)
    assert change is not None
    assert not after(on, change).protected
    assert [message.model_dump()["enabled"] for message in change.messages] == [False]


def test_an_own_second_factor_stands_whatever_a_product_says() -> None:
    before = account(identity(), two_factor=True, vouched_by=identity().id)
    change = rules.logged_in(before, identity(), vouched=False, now=NOW)
    assert change is not None
    assert (after(before, change).protected, change.messages, change.public) == (True, (), False)


def test_an_account_has_each_identity_once_and_a_bounded_number() -> None:
    full = account(*(identity(str(number)) for number in range(rules.MAX_IDENTITIES)))
    assert rules.add(full, identity("0"), NOW) is None
    assert refusal(lambda: rules.add(full, identity("new"), NOW)) == "too-many-product-accounts"
    change = rules.add(account(), identity("new"), NOW)
    assert after(account(), change).identities == (identity("new"),)
    assert change is not None
    assert (change.fields["identities_changed_at"], [one.kind for one in change.events]) == (
        NOW,
        ["product-account-added"],
    )


@pytest.mark.parametrize(
    ("identities", "password", "passwords", "allowed"),
    [
        (("ada",), None, True, False),
        (("ada",), "hash", True, True),
        (("ada",), "hash", False, False),  # a password that opens nothing
        (("ada", "b"), None, False, True),
    ],
)
def test_the_last_way_to_log_in_stays(
    identities: tuple[str, ...], password: str | None, passwords: bool, allowed: bool
) -> None:
    before = account(*(identity(one) for one in identities), password=password)

    def remove() -> Change:
        return rules.remove(before, identity().id, NOW, passwords=passwords)

    if not allowed:
        assert refusal(remove) == "last-way-to-log-in"
    else:
        assert [one.sub for one in after(before, remove()).identities] == [one for one in identities if one != "ada"]


def test_a_removed_product_account_vouches_no_more() -> None:
    before = account(identity(), identity("b"), vouched_by=identity().id)
    change = rules.remove(before, identity().id, NOW, passwords=True)
    assert not after(before, change).protected
    assert change.public
    assert [event.kind for event in change.events] == ["two-factor-off", "product-account-removed"]
    kept = rules.remove(before, identity("b").id, NOW, passwords=True)
    assert after(before, kept).protected


def test_what_one_does_not_have_cannot_be_removed() -> None:
    assert refusal(lambda: rules.remove(account(identity()), "f" * 24, NOW, passwords=True)) == (
        "product-account-not-found"
    )


def test_an_identity_is_taken_from_nobody_but_an_account_that_is_nobodys() -> None:
    link = {"hash": "h", "expires_at": NOW, "used_at": None, "identities": [identity().model_dump()]}
    nobodys = account(identity(), identity("b"), verified=False, links=[link])
    left = after(nobodys, rules.released(nobodys, identity(), NOW))
    assert ([one.sub for one in left.identities], left.links) == (["b"], ())
    assert rules.released(account(verified=False), identity(), NOW) is None
    assert refusal(lambda: rules.released(account(identity()), identity(), NOW)) == "product-account-taken"


def test_ids_of_identities_tell_them_apart() -> None:
    ids = {identity(sub, provider).id for sub in ("a", "b") for provider in ("acme", "other")}
    assert len(ids) == 4
    assert identity("a", "acme").id == identity("a", "acme", region="eu").id
