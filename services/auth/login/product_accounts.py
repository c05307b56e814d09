"""Accounts of people whom a product's log-in brings."""

from dataclasses import dataclass

import structlog

from services.auth.accounts.accounts import refuse_unverified
from services.auth.accounts.links import Links
from services.auth.accounts.rules import new_account, registered, verify_by_product
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, Identity
from services.auth.texts import address_key
from services.auth.tokens import new_id
from services.auth.workspaces.membership import Membership
from shared.contracts.auth import UserVerified
from shared.contracts.envelope import Message
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Conflict

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What the product says of somebody, validated. `proven`: its word on the address counts."""

    identity: Identity
    email: str
    display_name: str
    locale: str
    proven: bool


class ProductAccounts:
    """Finds or makes the account of an identity."""

    def __init__(self, users: Users, membership: Membership, links: Links, clock: Clock) -> None:
        self._users = users
        self._membership = membership
        self._links = links
        self._clock = clock

    async def arrive(self, newcomer: Newcomer, cause: Cause) -> Account:
        """The verified account of this identity, made at its first visit.

        Raises 409 `email-taken`: an account that has the address is never linked by the product's word alone;
        403 `email-not-verified` until the mailed link is used.
        """
        who = newcomer.identity
        account = await self._users.by_identity(who.provider, who.sub)
        if account is None:
            account = await self._create(newcomer, cause) or await self._users.by_identity(who.provider, who.sub)
        if account is None:
            raise Conflict(
                "email-taken", "Another account has this address", "Log in to that account with its password."
            )
        if newcomer.proven and not account.verified and address_key(newcomer.email) == account.email_key:
            account = await self._users.change(
                account.id, lambda newest: verify_by_product(newest, self._clock.now()), cause
            )
            log.info("email_verified", user_id=account.id, method="product")
        refuse_unverified(account)
        return account

    async def _create(self, newcomer: Newcomer, cause: Cause) -> Account | None:
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
            link, second = self._links.make(account, None, account.identities)
            document["links"] = [link]
        if not await self._users.insert(document, (registered(account.id, "product"), second), cause):
            return None
        await self._membership.after_identity(account.id, cause)
        log.info("account_registered", user_id=account.id, method="product", provider=newcomer.identity.provider)
        return account
