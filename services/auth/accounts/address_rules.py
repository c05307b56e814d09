"""Changing the address of an account: asked for by its owner, done by who reads the new mailbox, undone by the old.

The old address is told at once and when it has happened, each time with a link that takes the change back: whoever
holds a session, or the new mailbox, may not be the owner. Pure.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from services.auth.accounts.mailed import ended, find, stored, with_links
from services.auth.domain import Account, Change, MailedLink, SecurityEvent, SecurityKind
from services.auth.login.rules import vouch
from services.auth.texts import address_key
from shared.contracts.auth import SendMail
from shared.plumbing.errors import Conflict, TooMany

MAX_UNDOS = 20
"""Links that undo are never pushed out by newer ones, so they end the asking."""

BEGINNING = timedelta(minutes=1)
"""What was linked so soon after the account was made, it was made with."""

Mail = Callable[[str], SendMail]
"""Writes to an address."""


def ask(account: Account, links: tuple[MailedLink, ...], mails: tuple[SendMail, ...], now: datetime) -> Change:
    """Note the links to the new address, if it is free, and to the old one. Raises 429 `too-many-requests`."""
    undos = [one.expires_at for one in account.mailed if one.kind == "email-undo" and one.expires_at > now]
    if len(undos) >= MAX_UNDOS:
        wait = (min(undos) - now) / timedelta(seconds=1)
        raise TooMany("too-many-requests", "Your address has been changed often enough", retry_after=wait)
    return Change(
        {"mailed": with_links(account, *links, now=now)},
        mails,
        public=False,
        events=(SecurityEvent(account.id, SecurityKind.EMAIL_CHANGE_ASKED),),
    )


def confirm(account: Account, hashed: str, undo: MailedLink, told: SendMail, now: datetime) -> Change:
    """The link to the new address is used: it is the account's. The old one is told, with the link `undo`.

    What was mailed to the old address, to set a password, counts no more. Raises as `find`.
    """
    link = find(account, "email-change", hashed, now)
    links = ended(account.mailed, ("email-change", "password-reset"), now)
    replaced = account.model_copy(update={"mailed": tuple(links)})
    return Change(
        {
            "email": link.email,
            "email_key": address_key(link.email),
            "mailed": with_links(replaced, undo, now=now),
        },
        (told,),
        events=(SecurityEvent(account.id, SecurityKind.EMAIL_CHANGED),),
    )


def undo(
    account: Account, hashed: str, reset: MailedLink, now: datetime, *, window: timedelta, asked: Mail, told: Mail
) -> Change:
    """An earlier address is the account's again, and nobody is logged in.

    Whoever changed it knew how to log in. So the password counts no more, nor what was added since, or within
    `window` before, when they may have prepared it: product accounts, but for those that the account began with, and
    a second factor, which would lock out the owner. Nor do links; those that undo an earlier change stay. `asked`
    writes to the owner, with the link `reset` for another password; `told` to the address that goes. Raises as `find`.
    """
    link = find(account, "email-undo", hashed, now)
    earlier = [one for one in account.mailed if one.kind == "email-undo" and one.issued_at < link.issued_at]
    links = [one if one in earlier else ended([one], [one.kind], now)[0] for one in account.mailed]
    undone = account.model_copy(update={"mailed": tuple(links)})
    owners_until = link.issued_at - window
    began_until = min(account.created_at + BEGINNING, link.issued_at)
    kept = [one for one in account.identities if one.linked_at <= max(owners_until, began_until)]
    needs_password = account.password is not None or not kept
    moved = account.email_key != address_key(link.email)
    fields: dict[str, object] = {
        "email": link.email,
        "email_key": address_key(link.email),
        "password": None,
        "sessions_valid_from": now,
        "enrolment": None,
        "mailed": with_links(undone, reset, now=now) if needs_password else stored(links),
    }
    if len(kept) < len(account.identities):
        fields |= {"identities": [one.model_dump() for one in kept], "identities_changed_at": now}
    if account.second_factor is not None and account.second_factor.enabled_at > owners_until:
        fields |= {"two_factor": False, "second_factor": None}
    # Who is out of the account vouches for no second factor of it.
    change = vouch(account, account.vouched_by if account.vouched_by in {one.id for one in kept} else None, fields)
    mails = (*((asked(link.email),) if needs_password else ()), *((told(account.email),) if moved else ()))
    events = (*change.events, SecurityEvent(account.id, SecurityKind.EMAIL_CHANGE_UNDONE))
    return Change(change.fields, (*change.messages, *mails), events=events)


def email_taken() -> Conflict:
    """Somebody else has proven the address meanwhile."""
    return Conflict("email-taken", "Another account has this address", "Ask to change to another one.")
