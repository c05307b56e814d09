"""What logging in, adding and removing product accounts makes of an account. Pure.

An identity belongs to one account: the unique index says so, whatever two log-ins do at the same time.
"""

from collections.abc import Sequence
from datetime import datetime

from services.auth.domain import SECOND_FACTOR, Account, Change, Identity, SecurityEvent, SecurityKind
from shared.contracts.auth import TwoFactorChanged
from shared.contracts.envelope import Message
from shared.plumbing.errors import Conflict, Forbidden, NotFound, Unauthorized

MAX_IDENTITIES = 20


def logged_in(account: Account, seen: Identity, *, vouched: bool, now: datetime) -> Change | None:
    """Keep what the provider told at this log-in. None if the account has the identity no more."""
    if not any(one.id == seen.id for one in account.identities):
        return None
    told = {"used_at": now, "region": seen.region, "address": seen.address}
    identities = [
        (one.model_copy(update=told) if one.id == seen.id else one).model_dump() for one in account.identities
    ]
    return vouch(account, seen.id if vouched else None, {"identities": identities})


def vouch(account: Account, identity_id: str | None, fields: dict[str, object]) -> Change:
    """Note who vouches for a second factor since the newest log-in, with other fields of the same write."""
    change = Change({**fields, "vouched_by": identity_id}, public=False)
    after = bool(fields.get("two_factor", account.two_factor)) or identity_id is not None
    if after == account.protected:
        return change
    told: tuple[Message, ...] = (TwoFactorChanged(user_id=account.id, enabled=after),)
    how = "address-undone" if "two_factor" in fields else "product"
    event = SecurityEvent(
        account.id, SecurityKind.TWO_FACTOR_ON if after else SecurityKind.TWO_FACTOR_OFF, {"method": how}
    )
    return Change(change.fields, told, events=(event,))


def add(account: Account, identity: Identity, now: datetime) -> Change | None:
    """One more way to log in. None if the account has it. Raises 409 `too-many-product-accounts`."""
    if any(one.id == identity.id for one in account.identities):
        return None
    if len(account.identities) >= MAX_IDENTITIES:
        raise Conflict(
            "too-many-product-accounts",
            "This account has as many product accounts as it can",
            "Remove one first.",
            most=MAX_IDENTITIES,
        )
    identities = [one.model_dump() for one in (*account.identities, identity)]
    return Change(
        {"identities": identities, "identities_changed_at": now},
        public=False,
        events=(SecurityEvent(account.id, SecurityKind.PRODUCT_ACCOUNT_ADDED, {"provider": identity.provider}),),
    )


def find(account: Account, identity_id: str) -> Identity:
    """Raises 404 `product-account-not-found`."""
    found = next((one for one in account.identities if one.id == identity_id), None)
    if found is None:
        raise NotFound("product-account-not-found", "You have no such product account")
    return found


def is_last_way(account: Account, *, passwords: bool) -> bool:
    """Whether nobody could log in without this account's only identity; `passwords`: whether one would do."""
    return len(account.identities) == 1 and not (passwords and account.password is not None)


def remove(account: Account, identity_id: str, now: datetime, *, passwords: bool) -> Change:
    """One way less, and nothing that was opened before by any way goes on; the caller's own session is to be spared.

    So a log-in by it that is under way opens nothing. Raises 404 `product-account-not-found`, 409
    `last-way-to-log-in`.
    """
    gone = find(account, identity_id)
    if is_last_way(account, passwords=passwords):
        raise Conflict(
            "last-way-to-log-in",
            "Nobody could log in to this account without it",
            "Add another product account first" + (", or set a password." if passwords else "."),
        )
    fields = {
        "identities": [one.model_dump() for one in account.identities if one.id != identity_id],
        "identities_changed_at": now,
        "sessions_valid_from": now,
    }
    kept = None if account.vouched_by == identity_id else account.vouched_by
    change = vouch(account, kept, fields)
    removed = SecurityEvent(account.id, SecurityKind.PRODUCT_ACCOUNT_REMOVED, {"provider": gone.provider})
    return Change(change.fields, change.messages, change.public, (*change.events, removed))


def released(account: Account, identity: Identity, now: datetime) -> Change | None:
    """Leave an identity to whoever has just logged in by it. None if the account does not have it.

    An unverified account is nobody's yet, and its links would bring the identity back. Raises 409
    `product-account-taken` for an account that is somebody's.
    """
    if not any(one.id == identity.id for one in account.identities):
        return None
    if account.verified:
        raise taken()
    kept = [one.model_dump() for one in account.identities if one.id != identity.id]
    return Change({"identities": kept, "links": [], "identities_changed_at": now}, public=False)


def taken() -> Conflict:
    """One identity, one account."""
    return Conflict(
        "product-account-taken",
        "This product account belongs to another account here",
        "Log in with it, and remove it there first.",
    )


def email_taken() -> Conflict:
    """Who comes from a product for the first time with the address of an account."""
    return Conflict(
        "email-taken",
        "Another account has this address",
        "Log in to that account, and add this product account there.",
    )


def refuse_removed(account: Account, identity: Identity) -> None:
    """For a log-in on whose way its product account was removed. Raises 401 `login-refused`."""
    if not any(one.id == identity.id for one in account.identities):
        raise Unauthorized("login-refused", "This product account was removed at the same time", "Start again.")


def refuse_one_factor(account: Account, amr: Sequence[str]) -> None:
    """For a step-up of an account with a second factor of its own. Raises 403 `code-needed`."""
    if account.two_factor and SECOND_FACTOR not in amr:
        raise Forbidden("code-needed", "Your account has a second factor", "Give a code of your device.")


def refuse_another(account: Account, identity: Identity) -> None:
    """For a step-up. Raises 403 `other-account`."""
    if not any(one.id == identity.id for one in account.identities):
        raise Forbidden(
            "other-account", "You logged in as somebody else", "Use a product account that belongs to this account."
        )
