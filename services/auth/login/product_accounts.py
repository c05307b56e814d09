"""Accounts of people whom a product's log-in brings."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from services.auth.accounts.accounts import refuse_unverified, unverified
from services.auth.accounts.displacing import displace
from services.auth.accounts.links import Links
from services.auth.accounts.quiet import at_least
from services.auth.accounts.rules import (
    Claim,
    coming_for,
    has_link,
    new_account,
    registered,
    sign_up_again,
    verify_by_product,
)
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, Change, Identity
from services.auth.login import rules
from services.auth.texts import address_key
from services.auth.tokens import new_id
from services.auth.workspaces.membership import Membership
from shared.contracts.auth import UserVerified
from shared.contracts.envelope import Message
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Conflict, NotFound

log = structlog.get_logger()

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What the product says of somebody, validated. `proven`: its word on the address counts.

    `vouched`: it says that they have used a second factor, and its word counts.
    """

    identity: Identity
    email: str
    display_name: str
    locale: str
    proven: bool
    vouched: bool = False


class ProductAccounts:
    """Finds or makes the account of an identity, and moves identities."""

    def __init__(
        self,
        users: Users,
        membership: Membership,
        links: Links,
        clock: Clock,
        *,
        passwords: bool,
        quiet_seconds: float,
    ) -> None:
        """`passwords`: whether accounts can be entered by a password of ours."""
        self._users = users
        self._membership = membership
        self._links = links
        self._clock = clock
        self._passwords = passwords
        self._quiet_seconds = quiet_seconds

    async def arrive(
        self, newcomer: Newcomer, cause: Cause, return_to: str | None, may_mail: Callable[[], None]
    ) -> Account:
        """The verified account of this identity, made at its first visit; the mailed link leads on to `return_to`.

        An unverified account that has the address gives way to somebody whose address is proven. Raises 409
        `email-taken`: another account that has it is never linked by the product's word alone; 403
        `email-not-verified` until the mailed link is used, and also for an address that is not proven and has an
        account; 401 `login-refused` if the identity is removed meanwhile; what `may_mail` raises if we write to an
        address too often.
        """
        who = newcomer.identity
        account = await self._users.by_identity(who.provider, who.sub)
        if account is None and newcomer.proven:
            account = await self._make_or_find(newcomer, cause, return_to)
        elif account is None or (not newcomer.proven and self._needs_link(account, who)):
            may_mail()
            async with at_least(self._quiet_seconds):
                account = await self._claim(newcomer, account, cause, return_to)
        elif return_to is not None and not account.verified:
            account = await self._users.change(account.id, lambda newest: coming_for(newest, who, return_to), cause)
        if newcomer.proven and not account.verified and address_key(newcomer.email) == account.email_key:
            account = await self._users.change(
                account.id, lambda newest: verify_by_product(newest, self._clock.now()), cause
            )
            log.info("email_verified", user_id=account.id, method="product")
        refuse_unverified(account)
        account = await self._users.change(
            account.id,
            lambda newest: rules.logged_in(newest, who, vouched=newcomer.vouched, now=self._clock.now()),
            cause,
        )
        rules.refuse_removed(account, who)
        return account

    async def add(self, user_id: str, identity: Identity, cause: Cause) -> Account:
        """One more way to log in to this account, and what roles its workspaces give.

        Raises 409 `product-account-taken`, 409 `too-many-product-accounts`.
        """
        holder = await self._users.by_identity(identity.provider, identity.sub)
        if holder is not None and holder.id != user_id:
            await self._users.change(holder.id, lambda one: rules.released(one, identity, self._clock.now()), cause)
            await self._membership.after_identity(holder.id, cause)
        try:
            account = await self._users.change(
                user_id,
                lambda newest: self._told(
                    newest, "product-account-added", rules.add(newest, identity, self._clock.now())
                ),
                cause,
            )
        except Conflict as conflict:
            if conflict.slug == "taken":  # by a log-in at the same moment
                raise rules.taken() from None
            raise
        await self._membership.after_identity(user_id, cause)
        log.info("product_account_added", user_id=user_id, provider=identity.provider)
        return account

    async def remove(self, user_id: str, identity_id: str, cause: Cause) -> Account:
        """One way to log in less; the roles that it gave go with it.

        Raises 404 `product-account-not-found`, 409 `last-way-to-log-in`.
        """
        account = await self._users.change(
            user_id,
            lambda newest: self._told(
                newest,
                "product-account-removed",
                rules.remove(newest, identity_id, self._clock.now(), passwords=self._passwords),
            ),
            cause,
        )
        await self._membership.after_identity(user_id, cause)
        log.info("product_account_removed", user_id=user_id)
        return account

    def is_last_way(self, account: Account) -> bool:
        """Whether `remove` would refuse."""
        return rules.is_last_way(account, passwords=self._passwords)

    def _told(self, account: Account, kind: str, change: Change | None) -> Change | None:
        """The change, of which the owner hears by mail."""
        if change is None:
            return None
        notice = self._links.mails.security_notice(account, kind, self._clock.now())
        return replace(change, messages=(*change.messages, notice))

    async def _make_or_find(self, newcomer: Newcomer, cause: Cause, return_to: str | None) -> Account:
        who = newcomer.identity
        for _ in range(_TRIES):
            found = await self._create(newcomer, cause, return_to) or await self._users.by_identity(
                who.provider, who.sub
            )
            if found is not None:
                return found
            await displace(self._users, newcomer.email, self._clock, cause, taken=rules.email_taken())
        raise rules.email_taken()

    def _needs_link(self, account: Account, who: Identity) -> bool:
        return not account.verified and not has_link(account, who, self._clock.now())

    async def _claim(self, newcomer: Newcomer, holder: Account | None, cause: Cause, return_to: str | None) -> Account:
        """As a sign-up: whose the address is, only its mailbox is told. Raises 403 `email-not-verified`.

        `holder`: the account that the identity would log in to, if its address were proven.
        """
        who = newcomer.identity
        if holder is None:
            made = await self._create(newcomer, cause, return_to)
            found = made or await self._users.by_identity(who.provider, who.sub)
            if found is not None:
                return found
            holder = await self._users.by_address(address_key(newcomer.email))
        claim = Claim(None, (who,), newcomer.display_name, newcomer.locale, return_to)

        def decide(account: Account) -> Change:
            now = self._clock.now()
            if account.verified:
                return Change({}, (self._links.mails.account_exists(account, now),), public=False)
            link, mail = self._links.make(account, claim)
            return Change(sign_up_again(account, None, link, now, (who,)), (mail,), public=False)

        if holder is not None:
            with contextlib.suppress(NotFound):  # deleted at this moment; the next log-in makes an account
                await self._users.change(holder.id, decide, cause)
                await self._membership.after_identity(holder.id, cause)
        raise unverified()

    async def _create(self, newcomer: Newcomer, cause: Cause, return_to: str | None) -> Account | None:
        """None if identity or address have an account already."""
        document = new_account(
            user_id=new_id(),
            email=newcomer.email,
            email_key=address_key(newcomer.email),
            display_name=newcomer.display_name,
            locale=newcomer.locale,
            now=self._clock.now(),
            identities=(newcomer.identity,),
            verified=newcomer.proven,
        )
        account = self._users.read(document)
        second: Message = UserVerified(user_id=account.id, method="product")
        if not newcomer.proven:
            claim = Claim(None, account.identities, account.display_name, account.locale, return_to)
            link, second = self._links.make(account, claim)
            document["links"] = [link]
        if not await self._users.insert(document, (registered(account.id, "product"), second), cause):
            return None
        await self._membership.after_identity(account.id, cause)
        log.info("account_registered", user_id=account.id, method="product", provider=newcomer.identity.provider)
        return account
