"""The workspaces: of ten thousand members only the entries that matter, and whose roles they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.auth.domain import Cause
from services.auth.security.store import SecurityLog
from services.auth.store import Documents
from services.auth.workspaces.rules import Workspace, workspace_not_found
from shared.contracts.auth import Role
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Database, Document
from shared.plumbing.outbox import OutboxRelay
from shared.plumbing.state_relay import StateRelay

_WITHOUT_MEMBERS = {"members": 0}
# A projection with an expression would else leave out every field that it does not name.
_FACTS: Document = dict.fromkeys(
    (
        *("version", "name", "provider", "product", "region", "plan", "requires_two_factor", "active", "deleted_at"),
        "directory_version",
    ),
    1,
)


@dataclass(frozen=True, slots=True)
class Held:
    """A workspace that somebody is in by one subject of its product."""

    workspace_id: str
    name: str
    role: Role
    others: int
    """How many other entries that belong to accounts here are owners or admins."""
    otherwise: bool
    """Whether the user is in it by another subject too."""


class Workspaces(Documents[Workspace]):
    """Workspaces, each changed by compare-and-set."""

    def __init__(self, database: Database, clock: Clock, states: StateRelay, outbox: OutboxRelay | None = None) -> None:
        log = SecurityLog(database, clock)
        super().__init__(database["workspaces"], Workspace, clock, states, outbox, log=log, missing=workspace_not_found)

    async def seen_by(self, user_id: str, workspace_id: str) -> Workspace | None:
        """The workspace with this user's entries."""
        return await self._find({"_id": workspace_id}, _entries_of([user_id]) | _OWNERS)

    async def of_user(self, user_id: str, after: str, limit: int) -> list[Workspace]:
        """The user's workspaces in the order of their ids."""
        which = {"members.user_id": user_id, "_id": {"$gt": after}, "deleted_at": None}
        cursor = self._collection.find(which, _entries_of([user_id]) | _OWNERS).sort("_id", 1).limit(limit)
        return [self.read(document) async for document in cursor]

    async def of_invite(self, workspace_id: str, hashed: str) -> Workspace | None:
        """The whole workspace, if it has an invite with this hash."""
        return await self._find({"_id": workspace_id, "invites.hash": hashed, "deleted_at": None})

    async def forget_invites(self, before: datetime) -> int:
        """Drop invites that expired before then, and the addresses with them. Returns in how many workspaces.

        This is no change of the workspace: whoever writes it meanwhile may bring them back, for the next round.
        """
        old = {"$type": "date", "$lt": before}
        which = {"invites.expires_at": old}
        return (await self._collection.update_many(which, {"$pull": {"invites": {"expires_at": old}}})).modified_count

    async def without_members(self, workspace_id: str) -> Workspace | None:
        """The workspace alone."""
        return await self._find({"_id": workspace_id}, _WITHOUT_MEMBERS)

    async def members(self, workspace_id: str, skip: int, limit: int) -> Workspace | None:
        """The workspace with a part of its members."""
        some = {"members": {"$slice": ["$members", skip, limit]}}
        return await self._find({"_id": workspace_id}, {**_FACTS, **some})

    async def facts(self, workspace_ids: Sequence[str], user_ids: Sequence[str]) -> dict[str, Workspace]:
        """Workspaces by id, with the entries of these users; deleted ones are missing."""
        which = {"_id": {"$in": list(workspace_ids)}, "deleted_at": None}
        found = self._collection.find(which, _entries_of(user_ids))
        return {document["_id"]: self.read(document) async for document in found}

    async def held_by(self, provider: str, subject: str, user_id: str, limit: int) -> list[Held]:
        """The provider's workspaces that the user is in by this subject."""
        member = {"$elemMatch": {"subject": subject, "user_id": user_id}}
        others = {"$and": [{"$ne": ["$$this.subject", subject]}, {"$gt": ["$$this.user_id", None]}]}
        managing = {"$and": [others, {"$in": ["$$this.role", [Role.OWNER, Role.ADMIN]]}]}
        own = {"$and": [others, {"$eq": ["$$this.user_id", user_id]}]}
        pipeline: list[Document] = [
            {"$match": {"provider": provider, "deleted_at": None, "members": member}},
            {"$sort": {"_id": 1}},
            {"$limit": limit},
            {
                "$project": {
                    "name": 1,
                    "held": _members_where({"$eq": ["$$this.subject", subject]}),
                    "managing": {"$size": _members_where(managing)},
                    "own": {"$size": _members_where(own)},
                }
            },
        ]
        return [
            Held(one["_id"], one["name"], Role(one["held"][0]["role"]), one["managing"], one["own"] > 0)
            async for one in await self._collection.aggregate(pipeline)
        ]

    async def unresolved(self, workspace_id: str) -> Workspace | None:
        """The workspace, if its subjects are still to be looked up."""
        return await self._find({"_id": workspace_id, "unresolved_at": {"$ne": None}})

    async def settle(self, workspace: Workspace) -> bool:
        """Its subjects have been looked up. False if it has changed meanwhile."""
        which = {"_id": workspace.id, "version": workspace.version}
        done = await self._collection.update_one(which, {"$unset": {"unresolved_at": ""}})
        return done.matched_count > 0

    async def unsettled(self, before: datetime, limit: int) -> list[tuple[str, Cause]]:
        """Workspaces pushed before then whose subjects were not looked up, each with the request behind that."""
        return await self._caused({"unresolved_at": {"$type": "date", "$lt": before}}, limit)

    async def give(self, provider: str, user_id: str, subject: str, cause: Cause) -> None:
        """The roles of this subject are the user's."""
        entry = {"subject": subject, "user_id": {"$ne": user_id}}
        members = {"$set": {"members.$[entry].user_id": user_id}}
        await self._change_entries(provider, entry, members, {"entry.subject": subject}, cause)

    async def take(self, provider: str, user_id: str, subjects: Sequence[str], cause: Cause) -> None:
        """No role but those of these subjects is the user's."""
        entry = {"user_id": user_id, "subject": {"$nin": list(subjects)}}
        fits = {f"entry.{name}": value for name, value in entry.items()}
        await self._change_entries(provider, entry, {"$unset": {"members.$[entry].user_id": ""}}, fits, cause)

    async def _change_entries(
        self, provider: str, entry: Document, members: Document, fits: Document, cause: Cause
    ) -> None:
        """In every workspace of the provider with such an entry; each gets a new version."""
        which = {"provider": provider, "members": {"$elemMatch": entry}}
        ids = await self._ids(which)
        if not ids:
            return
        marks = {"state_marked_at": self._clock.now(), "cause": cause.document()}
        update = {**members, "$inc": {"version": 1}, "$set": {**members.get("$set", {}), **marks}}
        await self._collection.update_many({**which, "_id": {"$in": ids}}, update, array_filters=[fits])
        self._states.mark(ids)


def _members_where(condition: Document) -> Document:
    return {"$filter": {"input": "$members", "cond": condition}}


_OWNERS: Document = {"owners": {"$size": _members_where({"$eq": ["$$this.role", Role.OWNER]})}}


def _entries_of(user_ids: Sequence[str]) -> Document:
    return {**_FACTS, "members": _members_where({"$in": ["$$this.user_id", list(user_ids)]})}
