"""Reading workspaces as one user sees them: of ten thousand members only the entries that matter."""

from services.auth.workspaces import Workspace
from shared.plumbing.mongo import Collection, Document

_WITHOUT_MEMBERS = {"members": 0}


class WorkspaceReads:
    """Queries over the workspaces."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def seen_by(self, user_id: str, workspace_id: str) -> Workspace | None:
        """The workspace with this user's entries."""
        found = await self._collection.find_one({"_id": workspace_id}, _entries_of(user_id))
        return None if found is None else Workspace.model_validate(found)

    async def of_user(self, user_id: str, after: str, limit: int) -> list[Workspace]:
        """The user's workspaces in the order of their ids."""
        which = {"members.user_id": user_id, "_id": {"$gt": after}, "deleted_at": None}
        cursor = self._collection.find(which, _entries_of(user_id)).sort("_id", 1).limit(limit)
        return [Workspace.model_validate(document) async for document in cursor]

    async def without_members(self, workspace_id: str) -> Workspace | None:
        """The workspace alone."""
        found = await self._collection.find_one({"_id": workspace_id}, _WITHOUT_MEMBERS)
        return None if found is None else Workspace.model_validate(found)

    async def members(self, workspace_id: str, skip: int, limit: int) -> Workspace | None:
        """The workspace with a part of its members."""
        some = {"members": {"$slice": ["$members", skip, limit]}}
        found = await self._collection.find_one({"_id": workspace_id}, {**_FACTS, **some})
        return None if found is None else Workspace.model_validate(found)


# A projection with an expression would else leave out every field that it does not name.
_FACTS: Document = dict.fromkeys(
    (
        *("version", "name", "provider", "product", "region", "plan", "requires_two_factor", "active", "deleted_at"),
        "directory_version",
    ),
    1,
)


def _entries_of(user_id: str) -> Document:
    mine = {"$filter": {"input": "$members", "cond": {"$eq": ["$$this.user_id", user_id]}}}
    return {**_FACTS, "members": mine}
