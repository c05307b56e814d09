"""The stops of the tour, by name, and who makes it."""

from collections.abc import Callable
from dataclasses import dataclass

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.web.screens import Screens

Way = Callable[["Guest"], None]
STOPS: dict[str, Way] = {}


@dataclass(frozen=True)
class Guest:
    """Somebody new in a browser, with an account and an add-on."""

    marketplace: Marketplace
    screens: Screens
    owner: Caller
    addon: SampleAddOn

    def workspace(self, name: str) -> str:
        """A workspace of the owner's that the installer knows."""
        body = {"name": name}
        made: str = self.owner.call("POST", "/api/auth/v1/workspaces", json=body)["id"]
        self.marketplace.preflight(self.addon.key, made, self.owner)
        return made

    def installed(self, workspace: str) -> str:
        """The add-on in one of the owner's workspaces."""
        installation = self.marketplace.request(self.addon.key, workspace, self.owner)
        path = f"/api/installer/v1/installations/{installation}"
        eventually(lambda: self.owner.call("GET", path)["outcome"] == "installed", "the install")
        return installation

    def log_in(self, path: str) -> None:
        """Be logged in, at an address."""
        self.screens.log_in(self.owner, path)


def stop(name: str) -> Callable[[Way], Way]:
    """A place of the tour. `name` is that of its pictures."""

    def add(way: Way) -> Way:
        if name in STOPS:
            raise ValueError(f"two stops are named {name}")
        STOPS[name] = way
        return way

    return add
