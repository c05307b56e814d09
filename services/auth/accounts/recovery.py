"""Another password: for somebody who has lost it, and for somebody who is logged in."""

import contextlib
from datetime import timedelta

import structlog

from services.auth.accounts import password_rules as rules
from services.auth.accounts.mailed import find, link_unknown, owner_of
from services.auth.accounts.mails import Mails
from services.auth.accounts.passwords import Passwords
from services.auth.accounts.quiet import at_least
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, Change, MailedLink
from services.auth.texts import address_key
from services.auth.tokens import digest, new_link_token
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Conflict, Forbidden, NotFound

log = structlog.get_logger()


class Recovery:
    """Sets passwords."""

    def __init__(
        self,
        *,
        users: Users,
        passwords: Passwords,
        mails: Mails,
        clock: Clock,
        link_life: timedelta,
        quiet_seconds: float,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._mails = mails
        self._clock = clock
        self._link_life = link_life
        self._quiet_seconds = quiet_seconds

    async def ask(self, email: str, cause: Cause) -> None:
        """Mail a link, if there is a verified account; who logs in by a product alone is told so, by mail."""

        def decide(account: Account) -> Change | None:
            now = self._clock.now()
            if not account.verified:
                return None
            if rules.has_only_products(account):
                return Change({}, (self._mails.notice(account, "password-at-product", now),), public=False)
            token, expires_at = new_link_token(account.id), now + self._link_life
            link = MailedLink(kind="password-reset", hash=digest(token), issued_at=now, expires_at=expires_at)
            return rules.ask(account, link, self._mails.password_reset(account, account.email, token, expires_at), now)

        async with at_least(self._quiet_seconds):
            known = await self._users.by_address(address_key(email))
            if known is not None:
                with contextlib.suppress(NotFound):  # deleted at this moment
                    await self._users.change(known.id, decide, cause)

    async def reset(self, token: str, password: str, cause: Cause) -> None:
        """Use a mailed link. Raises 404 `link-unknown`, 410 `link-used`, 410 `link-expired`, 503 `too-busy`."""
        owner, link = owner_of(token), digest(token)
        account = await self._users.by_id(owner, standing=True)
        if account is None:
            raise link_unknown()
        find(account, "password-reset", link, self._clock.now())  # a made-up link is not worth a hash
        hashed = await self._passwords.hash(password)

        def decide(newest: Account) -> Change:
            now = self._clock.now()
            return rules.reset(newest, link, hashed, self._mails.notice(newest, "password-changed", now), now)

        await self._users.change(owner, decide, cause)
        log.info("password_reset", user_id=owner)

    async def change(self, user_id: str, current: str | None, new: str, cause: Cause) -> Account:
        """Set the password of somebody logged in, whose sessions end.

        Raises 403 `current-password-wrong`, also where it is missing and there is one; 409 `password-not-set` if one is
        given and there is none; 409 `changed-meanwhile`, 503 `too-busy`, 404 `account-not-found`.
        """
        account = await self._users.get(user_id)
        before = account.password
        if before is not None and (current is None or not await self._passwords.verify(before, current)):
            log.info("password_change_refused", user_id=user_id)
            raise Forbidden("current-password-wrong", "The current password is wrong", "Or it is missing.")
        if before is None and current is not None:
            # Whoever gives one believes that it protects the account: better they learn now that it never did.
            detail = "There is no current password to give. Leave it out to set a first one."
            raise Conflict("password-not-set", "Your account has no password", detail)
        hashed = await self._passwords.hash(new)

        def decide(newest: Account) -> Change:
            now = self._clock.now()
            return rules.change(newest, before, hashed, self._mails.notice(newest, "password-changed", now), now)

        changed = await self._users.change(user_id, decide, cause)
        log.info("password_changed", user_id=user_id)
        return changed
