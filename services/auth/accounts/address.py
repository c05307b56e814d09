"""Changing the address of one's account. Nobody learns from the answers who has an account."""

import contextlib
from collections.abc import Callable
from datetime import timedelta

import structlog

from services.auth.accounts import address_rules as rules
from services.auth.accounts.displacing import displace
from services.auth.accounts.mailed import Kind, find, link_unknown, owner_of
from services.auth.accounts.mails import Mails
from services.auth.accounts.quiet import at_least
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, Change, MailedLink
from services.auth.texts import address_key
from services.auth.tokens import digest, new_link_token
from services.auth.workspaces.membership import Membership
from shared.contracts.auth import SendMail
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Conflict, NotFound

log = structlog.get_logger()

_TRIES = 3


class Addresses:
    """Asks for, makes and undoes changes of address."""

    def __init__(
        self,
        *,
        users: Users,
        membership: Membership,
        mails: Mails,
        clock: Clock,
        link_life: timedelta,
        undo_life: timedelta,
        quiet_seconds: float,
    ) -> None:
        self._users = users
        self._membership = membership
        self._mails = mails
        self._clock = clock
        self._link_life = link_life
        self._undo_life = undo_life
        self._quiet_seconds = quiet_seconds

    async def ask(self, user_id: str, email: str, cause: Cause) -> None:
        """Mail a link to the new address, and a notice to the old one; the owner of a taken address is told instead.

        Raises 404 `account-not-found`, 429 `too-many-requests`, whatever the address.
        """
        async with at_least(self._quiet_seconds):
            # An unverified account is nobody's yet, and gives way to who reads the mailbox.
            holder = await self._users.by_address(address_key(email))
            taken = holder is not None and holder.verified and holder.id != user_id

            def decide(account: Account) -> Change | None:
                if account.email == email:
                    return None
                undo, notice = self._undo_link(account, "email-change-asked")
                if taken:  # the old address is told all the same: its mailbox shall not tell who has an account
                    return rules.ask(account, (undo,), (notice,), self._clock.now())
                link, mail = self._change_link(account, email)
                return rules.ask(account, (link, undo), (mail, notice), self._clock.now())

            await self._users.change(user_id, decide, cause)
            if taken and holder is not None:
                told = Change({}, (self._mails.account_exists(holder, self._clock.now()),), public=False)
                with contextlib.suppress(NotFound):  # deleted at this moment
                    await self._users.change(holder.id, lambda _: told, cause)

    async def confirm(self, token: str, cause: Cause) -> None:
        """Use the link to a new address.

        Raises 404 `link-unknown`, 410 `link-used`, 410 `link-expired`, 409 `email-taken` if somebody else has proven
        the address since.
        """
        hashed = digest(token)

        def decide(account: Account) -> Change:
            undo, notice = self._undo_link(account, "email-changed")
            return rules.confirm(account, hashed, undo, notice, self._clock.now())

        account = await self._take(token, "email-change", decide, cause)
        log.info("email_changed", user_id=account.id)

    async def undo(self, token: str, cause: Cause) -> None:
        """Use a link to an earlier address. Raises as `confirm`."""
        hashed = digest(token)

        def decide(account: Account) -> Change:
            now, token = self._clock.now(), new_link_token(account.id)
            reset = MailedLink(
                kind="password-reset", hash=digest(token), issued_at=now, expires_at=now + self._link_life
            )
            return rules.undo(
                account,
                hashed,
                reset,
                now,
                window=self._undo_life,
                asked=lambda to: self._mails.password_reset(account, to, token, reset.expires_at),
                told=lambda to: self._mails.notice(account, "email-change-undone", now, to),
            )

        account = await self._take(token, "email-undo", decide, cause)
        await self._membership.after_identity(account.id, cause)
        log.info("email_change_undone", user_id=account.id)

    async def _take(self, token: str, kind: Kind, decide: Callable[[Account], Change], cause: Cause) -> Account:
        """Change to an address that the caller has proven; an unverified account that claims it goes."""
        user_id = owner_of(token)
        for _ in range(_TRIES):
            try:
                return await self._users.change(user_id, decide, cause)
            except NotFound as exc:
                raise (link_unknown() if exc.slug == "account-not-found" else exc) from None
            except Conflict as exc:
                if exc.slug != "taken":
                    raise
                await self._displace(user_id, kind, digest(token), cause)
        raise rules.email_taken()

    async def _displace(self, user_id: str, kind: Kind, hashed: str, cause: Cause) -> None:
        """Erase the unverified account that has the link's address. Raises 409 `email-taken` for a verified one."""
        link = find(await self._users.get(user_id), kind, hashed, self._clock.now())
        await displace(self._users, link.email, self._clock, cause, taken=rules.email_taken())

    def _change_link(self, account: Account, email: str) -> tuple[MailedLink, SendMail]:
        token, now = new_link_token(account.id), self._clock.now()
        expires_at = now + self._link_life
        link = MailedLink(kind="email-change", hash=digest(token), issued_at=now, expires_at=expires_at, email=email)
        return link, self._mails.email_change(account, email, token, expires_at)

    def _undo_link(self, account: Account, template: str) -> tuple[MailedLink, SendMail]:
        token, now = new_link_token(account.id), self._clock.now()
        expires_at = now + self._undo_life
        link = MailedLink(
            kind="email-undo", hash=digest(token), issued_at=now, expires_at=expires_at, email=account.email
        )
        return link, self._mails.email_undo(account, template, account.email, token, expires_at)
