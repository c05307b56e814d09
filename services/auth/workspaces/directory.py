"""The directory: workspaces that a product pushes, whole and versioned."""

from collections.abc import Mapping
from typing import Any

import structlog

from services.auth.accounts.store import Users
from services.auth.domain import SCHEMA, Cause, Change
from services.auth.settings import ProviderSettings
from services.auth.workspaces.membership import Membership
from services.auth.workspaces.pushes import Verdict, digest_of, judge_push, judge_withdrawal, resolved
from services.auth.workspaces.rules import Member, Workspace
from services.auth.workspaces.store import Workspaces
from shared.plumbing.clock import Clock

log = structlog.get_logger()


class Directory:
    """Takes pushes and withdrawals."""

    def __init__(self, workspaces: Workspaces, users: Users, membership: Membership, clock: Clock) -> None:
        self._workspaces = workspaces
        self._users = users
        self._membership = membership
        self._clock = clock

    async def push(
        self, provider: ProviderSettings, workspace_id: str, pushed: Mapping[str, Any], cause: Cause
    ) -> tuple[bool, int]:
        """Make this the workspace, if it is newer. Returns whether it was, and the version that stands now.

        Raises 409 `workspace-owned-elsewhere`, 409 `directory-version-conflict`.
        """
        digest = digest_of(pushed)
        version: int = pushed["version"]
        while True:
            known = await self._workspaces.without_members(workspace_id)
            verdict = judge_push(known, provider.id, version, digest)
            if known is not None and verdict != "apply":
                return False, known.directory_version or version
            fields = await self._fields(provider, pushed, digest)
            if known is not None:
                applied = await self._apply(workspace_id, fields, cause)
            else:
                now = self._clock.now()
                fresh = {"_id": workspace_id, "schema": SCHEMA, "version": 1, "created_at": now, **fields}
                if not await self._workspaces.insert(fresh, (), cause):
                    continue  # somebody was faster; see what it is now
                applied = True
            await self._membership.after_push(workspace_id, cause)
            log.info("workspace_pushed", workspace_id=workspace_id, provider=provider.id, pushed_version=version)
            return applied, version

    async def withdraw(
        self, provider: ProviderSettings, workspace_id: str, version: int | None, cause: Cause
    ) -> tuple[bool, int]:
        """End the workspace; only a push with a higher version brings it back. Returns as `push`.

        Raises 404 `workspace-not-found`, 409 `workspace-owned-elsewhere`.
        """
        verdicts: list[Verdict] = []

        def decide(newest: Workspace) -> Change | None:
            verdicts.append(judge_withdrawal(newest, provider.id, version))
            if verdicts[-1] != "apply":
                return None
            return Change(
                {
                    "members": [],
                    "directory_version": version or newest.directory_version,
                    "directory_digest": "withdrawn",
                    "deleted_at": self._clock.now(),
                }
            )

        result = await self._workspaces.change(workspace_id, decide, cause)
        applied = verdicts[-1] == "apply"
        if applied:
            log.info("workspace_withdrawn", workspace_id=workspace_id, provider=provider.id)
        return applied, result.directory_version or 0

    async def _apply(self, workspace_id: str, fields: Mapping[str, Any], cause: Cause) -> bool:
        verdicts: list[Verdict] = []
        provider, version, digest = (fields[one] for one in ("provider", "directory_version", "directory_digest"))

        def decide(newest: Workspace) -> Change | None:
            verdicts.append(judge_push(newest, provider, version, digest))
            return Change(fields) if verdicts[-1] == "apply" else None

        await self._workspaces.change(workspace_id, decide, cause)
        return verdicts[-1] == "apply"

    async def _fields(self, provider: ProviderSettings, pushed: Mapping[str, Any], digest: str) -> dict[str, Any]:
        members = [Member(subject=one["subject"], role=one["role"]) for one in pushed["members"]]
        users = await self._users.of_subjects(provider.id, [one["subject"] for one in pushed["members"]])
        return {
            "name": pushed["name"],
            "provider": provider.id,
            "product": provider.product,
            "region": pushed["region"],
            "plan": pushed["plan"],
            "requires_two_factor": pushed["requires_two_factor"],
            "active": pushed["active"],
            "members": resolved(members, users),
            "directory_version": pushed["version"],
            "directory_digest": digest,
            "deleted_at": None,
            "unresolved_at": self._clock.now(),
        }
