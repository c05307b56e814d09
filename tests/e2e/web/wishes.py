"""An install that somebody wants, and begins in the browser."""

import re
from dataclasses import dataclass

from playwright.sync_api import expect

from tests.e2e.marketplace import INSTALLATIONS, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.web.screens import Screens


@dataclass(frozen=True)
class Wish:
    """Somebody who wants an add-on in a workspace, the only one that they have."""

    owner: Caller
    room: str
    addon: SampleAddOn

    def installations(self) -> list[str]:
        """All that there ever were in the workspace."""
        return [one["id"] for one in self.owner.call("GET", f"{INSTALLATIONS}?workspace={self.room}")["items"]]

    def is_installed(self, installation: str) -> bool:
        """Looked at outside of the browser."""
        return bool(self.owner.call("GET", f"{INSTALLATIONS}/{installation}")["outcome"] == "installed")


def begin(screens: Screens, wish: Wish) -> str:
    """Log in and press *Install*: the only workspace is chosen already. Returns the installation's id."""
    screens.log_in(wish.owner, f"/addons/{wish.addon.key}/install")
    screens.button("Install").click()
    expect(screens.page).to_have_url(re.compile("/installations/"))
    return screens.visitor.at.removeprefix("/installations/")
