"""The admin on the way to an install: what preflight shows, and what the request says."""

import secrets
from typing import Any

import httpx
import pyotp

from deploy.local.demo.people import Person, RefusedError, eventually

INSTALLER = "/api/installer/v1"
AUTH = "/api/auth/v1"


class Visit:
    """One admin of workspaces that the product pushes."""

    def __init__(self, admin: Person, product: str) -> None:
        self._admin = admin
        self._product = product

    def pushed_workspace(self, name: str, **more: Any) -> dict[str, Any]:
        """Make a workspace at the product, and wait until the marketplace shows it to the admin."""
        who = (self._admin.email, self._admin.password)
        body = {"name": name, "region": "eu", "plan": "PRO", **more}
        made = httpx.post(f"{self._product}/api/workspaces", json=body, auth=who)
        made.raise_for_status()
        wanted = made.json()["id"]

        def look() -> dict[str, Any] | None:
            mine = self._admin.call("GET", f"{AUTH}/workspaces")["items"]
            return next((dict(one) for one in mine if one["id"] == wanted), None)

        found: dict[str, Any] = eventually(look, "the pushed workspace in the marketplace")
        return found

    def preflight(self, key: str) -> list[dict[str, Any]]:
        """How the admin's workspaces stand for this add-on; empty while the installer does not know it yet."""
        try:
            answer = self._admin.call("GET", f"{INSTALLER}/preflight", params={"addon": key})
        except RefusedError as refused:
            if refused.problem.get("slug", "").endswith("-not-known-yet"):
                return []
            raise
        rows: list[dict[str, Any]] = answer["workspaces"]
        return rows

    def selectable(self, key: str, workspace: str) -> bool:
        """Whether the workspace can take the add-on now."""
        return any(row["workspace_id"] == workspace and row["selectable"] for row in self.preflight(key))

    def ask(self, key: str, workspace: str, *, acknowledge: tuple[str, ...] = ("region",)) -> str:
        """Ask for an install. Returns its id; raises RefusedError."""
        body = {"workspace_id": workspace, "addon_key": key, "acknowledge": acknowledge}
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        answer = self._admin.call("POST", f"{INSTALLER}/installations", json=body, headers=headers)
        installation: str = answer["id"]
        return installation

    def refused(self, key: str, workspace: str, slug: str, *, acknowledge: tuple[str, ...] = ("region",)) -> None:
        """Ask for what preflight does not offer; it has to be refused with this slug."""
        try:
            self.ask(key, workspace, acknowledge=acknowledge)
        except RefusedError as refusal:
            if refusal.problem.get("slug") != slug:
                raise
            return
        raise AssertionError(f"an install of {key} was accepted in spite of {slug}")

    def blocked(self, key: str, workspace: str, blocker: str) -> dict[str, Any]:
        """Wait until preflight shows the workspace with this blocker, which the request then has to refuse with."""

        def look() -> dict[str, Any] | None:
            rows = [row for row in self.preflight(key) if row["workspace_id"] == workspace]
            return next((row for row in rows if blocker in row["blockers"]), None)

        found: dict[str, Any] = eventually(look, f"{blocker} in preflight")
        self.refused(key, workspace, blocker)
        return found

    def switch_on_two_factor(self) -> list[str]:
        """Enrol a device and confirm it with its first code. Returns the recovery codes."""
        begun = self._admin.call("POST", f"{AUTH}/me/two-factor")
        code = pyotp.TOTP(begun["secret"]).now()
        confirmed = self._admin.call("POST", f"{AUTH}/me/two-factor/confirm", json={"code": code})
        codes: list[str] = confirmed["recovery_codes"]
        return codes

    def switch_off_two_factor(self, recovery_code: str) -> None:
        """Without the device: by one of the recovery codes."""
        self._admin.call("POST", f"{AUTH}/me/two-factor/disable", json={"recovery_code": recovery_code})
