"""The pages of the product itself: see, create and change workspaces."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from samples.product.login import visitor
from samples.product.push import Directory
from samples.product.users import REGIONS, User, Users
from samples.product.workspaces import PLANS, ROLES, Workspace, Workspaces

CHOICES = {"regions": REGIONS, "plans": PLANS, "roles": ROLES}


@dataclass(frozen=True)
class Pages:
    users: Users
    workspaces: Workspaces
    directory: Directory

    def blueprint(self) -> Blueprint:
        pages = Blueprint("pages", __name__)
        pages.add_url_rule("/", view_func=self.home)
        pages.add_url_rule("/workspaces", view_func=self.create, methods=["POST"])
        pages.add_url_rule("/workspaces/<workspace_id>", view_func=self.show)
        pages.add_url_rule("/workspaces/<workspace_id>", view_func=self.change, methods=["POST"])
        return pages

    def home(self) -> ResponseReturnValue:
        user = visitor(self.users)
        mine = self.workspaces.of(user.sub) if user else []
        return render_template("home.html", user=user, workspaces=mine, pushes=self.directory.last, **CHOICES)

    def create(self) -> ResponseReturnValue:
        user = self._somebody()
        try:
            workspace = self.workspaces.create(members={user.sub: "owner"}, **_fields())
        except ValueError as problem:
            abort(400, str(problem))
        return redirect(url_for("pages.show", workspace_id=workspace.id))

    def show(self, workspace_id: str) -> ResponseReturnValue:
        user = self._somebody()
        workspace = self._known(workspace_id)
        if user.sub not in workspace.members:
            abort(404)
        push = self.directory.last.get(workspace_id)
        return render_template("workspace.html", user=user, users=self.users, workspace=workspace, push=push, **CHOICES)

    def change(self, workspace_id: str) -> ResponseReturnValue:
        user = self._somebody()
        if not self._known(workspace_id).may_change(user.sub):
            abort(404)
        roles = {each.sub: request.form.get(f"role-{each.sub}", "") for each in self.users}
        members = {sub: role for sub, role in roles.items() if role}
        try:
            self.workspaces.change(workspace_id, members=members, **_fields())
        except ValueError as problem:
            abort(400, str(problem))
        return redirect(url_for("pages.show", workspace_id=workspace_id))

    def _somebody(self) -> User:
        user = visitor(self.users)
        if user is None:
            abort(redirect(url_for("login.log_in", next=request.path)))
        return user

    def _known(self, workspace_id: str) -> Workspace:
        workspace = self.workspaces.get(workspace_id)
        if workspace is None:
            abort(404)
        return workspace


def _fields() -> dict[str, Any]:
    form = request.form
    return {
        "name": form.get("name", ""),
        "region": form.get("region", "eu"),
        "plan": form.get("plan", "FREE"),
        "requires_two_factor": "requires_two_factor" in form,
        "active": "active" in form,
    }
