"""An unverified account is nobody's yet: it gives way to whoever has shown that its address is theirs."""

import contextlib

import structlog

from services.auth.accounts.erasing import erased
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, Change
from services.auth.texts import address_key
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Conflict, NotFound

log = structlog.get_logger()


async def displace(users: Users, email: str, clock: Clock, cause: Cause, *, taken: Conflict) -> None:
    """Erase the unverified account that has this address, if there is one. Raises `taken` for a verified one."""
    holder = await users.by_address(address_key(email))
    if holder is None:
        return

    def give_way(account: Account) -> Change:
        if account.verified:
            raise taken
        return erased(account, clock.now())

    with contextlib.suppress(NotFound):  # deleted at this moment, and its address free
        await users.erase(holder.id, give_way, cause)
        log.info("unverified_account_displaced", user_id=holder.id)
