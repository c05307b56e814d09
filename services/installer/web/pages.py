"""Pages of the web client that next steps lead to, as paths on the marketplace's own origin. Pure.

`return_to` is the way back to the same install. It is always made here, never taken from a caller, so it leads to no
other place.
"""

from urllib.parse import quote

HOME = "/"


def installation(installation_id: str) -> str:
    """Where an installation is watched."""
    return f"/installations/{installation_id}"


class Pages:
    """Pages about installing one add-on. With a workspace, that one is chosen on the way back."""

    def __init__(self, addon_key: str) -> None:
        # Quoted once: preflight asks for hundreds of these.
        self._install = f"/addons/{quote(addon_key, safe='')}/install"
        self._back = quote(self._install, safe="")

    def install(self, workspace_id: str | None = None) -> str:
        """The *Install* screen."""
        return self._install if workspace_id is None else f"{self._install}?workspace={workspace_id}"

    def log_in(self, *, with_another_account: bool = False) -> str:
        """The log-in screen; `another` keeps it from logging the present account in again by itself."""
        return f"/login?{'another=1&' if with_another_account else ''}return_to={self._back}"

    def sign_up(self) -> str:
        """Where an account is made."""
        return f"/signup?return_to={self._back}"

    def verify_email(self) -> str:
        """Where the mail with the link can be asked for again."""
        return f"/verify-email?return_to={self._back}"

    def manage_accounts(self, workspace_id: str | None = None) -> str:
        """*Manage accounts*, where workspaces are added and changed."""
        return f"/manage-accounts?return_to={self._way_back(workspace_id)}"

    def two_factor(self, workspace_id: str | None = None) -> str:
        """The profile settings, at two-factor authentication."""
        return f"/profile?return_to={self._way_back(workspace_id)}#two-factor"

    def _way_back(self, workspace_id: str | None) -> str:
        return self._back if workspace_id is None else f"{self._back}%3Fworkspace%3D{workspace_id}"
