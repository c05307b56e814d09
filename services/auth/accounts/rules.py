"""What each step makes of an account. Pure; time and tokens are arguments.

An unverified account is nobody's yet: it has the credentials of its newest sign-up, and every link carries the
credentials of the sign-up that it was mailed for. The link that is used decides, so whoever signs up with
somebody else's address, before or after them, gets nothing by it. A link that is asked for again belongs to no
sign-up in particular: where several asked for the address, it proves the address and brings no credentials.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from services.auth.domain import SCHEMA, Account, Change, Identity, Link, SecurityEvent, SecurityKind
from services.auth.tokens import same
from shared.contracts.auth import UserRegistered, UserVerified
from shared.contracts.envelope import Message
from shared.plumbing.errors import Conflict, NotFound, Problem

MAX_LINKS = 20
"""So many that a few foreign sign-ups do not push out the owner's own link."""


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


@dataclass(frozen=True, slots=True)
class Claim:
    """What a link makes of the account whose address it proves: what its sign-up stated."""

    password: str | None = field(default=None, repr=False)
    identities: tuple[Identity, ...] = ()
    display_name: str | None = None
    locale: str | None = None
    return_to: str | None = None


def new_link(hashed: str, expires_at: datetime, claim: Claim) -> dict[str, Any]:
    """A link that makes the claim come true."""
    return {
        "hash": hashed,
        "expires_at": expires_at,
        "used_at": None,
        "password": claim.password,
        "identities": [one.model_dump() for one in claim.identities],
        "display_name": claim.display_name,
        "locale": claim.locale,
        "return_to": claim.return_to,
    }


def claim_of_resent(account: Account, now: datetime) -> Claim:
    """What a link brings that somebody asks for once more, who may be any of those who signed up."""
    opened = [link for link in account.links if link.used_at is None and link.expires_at > now]
    if account.contested or any(_differ(account, link.password, link.identities) for link in opened):
        return Claim(display_name="")
    newest = opened[-1] if opened else None
    if newest is None:
        return Claim(account.password, account.identities)
    return Claim(account.password, account.identities, newest.display_name, newest.locale, newest.return_to)


def sign_up_again(
    account: Account,
    password: str | None,
    link: Mapping[str, Any] | None,
    now: datetime,
    identities: tuple[Identity, ...] = (),
) -> dict[str, Any]:
    """The fields of an unverified account that somebody, perhaps somebody else, signs up for once more.

    Kept apart from the links, which expire: that sign-ups differed.
    """
    fields = credentials(account, password, identities, now)
    if _differ(account, password, identities):
        fields["contested"] = True
    return fields if link is None else {**fields, "links": with_link(account, link, now)}


def came_for(account: Account, hashed: str) -> str | None:
    """The path that the sign-up behind this link came for."""
    return next((link.return_to for link in account.links if same(link.hash, hashed)), None)


def has_link(account: Account, identity: Identity, now: datetime) -> bool:
    """Whether a link that can be used makes this identity a way to log in."""
    opened = (link for link in account.links if link.used_at is None and link.expires_at > now)
    return any(identity.id == one.id for link in opened for one in link.identities)


def coming_for(account: Account, identity: Identity, return_to: str) -> Change | None:
    """The open links of this identity lead there once used. None if they do."""
    links = [
        link.model_copy(update={"return_to": return_to})
        if link.used_at is None and identity.id in {one.id for one in link.identities}
        else link
        for link in account.links
    ]
    if tuple(links) == account.links:
        return None
    return Change({"links": [link.model_dump() for link in links]}, public=False)


def _differ(account: Account, password: str | None, identities: tuple[Identity, ...]) -> bool:
    return account.password != password or {one.id for one in account.identities} != {one.id for one in identities}


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
        **{name: told for name in ("display_name", "locale") if (told := getattr(found, name)) is not None},
    }
    return Change(fields, (UserVerified(user_id=account.id, method="link"),), events=_verified(account, "link"))


def verify_by_product(account: Account, now: datetime) -> Change | None:
    """Believe a trusted provider's word on the address. None if it is verified already."""
    if account.verified:
        return None
    fields = {"verified_at": now, "links": _used(account.links, now)}
    return Change(fields, (UserVerified(user_id=account.id, method="product"),), events=_verified(account, "product"))


def _verified(account: Account, method: str) -> tuple[SecurityEvent, ...]:
    return (SecurityEvent(account.id, SecurityKind.EMAIL_VERIFIED, {"method": method}),)


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
