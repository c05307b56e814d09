"""The story: from an account to an uninstall, with an add-on that refuses and one that is down.

Every step waits for what an outsider can see: an answer of the gateway, a record on Kafka, a mail, a call that
reached the add-on. A step that sees something else raises.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.local.demo.people import Mailbox, Person, RefusedError, eventually
from deploy.local.demo.visit import INSTALLER, Visit
from deploy.local.demo.watch import TopicWatcher

PROVIDER = "acme"
PUBLISHER = "Paula's workshop"  # as the listings name her
FORBIDDEN = 403


@dataclass(frozen=True)
class World:
    """Where everything is."""

    marketplace: str
    product: str
    addon: str
    addon_control: str
    mail: str
    kafka: str
    make_operator: Callable[[str], None]
    """Runs auth's command; the first operator comes from the command line."""


class Story:
    """One run. Names are fresh in every run, so that it can be told again on the same stack."""

    def __init__(self, world: World, topics: TopicWatcher, tell: Callable[[str], None]) -> None:
        self.world = world
        self.run = secrets.token_hex(3)
        self.mailbox = Mailbox(world.mail)
        self.publisher = Person(world.marketplace, "Paula", f"paula-{self.run}@publisher.example")
        self.admin = Person(world.marketplace, "Ada", f"ada-{self.run}@acme.example")
        self.visit = Visit(self.admin, world.product)
        self.workspace = ""
        self._topics = topics
        self._tell = tell

    def play(self) -> None:
        """All of it, in order."""
        self.publisher_signs_up()
        self.admin_comes_from_the_product()
        self.product_pushes_a_workspace()
        ours, refusing, shaky = (self.publish(name) for name in ("timesheets", "picky", "shaky"))
        self.read_the_region_notice(ours)
        self.unlock_by_a_second_factor(ours)
        self.install(ours)
        self.find_it_installed(ours)
        self.install_refused(refusing)
        self.install_while_down(shaky)
        self.uninstall(ours)

    def close(self) -> None:
        """Close the browsers."""
        self.publisher.browser.close()
        self.admin.browser.close()

    def publisher_signs_up(self) -> None:
        """An account with e-mail and password; an operator makes it a publisher."""
        paula = self.publisher
        paula.sign_up()
        paula.open_link(self.mailbox.wait(paula.email, "confirm"))
        paula.log_in()
        user = paula.call("GET", "/api/auth/v1/me")
        self._topics.wait("UserVerified", user_id=user["id"])
        self.world.make_operator(paula.email)
        paula.log_in()  # roles are in the token
        paula.call("PUT", f"/api/auth/v1/operator/accounts/{user['id']}/roles/publisher")
        paula.log_in()
        self._tell(f"{paula.email} signed up, verified the address by the mailed link, and became a publisher")

    def admin_comes_from_the_product(self) -> None:
        """An account at the product, then *Log in with the product*, and the verification of the address."""
        ada = self.admin
        fields = {"email": ada.email, "name": ada.name, "password": ada.password, "region": "eu"}
        ada.browser.post(f"{self.world.product}/signup", data=fields).raise_for_status()
        # Each round trip is tried again as a whole, as a visitor would: a code that was under way may be spent.
        eventually(lambda: ada.log_in_with_product(PROVIDER).status_code == FORBIDDEN, "the demand to verify first")
        if ada.token:
            raise AssertionError("an unverified address was let in")
        ada.open_link(self.mailbox.wait(ada.email, "confirm"))
        eventually(lambda: ada.log_in_with_product(PROVIDER).is_success, "the log-in with the product")
        user = ada.call("GET", "/api/auth/v1/me")
        self._topics.wait("UserVerified", user_id=user["id"])
        self._tell(f"{ada.email} came from the product, verified the address, and is logged in")

    def product_pushes_a_workspace(self) -> None:
        """The product knows who administers what, and says so."""
        mine = self.visit.pushed_workspace(f"Acme East {self.run}")
        self.workspace = mine["id"]
        self._tell(f"the product pushed workspace {mine['name']!r}: region {mine['region']}, plan {mine['plan']}")

    def publish(self, name: str) -> str:
        """An add-on by the address of its manifest. Returns its key."""
        url = f"{self.world.addon}/x/{name}-{self.run}/manifest.json"
        listing = {"short_text": f"The {name} sample", "category": "samples", "publisher_name": PUBLISHER}
        key = f"souk-sample-{name}-{self.run}"
        try:
            self.publisher.call("POST", "/api/catalog/v1/addons", json={"manifest_url": url, **listing})
        except RefusedError as refused:
            if refused.problem.get("slug") != "addon-exists":  # said yes before, and the answer was lost
                raise
        eventually(lambda: self.visit.selectable(key, self.workspace), f"{key} in preflight")
        self._tell(f"published {key} from {url}")
        return key

    def read_the_region_notice(self, key: str) -> None:
        """A workspace with a data region: the add-on may keep data elsewhere, and somebody has to have read that."""
        (row,) = [one for one in self.visit.preflight(key) if one["workspace_id"] == self.workspace]
        if "region" not in row["warnings"]:
            raise AssertionError(f"no notice about the region: {row}")
        self.visit.refused(key, self.workspace, "region-not-acknowledged", acknowledge=())
        self._tell(f"{key}: not installed before the notice about region {row['region']} is acknowledged")

    def unlock_by_a_second_factor(self, key: str) -> None:
        """A workspace that requires 2FA is locked for whoever has none, and only as long."""
        vault = self.visit.pushed_workspace(f"Acme Vault {self.run}", requires_two_factor=True)["id"]
        row = self.visit.blocked(key, vault, "two-factor-required")
        self._tell(f"{row['name']!r} requires 2FA: locked; next step: {row['next']['action']}")
        recovery_codes = self.visit.switch_on_two_factor()
        eventually(lambda: self.visit.selectable(key, vault), "the workspace unlocked")
        self._tell(f"{self.admin.email} switched 2FA on: {row['name']!r} is unlocked")
        self.visit.switch_off_two_factor(recovery_codes[0])
        self.visit.blocked(key, vault, "two-factor-required")
        self._tell("2FA off again, by a recovery code: locked again")

    def find_it_installed(self, key: str) -> None:
        """One live installation per workspace and add-on."""
        row = self.visit.blocked(key, self.workspace, "already-installed")
        self._tell(f"{key}: already installed in {row['name']!r}, so it cannot be chosen again")

    def install(self, key: str) -> str:
        """The main job."""
        installation = self.visit.ask(key, self.workspace)
        requested = self._topics.wait("InstallRequested", installation_id=installation)
        installed = self._topics.wait("AddOnInstalled", installation_id=installation)
        self._outcome(installation, "installed")
        call = self._calls(key, "INSTALLED", installation)[0]
        mail = self.mailbox.wait(self.admin.email, key.removeprefix("souk-sample-"))
        self._tell(f"{key}: {requested.type}, then {installed.type}; the add-on was called and verified our token")
        self._tell(f"mail to {self.admin.email}: {mail['subject']!r}")
        if not call["verified"]:
            raise AssertionError(f"the add-on could not verify our call: {call}")
        return installation

    def install_refused(self, key: str) -> None:
        """The add-on says no; its reason reaches everybody."""
        reason = "our licence server does not know this workspace"
        self._control(key, {"mode": "refuse", "status": 403, "reason": reason})
        installation = self.visit.ask(key, self.workspace)
        failed = self._topics.wait("InstallFailed", installation_id=installation)
        shown = self._outcome(installation, "failed")
        if failed.value["reason"] != "addon-refused" or reason not in shown["detail"]:
            raise AssertionError(f"expected the add-on's reason: {failed.value} {shown}")
        self._tell(f"{key}: refused by the add-on: {shown['detail']!r}")

    def install_while_down(self, key: str) -> None:
        """The add-on is down: the install waits, a maintenance notice is raised, and all ends well by itself."""
        self._control("", {"mode": "down"})
        installation = self.visit.ask(key, self.workspace)
        self._topics.wait("InstallRequested", installation_id=installation)
        self._tell(f"{key}: the add-on is down; the install waits")
        self._topics.wait("MaintenanceNoticeRaised", 120, scope=f"addon:{key}")
        self._tell(f"{key}: maintenance notice raised")
        self._control("", {"mode": "ok"})
        self._topics.wait("AddOnInstalled", 180, installation_id=installation)
        self._outcome(installation, "installed")
        self._topics.wait("MaintenanceNoticeCleared", 180, scope=f"addon:{key}")
        self._tell(f"{key}: the add-on recovered; installed by itself, notice cleared")

    def uninstall(self, key: str) -> None:
        """Tokens die at once; the add-on is told."""
        (installation,) = [
            one["id"]
            for one in self.admin.call("GET", f"{INSTALLER}/installations?workspace={self.workspace}")["items"]
            if one["addon_key"] == key
        ]
        self.admin.call("DELETE", f"{INSTALLER}/installations/{installation}")
        self._topics.wait("AddOnUninstalled", installation_id=installation)
        eventually(lambda: self._calls(key, "DELETED", installation), "DELETED at the add-on")
        self._tell(f"{key}: uninstalled; the add-on received DELETED")

    def _outcome(self, installation: str, outcome: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            shown: dict[str, Any] = self.admin.call("GET", f"{INSTALLER}/installations/{installation}")
            return shown if shown["outcome"] == outcome else None

        found: dict[str, Any] = eventually(look, f"outcome {outcome} of {installation}")
        return found

    def _control(self, key: str, order: dict[str, Any]) -> None:
        name = key.removeprefix("souk-sample").lstrip("-")
        path = f"/x/{name}/control" if name else "/control"
        httpx.post(self.world.addon_control + path, json=order).raise_for_status()

    def _calls(self, key: str, kind: str, installation: str) -> list[dict[str, Any]]:
        name = key.removeprefix("souk-sample").lstrip("-")
        params = {"type": kind, "addon_id": installation}
        answer = httpx.get(f"{self.world.addon_control}/x/{name}/calls", params=params)
        found: list[dict[str, Any]] = answer.json()
        return found
