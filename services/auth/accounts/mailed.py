"""Links that were mailed to a verified account: each is used once, for one thing, before it expires. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from services.auth.domain import Account, MailedLink
from services.auth.tokens import link_owner, same
from shared.plumbing.errors import NotFound, Problem

Kind = Literal["email-change", "email-undo", "password-reset"]
MAX_OF_A_KIND = 5
"""What somebody asks for again and again pushes out the oldest; links that undo are counted elsewhere."""


def owner_of(token: str) -> str:
    """Whose link this claims to be. Raises 404 `link-unknown` for what no link of ours looks like."""
    owner = link_owner(token)
    if owner is None:
        raise link_unknown()
    return owner


def find(account: Account, kind: Kind, hashed: str, now: datetime) -> MailedLink:
    """The link, if it may be used now. Raises 404 `link-unknown`, 410 `link-used`, 410 `link-expired`."""
    found = next((one for one in account.mailed if one.kind == kind and same(one.hash, hashed)), None)
    if found is None:
        raise link_unknown()
    if found.used_at is not None:
        raise Problem("link-used", 410, "This link has been used", "Or something else has ended it; ask for a new one.")
    if found.expires_at <= now:
        raise Problem("link-expired", 410, "This link has expired", "Ask for a new one.")
    return found


def with_links(account: Account, *links: MailedLink, now: datetime) -> list[dict[str, Any]]:
    """The account's links and these; expired ones go, and of each kind but those that undo the oldest."""
    kept = [one for one in (*account.mailed, *links) if one.expires_at > now]
    for kind in ("email-change", "password-reset"):
        surplus = [one for one in kept if one.kind == kind][:-MAX_OF_A_KIND]
        kept = [one for one in kept if one not in surplus]
    return stored(kept)


def ended(links: Iterable[MailedLink], kinds: Sequence[Kind], now: datetime) -> list[MailedLink]:
    """The links, of which those of these kinds cannot be used any more."""
    return [
        one.model_copy(update={"used_at": now, "email": ""}) if one.kind in kinds and one.used_at is None else one
        for one in links
    ]


def stored(links: Iterable[MailedLink]) -> list[dict[str, Any]]:
    """As they stand in the account's document."""
    return [one.model_dump() for one in links]


def link_unknown() -> NotFound:
    """Also for a link of an account that is gone."""
    return NotFound("link-unknown", "This link is not one of ours", "Perhaps it was cut; ask for a new one.")
