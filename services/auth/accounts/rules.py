"""What each step makes of an account. Pure; time and tokens are arguments.

An unverified account is nobody's yet: it has the credentials of its newest sign-up, and every link carries the
credentials of the sign-up that it was mailed for. The link that is used decides, so whoever signs up with
somebody else's address, before or after them, gets nothing by it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from services.auth.domain import SCHEMA, Account, Change, Identity, Link, SecurityEvent
from services.auth.tokens import same
from shared.contracts.auth import UserRegistered, UserVerified
from shared.contracts.envelope import Message
from shared.plumbing.errors import Conflict, NotFound, Problem

MAX_LINKS = 5


def new_account(
    *,
    user_id: str,
    email: str,
    email_key: str,
    display_name: str,
    locale: str,
    now: datetime,
    password: str | None = None,
    identities: tuple[Identity, ...] = (),
    verified: bool = False,
) -> dict[str, Any]:
    """The document of an account; a link comes on top as long as its address is not verified."""
    return {
        "_id": user_id,
        "schema": SCHEMA,
        "version": 1,
        "seq": 0,
        "email": email,
        "email_key": email_key,
        "display_name": display_name,
        "locale": locale,
        "password": password,
        "verified_at": now if verified else None,
        "two_factor": False,
        "roles": [],
        "identities": [one.model_dump() for one in identities],
        "links": [],
        "sessions_valid_from": now,
        "created_at": now,
        "outbox": [],
        **({"identities_changed_at": now} if identities else {}),
    }


def registered(user_id: str, method: Literal["password", "product"]) -> Message:
    """The first event of an account."""
    return UserRegistered(user_id=user_id, method=method)


def credentials(
    account: Account, password: str | None, identities: tuple[Identity, ...], now: datetime
) -> dict[str, Any]:
    """The fields that make these the ways to log in; workspaces follow the identities (`membership`)."""
    changed = {"identities_changed_at": now} if identities != account.identities else {}
    return {"password": password, "identities": [one.model_dump() for one in identities], **changed}


def new_link(
    hashed: str, expires_at: datetime, password: str | None, identities: tuple[Identity, ...] = ()
) -> dict[str, Any]:
    """A link that makes these the ways to log in."""
    return {
        "hash": hashed,
        "expires_at": expires_at,
        "used_at": None,
        "password": password,
        "identities": [one.model_dump() for one in identities],
    }


def sign_up_again(account: Account, password: str, link: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The fields of an unverified account that somebody, perhaps somebody else, signs up for once more."""
    return {**credentials(account, password, (), now), "links": with_link(account, link, now)}


def with_link(account: Account, link: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    """The account's links with one more; expired ones and the oldest beyond a handful go."""
    kept = [one.model_dump() for one in account.links if one.expires_at > now]
    return [*kept, dict(link)][-MAX_LINKS:]


def verify_by_link(account: Account, hashed: str, now: datetime) -> Change:
    """Use a link. Raises 404 `link-unknown`, 410 `link-used`, 410 `link-expired`."""
    found = next((link for link in account.links if same(link.hash, hashed)), None)
    if found is None:
        raise NotFound("link-unknown", "This link is not one of ours", "Perhaps it was cut; ask for a new one.")
    if found.used_at is not None or account.verified:
        raise Problem("link-used", 410, "This link has been used", "The address is verified: log in.")
    if found.expires_at <= now:
        raise Problem("link-expired", 410, "This link has expired", "Ask for a new one.")
    fields = {
        "verified_at": now,
        "links": _used(account.links, now),
        **credentials(account, found.password, found.identities, now),
    }
    return Change(fields, (UserVerified(user_id=account.id, method="link"),), events=_verified(account, "link"))


def verify_by_product(account: Account, now: datetime) -> Change | None:
    """Believe a trusted provider's word on the address. None if it is verified already."""
    if account.verified:
        return None
    fields = {"verified_at": now, "links": _used(account.links, now)}
    return Change(fields, (UserVerified(user_id=account.id, method="product"),), events=_verified(account, "product"))


def _verified(account: Account, method: str) -> tuple[SecurityEvent, ...]:
    return (SecurityEvent(account.id, "email-verified", {"method": method}),)


def _used(links: tuple[Link, ...], now: datetime) -> list[dict[str, Any]]:
    """Links stay known as used until they expire, without what they would have confirmed."""
    return [{"hash": link.hash, "expires_at": link.expires_at, "used_at": now} for link in links]


def change_role(account: Account, role: str, *, granted: bool) -> Change | None:
    """Give or take a role. Raises 409 `email-not-verified`: nobody acts with a role under an unproven address."""
    if granted and not account.verified:
        raise Conflict("email-not-verified", "This account's address is not verified")
    if granted == (role in account.roles):
        return None
    roles = [*account.roles, role] if granted else [one for one in account.roles if one != role]
    return Change({"roles": roles}, public=False)
