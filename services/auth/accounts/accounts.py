"""What people do with their accounts, each step one write. Nobody learns from the answers who has an account."""

import contextlib
from dataclasses import dataclass

import structlog

from services.auth.accounts.links import Links
from services.auth.accounts.passwords import Passwords
from services.auth.accounts.quiet import at_least
from services.auth.accounts.rules import (
    Claim,
    came_for,
    claim_of_resent,
    new_account,
    registered,
    sign_up_again,
    verify_by_link,
    with_link,
)
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, Change, SecurityKind
from services.auth.security.tally import Tally
from services.auth.texts import address_key
from services.auth.tokens import digest, link_owner, new_id
from services.auth.workspaces.membership import Membership
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Forbidden, NotFound, Unauthorized

log = structlog.get_logger()

RESEND_PATH = "/api/auth/v1/verify-email/resend"
_TRIES = 3


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a newcomer states, validated."""

    email: str
    password: str
    display_name: str = ""
    locale: str = "en"
    return_to: str | None = None

    def claim(self, hashed: str) -> Claim:
        """What the mailed link makes of the account; `hashed`: the password."""
        return Claim(hashed, (), self.display_name, self.locale, self.return_to)


@dataclass(frozen=True, slots=True)
class Verification:
    """An address is proven."""

    account: Account
    return_to: str | None
    """What its owner came for, a path of ours."""


class Accounts:
    """Sign-up, verification and log-in with a password."""

    def __init__(
        self,
        *,
        users: Users,
        membership: Membership,
        passwords: Passwords,
        links: Links,
        clock: Clock,
        tally: Tally,
        quiet_seconds: float,
        by_password: bool,
    ) -> None:
        """`by_password`: whether accounts can be entered by a password of ours."""
        self._users = users
        self._membership = membership
        self._passwords = passwords
        self._links = links
        self._clock = clock
        self._tally = tally
        self._quiet_seconds = quiet_seconds
        self._by_password = by_password

    async def sign_up(self, wish: SignUp, cause: Cause) -> None:
        """Make an account, or tell the owner of the address, by mail only, that there is one."""
        async with at_least(self._quiet_seconds):
            key = address_key(wish.email)
            hashed = await self._passwords.hash_for(key, wish.password)
            for _ in range(_TRIES):
                known = await self._users.by_address(key)
                if known is not None:
                    with contextlib.suppress(NotFound):  # deleted at this moment, and its address free
                        return await self._known_signs_up(known, wish.claim(hashed), hashed, cause)
                elif await self._create(wish, hashed, cause):
                    return None
                # Else somebody was faster with the same address.
            return None

    async def resend(self, email: str, cause: Cause) -> None:
        """Mail another link, if there is an unverified account.

        Without passwords a link that brings no way to log in would shut out whoever uses it; each of several who claim
        an address gets another link of their own by logging in with their product.
        """

        def decide(account: Account) -> Change | None:
            if account.verified:
                return None
            now = self._clock.now()
            claim = claim_of_resent(account, now)
            if not claim.identities and not self._by_password:
                return None
            link, mail = self._links.make(account, claim)
            return Change({"links": with_link(account, link, now)}, (mail,), public=False)

        async with at_least(self._quiet_seconds):
            known = await self._users.by_address(address_key(email))
            if known is not None:
                with contextlib.suppress(NotFound):  # deleted at this moment
                    await self._users.change(known.id, decide, cause)

    async def verify(self, token: str, cause: Cause) -> Verification:
        """Use a mailed link. Raises 404 `link-unknown`, 410 `link-used`, 410 `link-expired`."""
        owner = link_owner(token)
        known = await self._users.by_id(owner, standing=True) if owner else None
        if known is None:
            raise NotFound("link-unknown", "This link is not one of ours", "Perhaps it was cut; ask for a new one.")
        hashed = digest(token)
        account = await self._users.change(
            known.id, lambda newest: verify_by_link(newest, hashed, self._clock.now()), cause
        )
        await self._membership.after_identity(account.id, cause)
        log.info("email_verified", user_id=account.id, method="link")
        return Verification(account, came_for(known, hashed))

    async def log_in(self, email: str, password: str, cause: Cause) -> Account:
        """Raises 401 `credentials-wrong`, 403 `email-not-verified` (only to those who know the password)."""
        account = await self._users.by_address(address_key(email))
        right = await self._passwords.verify(account.password if account else None, password)
        if account is None or not right:
            if account is not None:
                self._tally.note(account.id, SecurityKind.LOG_IN_REFUSED, cause)
            log.info("log_in_refused", user_id=account.id if account else None)
            raise Unauthorized("credentials-wrong", "Address or password is wrong")
        refuse_unverified(account)
        before = account.password
        if before is not None and self._passwords.outdated(before):
            again = Change({"password": await self._passwords.hash(password)}, public=False)
            await self._users.change(account.id, lambda now: again if now.password == before else None, cause)
        return account

    async def _create(self, wish: SignUp, hashed: str, cause: Cause) -> bool:
        document = new_account(
            user_id=new_id(),
            email=wish.email,
            email_key=address_key(wish.email),
            display_name=wish.display_name,
            locale=wish.locale,
            now=self._clock.now(),
            password=hashed,
        )
        account = self._users.read(document)
        link, mail = self._links.make(account, wish.claim(hashed))
        messages = (registered(account.id, "password"), mail)
        made = await self._users.insert({**document, "links": [link]}, messages, cause)
        if made:
            log.info("account_registered", user_id=account.id, method="password")
        return made

    async def _known_signs_up(self, known: Account, claim: Claim, hashed: str, cause: Cause) -> None:
        def decide(account: Account) -> Change | None:
            now = self._clock.now()
            if account.verified:
                return Change({}, (self._links.mails.account_exists(account, now),), public=False)
            if self._links.just_mailed(account, hashed, now):
                if account.password == hashed and not account.identities:
                    return None
                # Somebody else signed up in between: the newest sign-up is this one again.
                return Change(sign_up_again(account, hashed, None, now), public=False)
            link, mail = self._links.make(account, claim)
            return Change(sign_up_again(account, hashed, link, now), (mail,), public=False)

        log.info("sign_up_of_known_address", user_id=known.id)
        await self._users.change(known.id, decide, cause)
        if known.identities and not known.verified:
            await self._membership.after_identity(known.id, cause)


def refuse_unverified(account: Account) -> None:
    """Row S4: no access before the address is verified; told why, and where to ask for the mail again."""
    if not account.verified:
        raise unverified()


def unverified() -> Forbidden:
    """Where an address is to be proven first, and where the answer must not tell whose it is."""
    return Forbidden(
        "email-not-verified",
        "Your e-mail address is not verified yet",
        "Use the link that was mailed to you, or ask for another one.",
        resend=RESEND_PATH,
    )
