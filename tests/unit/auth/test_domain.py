"""What each step makes of an account."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.auth.accounts.rules import (
    MAX_LINKS,
    Claim,
    change_role,
    new_account,
    new_link,
    sign_up_again,
    verify_by_link,
    verify_by_product,
    with_link,
)
from services.auth.domain import OPERATOR, PUBLISHER, Account, Change, Identity
from shared.contracts.auth import UserVerified
from shared.plumbing.errors import Problem

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
EXPIRY = NOW + timedelta(hours=24)
THEIRS = Identity(provider="acme", sub="eve", linked_at=NOW)


def account(**fields: Any) -> Account:
    document = new_account(
        user_id="u" * 24,
        email="ada@example.com",
        email_key="ada@example.com",
        display_name="Ada",
        locale="en",
        now=NOW,
        password="first-hash",
    )
    return Account.model_validate(document | fields)


def after(before: Account, change: Change | None) -> Account:
    assert change is not None
    return Account.model_validate(before.model_dump(by_alias=True) | dict(change.fields))


def slug_of(call: Any) -> str:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value.slug


def test_a_link_verifies_and_tells_once() -> None:
    before = account(links=[new_link("h1", EXPIRY, Claim("first-hash"))])
    change = verify_by_link(before, "h1", LATER)
    assert change.messages == (UserVerified(user_id="u" * 24, method="link"),)
    now = after(before, change)
    assert now.verified_at == LATER
    assert now.password == "first-hash"
    assert slug_of(lambda: verify_by_link(now, "h1", LATER)) == "link-used"


def test_a_link_ends_at_its_expiry() -> None:
    before = account(links=[new_link("h1", EXPIRY, Claim("first-hash"))])
    assert slug_of(lambda: verify_by_link(before, "h1", EXPIRY)) == "link-expired"
    assert verify_by_link(before, "h1", EXPIRY - timedelta(milliseconds=1)).messages


def test_an_unknown_link_is_refused() -> None:
    before = account(links=[new_link("h1", EXPIRY, Claim("first-hash"))])
    assert slug_of(lambda: verify_by_link(before, "h2", LATER)) == "link-unknown"
    assert slug_of(lambda: verify_by_link(account(), "h1", LATER)) == "link-unknown"


def test_every_link_is_used_up_by_one() -> None:
    before = account(links=[new_link("h1", EXPIRY, Claim("first-hash")), new_link("h2", EXPIRY, Claim("second-hash"))])
    now = after(before, verify_by_link(before, "h2", LATER))
    assert now.password == "second-hash"
    assert slug_of(lambda: verify_by_link(now, "h1", LATER)) == "link-used"
    assert all(link.password is None for link in now.links)


def test_whoever_signs_up_first_with_a_foreign_address_gets_nothing_by_it() -> None:
    """The attacker signs up first; the owner signs up too, and uses the mail of that."""
    attacked = account(links=[new_link("attacker", EXPIRY, Claim("first-hash"))])
    again = sign_up_again(attacked, "owner-hash", new_link("owner", EXPIRY, Claim("owner-hash")), NOW)
    owned = after(attacked, Change(again))
    verified = after(owned, verify_by_link(owned, "owner", LATER))
    assert verified.password == "owner-hash"


def test_whoever_signs_up_second_with_a_foreign_address_gets_nothing_by_it() -> None:
    mine = account(links=[new_link("owner", EXPIRY, Claim("first-hash"))])
    attacked = after(mine, Change(sign_up_again(mine, "evil", new_link("attacker", EXPIRY, Claim("evil")), NOW)))
    verified = after(attacked, verify_by_link(attacked, "owner", LATER))
    assert verified.password == "first-hash"


def test_an_identity_that_gave_a_foreign_address_is_dropped_when_the_owner_signs_up() -> None:
    attacked = account(
        password=None,
        identities=[THEIRS.model_dump()],
        links=[new_link("attacker", EXPIRY, Claim(None, (THEIRS,)))],
    )
    fields = sign_up_again(attacked, "owner-hash", new_link("owner", EXPIRY, Claim("owner-hash")), LATER)
    assert fields["identities"] == []
    assert fields["identities_changed_at"] == LATER
    owned = after(attacked, Change(fields))
    verified = after(owned, verify_by_link(owned, "owner", LATER))
    assert verified.identities == ()


def test_a_products_newcomer_keeps_the_identity_by_the_mailed_link() -> None:
    mine = account(
        password=None, identities=[THEIRS.model_dump()], links=[new_link("h", EXPIRY, Claim(None, (THEIRS,)))]
    )
    change = verify_by_link(mine, "h", LATER)
    assert change.fields["identities"] == [THEIRS.model_dump()]
    assert "identities_changed_at" not in change.fields
    assert change.fields["password"] is None


def test_a_handful_of_links_is_kept() -> None:
    before = account(links=[new_link(f"h{n}", EXPIRY, Claim("x")) for n in range(MAX_LINKS)])
    kept = with_link(before, new_link("new", EXPIRY, Claim("x")), LATER)
    assert [link["hash"] for link in kept] == [*(f"h{n}" for n in range(1, MAX_LINKS)), "new"]
    assert [link["hash"] for link in with_link(before, new_link("new", EXPIRY, Claim("x")), EXPIRY)] == ["new"]


def test_a_trusted_product_verifies_once() -> None:
    before = account(links=[new_link("h1", EXPIRY, Claim("x"))])
    change = verify_by_product(before, LATER)
    assert change is not None
    assert change.messages == (UserVerified(user_id="u" * 24, method="product"),)
    now = after(before, change)
    assert verify_by_product(now, LATER) is None
    assert slug_of(lambda: verify_by_link(now, "h1", LATER)) == "link-used"


def test_roles_are_given_and_taken_once() -> None:
    verified = account(verified_at=NOW)
    granted = after(verified, change_role(verified, PUBLISHER, granted=True))
    assert granted.roles == ("publisher",)
    assert change_role(granted, PUBLISHER, granted=True) is None
    both = after(granted, change_role(granted, OPERATOR, granted=True))
    assert after(both, change_role(both, PUBLISHER, granted=False)).roles == ("operator",)
    assert change_role(verified, PUBLISHER, granted=False) is None


def test_nobody_gets_a_role_under_an_unproven_address() -> None:
    assert slug_of(lambda: change_role(account(), OPERATOR, granted=True)) == "email-not-verified"


def test_secrets_are_not_in_what_is_printed() -> None:
    shown = repr(account(links=[new_link("h1-secret", EXPIRY, Claim("pw-secret"))]))
    for secret in ("h1-secret", "pw-secret", "first-hash", "ada@example.com"):
        assert secret not in shown


def test_unknown_fields_of_newer_releases_are_no_obstacle() -> None:
    newer: Mapping[str, Any] = {"passkeys": [{"id": "x"}]}
    assert account(**newer).email == "ada@example.com"
