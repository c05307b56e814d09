"""Keeping two documents in step: who a provider's subject is (accounts), and whose role that is (workspaces).

Both ways write first and look second: a push stores the workspace and then looks at the accounts, a log-in stores
the identity and then changes the workspaces. So one of two that meet sees the other. What is still to be looked at
is noted in the first write itself, and a sweeper looks after a crash.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from services.auth.accounts.store import Users
from services.auth.domain import Cause, Change
from services.auth.workspaces.pushes import resolved
from services.auth.workspaces.rules import Workspace
from services.auth.workspaces.store import Workspaces
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Problem

log = structlog.get_logger()

SWEEP_SECONDS = 2.0
LEFT_BEHIND_AFTER = timedelta(seconds=5)
_BATCH = 100


class Membership:
    """Matches the subjects of product workspaces with accounts."""

    def __init__(self, users: Users, workspaces: Workspaces, providers: Sequence[str], clock: Clock) -> None:
        self._users = users
        self._workspaces = workspaces
        self._providers = providers
        self._clock = clock

    async def after_push(self, workspace_id: str, cause: Cause) -> None:
        """Look at the accounts again, now that the workspace is stored, until nothing comes in between."""
        while True:
            workspace = await self._workspaces.unresolved(workspace_id)
            if workspace is None:
                return
            subjects = [member.subject for member in workspace.members if member.subject is not None]
            members = resolved(workspace.members, await self._users.of_subjects(workspace.provider or "", subjects))
            if members != [member.model_dump(exclude_none=True) for member in workspace.members]:
                await self._workspaces.change(workspace_id, _at(workspace, Change({"members": members})), cause)
                continue  # and look at what was written now
            if await self._workspaces.settle(workspace):
                return

    async def after_identity(self, user_id: str, cause: Cause) -> None:
        """Change the workspaces, now that the account's identities are stored.

        Every change gives the workspace a new version, so a look of `after_push` that is under way starts again.
        """
        account = await self._users.by_id(user_id)
        if account is None:
            return
        for provider in self._providers:
            subjects = [one.sub for one in account.identities if one.provider == provider]
            await self._workspaces.take(provider, user_id, subjects, cause)
            for subject in subjects:
                await self._workspaces.give(provider, user_id, subject, cause)
        await self._users.settle_identities(account)

    async def sweep(self) -> None:
        """Finish what a crash left, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep_once()
            except Exception as exc:  # noqa: BLE001 - the notes stand until the next round
                log.warning("membership_sweep_failed", error=type(exc).__name__)

    async def sweep_once(self) -> int:
        """Returns how many documents were looked at."""
        before = self._clock.now() - LEFT_BEHIND_AFTER
        users = await self._users.unsettled(before, _BATCH)
        workspaces = await self._workspaces.unsettled(before, _BATCH)
        for user_id, cause in users:
            await self.after_identity(user_id, cause)
        for workspace_id, cause in workspaces:
            try:
                await self.after_push(workspace_id, cause)
            except Problem as problem:  # changed all the time; its turn comes again
                log.warning("membership_not_settled", workspace_id=workspace_id, error_slug=problem.slug)
        if users or workspaces:
            log.info("membership_swept", users=len(users), workspaces=len(workspaces))
        return len(users) + len(workspaces)


def _at(seen: Workspace, change: Change) -> Callable[[Workspace], Change | None]:
    """The change, if nobody has changed the workspace since."""
    return lambda newest: change if newest.version == seen.version else None
