"""Leaving every workspace, in one transaction with whatever is its cause.

A product's workspaces are the product's: there the entry stays, by subject, and nobody here stands for it any more.
"""

from collections.abc import Sequence

from services.auth.domain import Cause, Change
from services.auth.workspaces.parting import Held, Parting, without
from services.auth.workspaces.rules import Workspace
from services.auth.workspaces.store import Workspaces
from shared.contracts.auth import Role
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Database, Document, DriverSession
from shared.plumbing.state_relay import StateRelay


class Leaving:
    """Takes somebody out of all workspaces."""

    def __init__(self, database: Database, workspaces: Workspaces, clock: Clock, states: StateRelay) -> None:
        self._collection = database["workspaces"]
        self._workspaces = workspaces
        self._clock = clock
        self._states = states

    async def look(self, user_id: str, session: DriverSession | None = None) -> Parting:
        """What leaving would mean now."""
        own = {"$eq": ["$$this.user_id", user_id]}
        other = {"$ne": ["$$this.user_id", user_id]}
        owners = {"$and": [other, {"$eq": ["$$this.role", Role.OWNER]}]}
        known = {"$gt": ["$$this.user_id", None]}
        managers = {"$and": [other, known, {"$in": ["$$this.role", [Role.OWNER, Role.ADMIN]]}]}
        pipeline: list[Document] = [
            {"$match": {"members.user_id": user_id, "deleted_at": None}},
            {
                "$project": {
                    "name": 1,
                    "provider": 1,
                    "own": _where(own),
                    "others": {"$size": _where(other)},
                    "other_owners": {"$size": _where(owners)},
                    "other_managers": {"$size": _where(managers)},
                }
            },
        ]
        found = await self._collection.aggregate(pipeline, session=session)
        return Parting.of([_held(one) async for one in found])

    async def leave(self, user_id: str, cause: Cause, session: DriverSession) -> Sequence[str]:
        """Leave all local workspaces, and end those with nobody else. Returns their ids, for `told`.

        Raises 409 `last-owner`.
        """
        parting = await self.look(user_id, session)
        parting.refuse_blocked()
        now = self._clock.now()
        marks = {"state_marked_at": now, "cause": cause.document()}
        left = [one.id for one in parting.left]
        await self._collection.update_many(
            {"_id": {"$in": left}},
            {
                "$pull": {"members": {"user_id": user_id}, "invites": {"invited_by": user_id}},
                "$inc": {"version": 1},
                "$set": marks,
            },
            session=session,
        )
        ended = [one.id for one in parting.ended]
        nothing = {"name": "", "members": [], "invites": [], "deleted_at": now}
        await self._collection.update_many(
            {"_id": {"$in": ended}}, {"$set": {**nothing, **marks}, "$inc": {"version": 1}}, session=session
        )
        return [*left, *ended]

    def told(self, workspace_ids: Sequence[str]) -> None:
        """The transaction is through: their state records may be sent at once."""
        self._states.mark(workspace_ids)

    async def leave_behind(self, user_id: str, cause: Cause) -> None:
        """As `leave`, whatever joined since for somebody who is gone, and the entries of products' workspaces.

        Where that leaves a workspace without an owner, another member becomes one.
        """
        parting = await self.look(user_id)
        for one in (*parting.blocked, *parting.ended, *parting.left):
            await self._workspaces.change(one.id, lambda newest: self._parted(newest, user_id), cause)
        for provider in sorted({one.provider for one in parting.product if one.provider is not None}):
            await self._workspaces.take(provider, user_id, [], cause)

    def _parted(self, workspace: Workspace, user_id: str) -> Change | None:
        stay = without(workspace, user_id)
        if len(stay) == len(workspace.members):
            return None
        if not stay:
            return Change({"name": "", "members": [], "invites": [], "deleted_at": self._clock.now()})
        return Change({"members": [one.model_dump(exclude_none=True) for one in stay]})


def _where(condition: Document) -> Document:
    return {"$filter": {"input": "$members", "cond": condition}}


def _held(document: Document) -> Held:
    # In a product's workspace somebody may be by several accounts; the first tells enough.
    role = Role(document["own"][0]["role"])
    return Held(
        document["_id"],
        document["name"],
        document.get("provider"),
        role,
        document["others"],
        document["other_owners"],
        document["other_managers"],
    )
