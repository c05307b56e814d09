"""A small JSON API for scripts. It asks for the same addresses and passwords as the log-in form (HTTP Basic)."""

from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from samples.product.push import Directory
from samples.product.users import User, Users
from samples.product.workspaces import Workspace, Workspaces

FIELDS = {"name", "region", "plan", "requires_two_factor", "active", "members"}


@dataclass(frozen=True)
class Api:
    users: Users
    workspaces: Workspaces
    directory: Directory

    def blueprint(self) -> Blueprint:
        api = Blueprint("api", __name__)
        api.add_url_rule("/healthz", view_func=self.health)
        api.add_url_rule("/api/workspaces", view_func=self.mine)
        api.add_url_rule("/api/workspaces", view_func=self.create, methods=["POST"])
        api.add_url_rule("/api/workspaces/<workspace_id>", view_func=self.change, methods=["PATCH"])
        api.add_url_rule("/api/push", view_func=self.push, methods=["POST"])
        return api

    def health(self) -> ResponseReturnValue:
        return {"status": "ok"}

    def mine(self) -> ResponseReturnValue:
        return [self._shown(workspace) for workspace in self.workspaces.of(self._caller().sub)]

    def create(self) -> ResponseReturnValue:
        user = self._caller()
        fields = {"name": "", "members": {}} | self._fields()
        fields["members"] = {user.sub: "owner"} | fields["members"]
        try:
            return self._shown(self.workspaces.create(**fields)), 201
        except ValueError as problem:
            abort(400, str(problem))

    def change(self, workspace_id: str) -> ResponseReturnValue:
        user = self._caller()
        workspace = self.workspaces.get(workspace_id)
        if workspace is None or not workspace.may_change(user.sub):
            abort(404, "no such workspace, or not yours to change")
        try:
            return self._shown(self.workspaces.change(workspace_id, **self._fields()))
        except ValueError as problem:
            abort(400, str(problem))

    def push(self) -> ResponseReturnValue:
        """Pushes all workspaces now, and says how each push went."""
        self._caller()
        return [{"id": each.id, **asdict(self.directory.push(each.id))} for each in self.workspaces.all()]

    def _caller(self) -> User:
        given = request.authorization
        user = self.users.check(given.username or "", given.password or "") if given else None
        if user is None:
            abort(401, "HTTP Basic with a user's address and password, please")
        return user

    def _fields(self) -> dict[str, Any]:
        given = request.get_json()
        if not isinstance(given, dict) or not given.keys() <= FIELDS:
            abort(400, f"an object of {', '.join(sorted(FIELDS))}")
        return given | ({"members": self._members(given["members"])} if "members" in given else {})

    def _members(self, rows: Any) -> dict[str, str]:
        """Members as scripts give them, `{"email", "role"}`, as the workspace keeps them."""
        try:
            found = [(self.users.by_email(row["email"]), str(row["role"])) for row in rows]
        except (TypeError, KeyError, AttributeError):
            abort(400, 'members: a list of {"email", "role"}')
        if any(user is None for user, _ in found):
            abort(400, "members: an address without an account")
        return {user.sub: role for user, role in found if user}

    def _shown(self, workspace: Workspace) -> dict[str, Any]:
        push = self.directory.last.get(workspace.id)
        return {"id": workspace.id, **workspace.pushed(), "push": push and asdict(push)}
