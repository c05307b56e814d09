"""The product's workspaces. Every change gives a workspace the next version."""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from samples.product.files import write
from samples.product.users import REGIONS

PLANS = ("FREE", "BASIC", "STANDARD", "PRO", "ENTERPRISE")
ROLES = ("owner", "admin", "member")


@dataclass(frozen=True)
class Workspace:
    id: str
    version: int
    name: str
    region: str
    plan: str
    requires_two_factor: bool
    active: bool
    members: Mapping[str, str]  # the user's sub: role

    def checked(self) -> Self:
        """Itself. Raises ValueError, in words for the one who changed it."""
        kinds = {"name": str, "region": str, "plan": str, "requires_two_factor": bool, "active": bool}
        wrong = [field for field, kind in kinds.items() if not isinstance(getattr(self, field), kind)]
        if wrong:
            raise ValueError(f"Of the wrong type: {', '.join(wrong)}.")
        if not self.name.strip():
            raise ValueError("A workspace needs a name.")
        if self.region not in REGIONS or self.plan not in PLANS:
            raise ValueError(f"The region is one of {', '.join(REGIONS)}; the plan one of {', '.join(PLANS)}.")
        if not set(self.members.values()) <= set(ROLES) or "owner" not in self.members.values():
            raise ValueError(f"Somebody has to be the owner; roles are {', '.join(ROLES)}.")
        return self

    def may_change(self, sub: str) -> bool:
        return self.members.get(sub) in {"owner", "admin"}

    def pushed(self) -> dict[str, Any]:
        """The workspace as the marketplace's directory takes it: the whole state, with its version."""
        state = asdict(self)
        del state["id"]
        state["members"] = [{"subject": sub, "role": role} for sub, role in self.members.items()]
        return state


class Workspaces:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._watchers: list[Callable[[str], None]] = []
        self._changing = threading.Lock()
        rows = json.loads(path.read_text()) if path.exists() else []
        self._by_id = {row["id"]: Workspace(**row) for row in rows}

    def watch(self, watcher: Callable[[str], None]) -> None:
        """Calls the watcher with the id of every workspace: once now, and again after each change."""
        self._watchers.append(watcher)
        for workspace_id in self._by_id:
            watcher(workspace_id)

    def all(self) -> list[Workspace]:
        return list(self._by_id.values())

    def of(self, sub: str) -> list[Workspace]:
        return [workspace for workspace in self.all() if sub in workspace.members]

    def get(self, workspace_id: str) -> Workspace | None:
        return self._by_id.get(workspace_id)

    def create(
        self,
        *,
        name: str,
        members: Mapping[str, str],
        region: str = "eu",
        plan: str = "FREE",
        requires_two_factor: bool = False,
        active: bool = True,
    ) -> Workspace:
        """Raises ValueError."""
        workspace = Workspace(
            id=secrets.token_hex(12),
            version=1,
            name=name,
            region=region,
            plan=plan,
            requires_two_factor=requires_two_factor,
            active=active,
            members=members,
        ).checked()
        with self._changing:
            self._save(workspace)
        return workspace

    def change(self, workspace_id: str, **fields: Any) -> Workspace:
        """Raises ValueError; KeyError if there is no such workspace."""
        with self._changing:
            before = self._by_id[workspace_id]
            after = replace(before, **fields).checked()
            if after == before:
                return before
            after = replace(after, version=before.version + 1)
            self._save(after)
        return after

    def _save(self, workspace: Workspace) -> None:
        after = self._by_id | {workspace.id: workspace}
        write(self._path, json.dumps([asdict(each) for each in after.values()], indent=1))
        self._by_id = after
        for watcher in self._watchers:
            watcher(workspace.id)
