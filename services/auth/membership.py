"""Keeping two documents in step: who a provider's subject is (accounts), and whose role that is (workspaces).

Both ways write first and look second: a push stores the workspace and then looks at the accounts, a log-in stores
the identity and then changes the workspaces. So one of two that meet sees the other. What is still to be looked at
is noted in the first write itself, and a sweeper looks after a crash.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from services.auth.domain import Account, Change
from services.auth.pushes import resolved
from services.auth.store import Cause, Documents
from services.auth.workspaces import Workspace
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Problem
from shared.plumbing.mongo import Document
from shared.plumbing.state_relay import StateRelay

log = structlog.get_logger()

SWEEP_SECONDS = 2.0
LEFT_BEHIND_AFTER = timedelta(seconds=5)
_CHUNK = 2_000
_BATCH = 100


class Membership:
    """Matches the subjects of product workspaces with accounts."""

    def __init__(
        self,
        users: Documents[Account],
        workspaces: Documents[Workspace],
        states: StateRelay,
        providers: Sequence[str],
        clock: Clock,
    ) -> None:
        self._users = users
        self._workspaces = workspaces
        self._states = states
        self._providers = providers
        self._clock = clock

    async def users_of(self, provider: str, subjects: Sequence[str]) -> dict[str, str]:
        """The users that these subjects belong to, by subject."""
        found: dict[str, str] = {}
        for start in range(0, len(subjects), _CHUNK):
            wanted = list(subjects[start : start + _CHUNK])
            which = {"identities": {"$elemMatch": {"provider": provider, "sub": {"$in": wanted}}}}
            async for document in self._users.collection.find(which, {"identities": 1}):
                for one in document["identities"]:
                    if one["provider"] == provider:
                        found[one["sub"]] = document["_id"]
        return found

    async def after_push(self, workspace_id: str, cause: Cause) -> None:
        """Look at the accounts again, now that the workspace is stored, until nothing comes in between."""
        while True:
            document = await self._workspaces.collection.find_one({"_id": workspace_id})
            if document is None or document.get("unresolved_at") is None:
                return
            workspace = self._workspaces.read(document)
            subjects = [member.subject for member in workspace.members if member.subject is not None]
            members = resolved(workspace.members, await self.users_of(workspace.provider or "", subjects))
            if members != [member.model_dump(exclude_none=True) for member in workspace.members]:
                await self._workspaces.change(workspace_id, _at(workspace, Change({"members": members})), cause)
                continue  # and look at what was written now
            done = await self._workspaces.collection.update_one(
                {"_id": workspace_id, "version": workspace.version}, {"$unset": {"unresolved_at": ""}}
            )
            if done.matched_count:
                return

    async def after_identity(self, user_id: str, cause: Cause) -> None:
        """Change the workspaces, now that the account's identities are stored.

        Every change gives the workspace a new version, so a look of `after_push` that is under way starts again.
        """
        account = await self._users.find({"_id": user_id})
        if account is None:
            return
        for provider in self._providers:
            subjects = [one.sub for one in account.identities if one.provider == provider]
            await self._take(provider, user_id, subjects, cause)
            for subject in subjects:
                await self._give(provider, user_id, subject, cause)
        await self._users.collection.update_one(
            {"_id": user_id, "version": account.version}, {"$unset": {"identities_changed_at": ""}}
        )

    async def _give(self, provider: str, user_id: str, subject: str, cause: Cause) -> None:
        """The roles of this subject are the user's."""
        entry = {"subject": subject, "user_id": {"$ne": user_id}}
        which = {"provider": provider, "members": {"$elemMatch": entry}}
        members = {"$set": {"members.$[entry].user_id": user_id}}
        await self._update(which, members, {"entry.subject": subject}, cause)

    async def _take(self, provider: str, user_id: str, subjects: Sequence[str], cause: Cause) -> None:
        """No role but those of these subjects is the user's."""
        entry = {"user_id": user_id, "subject": {"$nin": list(subjects)}}
        which = {"provider": provider, "members": {"$elemMatch": entry}}
        fits = {"entry.user_id": user_id, "entry.subject": {"$nin": list(subjects)}}
        await self._update(which, {"$unset": {"members.$[entry].user_id": ""}}, fits, cause)

    async def _update(self, which: Document, members: Document, entry: Document, cause: Cause) -> None:
        collection = self._workspaces.collection
        ids = [document["_id"] async for document in collection.find(which, {"_id": 1})]
        if not ids:
            return
        update = {**members, "$inc": {"version": 1}}
        marks = {"state_marked_at": self._clock.now(), "cause": cause.document()}
        update["$set"] = {**members.get("$set", {}), **marks}
        await collection.update_many({**which, "_id": {"$in": ids}}, update, array_filters=[entry])
        self._states.mark(ids)

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
        before = {"$type": "date", "$lt": self._clock.now() - LEFT_BEHIND_AFTER}
        users = await self._left(self._users, {"identities_changed_at": before})
        workspaces = await self._left(self._workspaces, {"unresolved_at": before})
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

    @staticmethod
    async def _left(documents: "Documents[Account] | Documents[Workspace]", which: Document) -> list[tuple[str, Cause]]:
        """Each with the request that has left the note, or with one after it."""
        found = documents.collection.find(which, {"cause": 1}).limit(_BATCH)
        # Documents of before it was kept have no cause.
        return [(one["_id"], Cause(**one.get("cause", {"correlation_id": one["_id"]}))) async for one in found]


def _at(seen: Workspace, change: Change) -> Callable[[Workspace], Change | None]:
    """The change, if nobody has changed the workspace since."""
    return lambda newest: change if newest.version == seen.version else None
