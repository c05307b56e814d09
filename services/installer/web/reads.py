"""What the API looks up beside installations themselves, gathered so that a hundred requests share one round trip."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from services.installer.known import Known
from services.installer.web.facts import role_in
from shared.plumbing.batching import GroupCommit
from shared.plumbing.mongo import Collection, Document

# What nobody here needs, and can be large (ten thousand members, a manifest of 200 kB) or secret.
_ACCOUNT = {"sealed_address": 0}
_WORKSPACE = {"members": 0}
_ADDON = {"manifest": 0, "long_text": 0}
_ROW = ("name", "provider", "product", "region", "plan", "requires_two_factor", "active")
_PLACE = ("name", "provider", "product", "region")
# All in one answer: the driver's first batch would be a hundred.
_AT_ONCE = 10_000
JOINED_LIMIT = 50
"""Of workspaces without admin rights so many are told, at most."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks for what where."""

    user_id: str
    workspace_id: str
    addon_key: str


@dataclass(frozen=True, slots=True)
class Found:
    """What the projections hold; None: nothing (yet). A deleted thing is found with `deleted`."""

    account: Document | None
    workspace: Document | None
    addon: Document | None


class Reads:
    """Looks into the projections."""

    def __init__(self, known: Known) -> None:
        self._accounts = known.accounts.collection
        self._workspaces = known.workspaces.collection
        self._addons = known.addons.collection
        self._batch: GroupCommit[Question, Found] = GroupCommit(self._look)

    async def about(self, question: Question) -> Found:
        """Account, workspace and add-on; the workspace's `members` holds the asking user or nobody."""
        found = await self._batch.submit(question)
        if found.workspace is None or found.workspace.get("deleted"):
            return found
        return replace(found, workspace=await self._with_membership(found.workspace, question.user_id))

    async def account(self, user_id: str) -> Document | None:
        """The account; of a deleted one only `deleted` and its version."""
        return await self._accounts.find_one({"_id": user_id}, _ACCOUNT)

    async def addon(self, addon_key: str) -> Document | None:
        """The listing without its manifest."""
        return await self._addons.find_one({"_id": addon_key}, _ADDON)

    async def workspace(self, workspace_id: str, user_id: str) -> Document | None:
        """The workspace as `about` gives it."""
        found = await self._workspaces.find_one({"_id": workspace_id}, _WORKSPACE)
        return found if found is None or found.get("deleted") else await self._with_membership(found, user_id)

    async def administered(self, user_id: str) -> list[Document]:
        """Every workspace that the user administers, with what preflight needs; its `admins` holds the user alone."""
        which = {"admins.user_id": user_id, "deleted": {"$ne": True}}
        fields = {**dict.fromkeys(_ROW, 1), "admins": {"$elemMatch": {"user_id": user_id}}}
        return await self._workspaces.find(which, fields, batch_size=_AT_ONCE).to_list()

    async def joined(self, user_id: str) -> list[Document]:
        """Workspaces in which the user is a plain member, JOINED_LIMIT at most: name, provider, product, region."""
        which = {"members": user_id, "deleted": {"$ne": True}}
        found = await self._workspaces.find(which, dict.fromkeys(_PLACE, 1), limit=JOINED_LIMIT).to_list()
        return sorted(found, key=lambda one: (one["name"].casefold(), one["_id"]))

    async def is_in_one_of(self, workspace_ids: Sequence[str], user_id: str) -> bool:
        """Whether the user is in any of these workspaces, in whatever role."""
        mine = [{"admins.user_id": user_id}, {"members": user_id}]
        which = {"_id": {"$in": list(workspace_ids)}, "deleted": {"$ne": True}, "$or": mine}
        return await self._workspaces.find_one(which, {"_id": 1}) is not None

    async def _with_membership(self, workspace: Document, user_id: str) -> Document:
        if role_in(workspace, user_id) is not None:
            return workspace
        member = await self._workspaces.find_one({"_id": workspace["_id"], "members": user_id}, {"_id": 1})
        return {**workspace, "members": [user_id] if member else []}

    async def _look(self, questions: Sequence[Question]) -> Sequence[Found]:
        accounts, workspaces, addons = await asyncio.gather(
            _by_id(self._accounts, (one.user_id for one in questions), _ACCOUNT),
            _by_id(self._workspaces, (one.workspace_id for one in questions), _WORKSPACE),
            _by_id(self._addons, (one.addon_key for one in questions), _ADDON),
        )
        return [
            Found(accounts.get(one.user_id), workspaces.get(one.workspace_id), addons.get(one.addon_key))
            for one in questions
        ]


async def _by_id(collection: Collection, ids: Iterable[str], fields: Document) -> dict[str, Document]:
    wanted = {"_id": {"$in": list(set(ids))}}
    return {document["_id"]: document for document in await collection.find(wanted, fields).to_list()}
