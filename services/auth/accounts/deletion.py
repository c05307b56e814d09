"""The end of an account: announced before, and finished whatever crashes in between.

One transaction makes the account a tombstone and takes it out of its workspaces, or nothing happens. The tombstone
says that more is to be erased; that is done at once, by a sweeper after a crash, and once more when the last access
token has ended, for whatever such a token did meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog

from services.auth.accounts.erasing import erased
from services.auth.accounts.mails import Mails
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, Change
from services.auth.texts import address_key
from services.auth.workspaces.parting import Parting
from services.auth.workspaces.store_leaving import Leaving
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Invalid
from shared.plumbing.mongo import DriverSession

log = structlog.get_logger()

SWEEP_SECONDS = 2.0
_BATCH = 100

Eraser = Callable[[str], Awaitable[object]]
"""Keeps nothing of the user with this id, however often it is called."""


class Deletion:
    """Ends accounts."""

    def __init__(
        self,
        *,
        users: Users,
        leaving: Leaving,
        mails: Mails,
        clock: Clock,
        erasers: Sequence[Eraser],
        token_life: timedelta,
    ) -> None:
        self._users = users
        self._leaving = leaving
        self._mails = mails
        self._clock = clock
        self._erasers = erasers
        self._token_life = token_life

    async def effects(self, user_id: str) -> tuple[Account, Parting]:
        """Whose end it would be, and what would become of the workspaces. Raises 404 `account-not-found`."""
        return await self._users.get(user_id), await self._leaving.look(user_id)

    async def delete(self, user_id: str, confirmed: str, cause: Cause) -> None:
        """End the account; `confirmed` is its address, given once more.

        Raises 422 `confirmation-wrong`, 409 `last-owner`, 404 `account-not-found`.
        """
        workspaces: Sequence[str] = ()

        def decide(account: Account) -> Change:
            if address_key(confirmed) != account.email_key:
                raise Invalid("confirmation-wrong", "This is not the address of your account")
            now = self._clock.now()
            nameless = account.model_copy(update={"display_name": ""})  # the mail waits in the tombstone
            return erased(account, now, self._mails.notice(nameless, "account-deleted", now))

        async def leave(session: DriverSession) -> None:
            nonlocal workspaces
            workspaces = await self._leaving.leave(user_id, cause, session)

        await self._users.erase(user_id, decide, cause, also=leave)
        self._leaving.told(workspaces)
        log.info("account_deleted", user_id=user_id, workspaces=len(workspaces))
        try:
            await self.finish(user_id, cause)
        except Exception as exc:  # noqa: BLE001 - it is done; what is left is the sweeper's
            log.warning("erasing_failed", user_id=user_id, error=type(exc).__name__)

    async def finish(self, user_id: str, cause: Cause) -> None:
        """Erase what is kept of a tombstone elsewhere. Any number of processes may do this at once."""
        await self._leaving.leave_behind(user_id, cause)
        for erase in self._erasers:
            await erase(user_id)
        # A margin for requests that began while the token was still good.
        await self._users.settle_erased(user_id, self._clock.now(), self._token_life + timedelta(minutes=1))

    async def sweep(self) -> None:
        """Finish what is due, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep_once()
            except Exception as exc:  # noqa: BLE001 - the tombstones stay due until the next round
                log.warning("erasing_failed", error=type(exc).__name__)

    async def sweep_once(self) -> int:
        """Returns how many tombstones were due."""
        due = await self._users.unerased(self._clock.now(), _BATCH)
        for user_id, cause in due:
            await self.finish(user_id, cause)
        return len(due)
