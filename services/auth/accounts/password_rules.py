"""Setting another password: by a mailed link, or by somebody logged in. Pure."""

from datetime import datetime

from services.auth.accounts.mailed import ended, find, stored, with_links
from services.auth.domain import Account, Change, MailedLink, SecurityEvent, SecurityKind
from shared.contracts.auth import SendMail
from shared.plumbing.errors import Conflict


def ask(account: Account, link: MailedLink, mail: SendMail, now: datetime) -> Change:
    """Note a link that sets a password."""
    return Change(
        {"mailed": with_links(account, link, now=now)},
        (mail,),
        public=False,
        events=(SecurityEvent(account.id, SecurityKind.PASSWORD_RESET_ASKED),),
    )


def has_only_products(account: Account) -> bool:
    """Whether somebody logs in by a product alone: who reads the mailbox then gets no password by it."""
    return account.password is None and bool(account.identities)


def reset(account: Account, hashed: str, password: str, told: SendMail, now: datetime) -> Change:
    """Use a link. Nobody is logged in any more, and no other link counts but those that undo a change of address.

    A second factor stays on: the mailbox is one factor, and not both. Raises as `mailed.find`.
    """
    find(account, "password-reset", hashed, now)
    return Change(
        {
            "password": password,
            "sessions_valid_from": now,
            "mailed": stored(ended(account.mailed, ("password-reset", "email-change"), now)),
        },
        (told,),
        public=False,
        events=(SecurityEvent(account.id, SecurityKind.PASSWORD_RESET),),
    )


def change(account: Account, before: str | None, password: str, told: SendMail, now: datetime) -> Change:
    """Replace the password `before`, which the owner has just given. Raises 409 `changed-meanwhile`."""
    if account.password != before:
        raise Conflict("changed-meanwhile", "Your password was changed at the same time", "Look who it was.")
    kind = SecurityKind.PASSWORD_CHANGED if before is not None else SecurityKind.PASSWORD_SET
    return Change(
        {
            "password": password,
            "sessions_valid_from": now,
            "mailed": stored(ended(account.mailed, ("password-reset",), now)),
        },
        (told,),
        public=False,
        events=(SecurityEvent(account.id, kind),),
    )
