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
from deploy.local.demo.watch import TopicWatcher

PROVIDER = "acme"
FORBIDDEN = 403
INSTALLER = "/api/installer/v1"


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
        self.workspace = ""
        self._topics = topics
        self._tell = tell

    def play(self) -> None:
        """All of it, in order."""
        self.publisher_signs_up()
        self.admin_comes_from_the_product()
        self.product_pushes_a_workspace()
        ours, refusing, shaky = (self.publish(name) for name in ("timesheets", "picky", "shaky"))
        self.install(ours)
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
        body = {"name": f"Acme East {self.run}", "region": "eu", "plan": "PRO"}
        made = httpx.post(
            f"{self.world.product}/api/workspaces", json=body, auth=(self.admin.email, self.admin.password)
        )
        made.raise_for_status()
        self.workspace = made.json()["id"]
        mine = eventually(self._my_workspace, "the pushed workspace in the marketplace")
        self._tell(f"the product pushed workspace {mine['name']!r}: region {mine['region']}, plan {mine['plan']}")

    def _my_workspace(self) -> dict[str, Any] | None:
        for workspace in self.admin.call("GET", "/api/auth/v1/workspaces")["items"]:
            if workspace["id"] == self.workspace:
                found: dict[str, Any] = workspace
                return found
        return None

    def publish(self, name: str) -> str:
        """An add-on by the address of its manifest. Returns its key."""
        url = f"{self.world.addon}/x/{name}-{self.run}/manifest.json"
        body = {"manifest_url": url, "short_text": f"The {name} sample", "category": "samples"}
        key = f"souk-sample-{name}-{self.run}"
        try:
            self.publisher.call("POST", "/api/catalog/v1/addons", json=body)
        except RefusedError as refused:
            if refused.problem.get("slug") != "addon-exists":  # said yes before, and the answer was lost
                raise
        eventually(lambda: self._selectable(key), f"{key} in preflight")
        self._tell(f"published {key} from {url}")
        return key

    def preflight(self, key: str) -> list[dict[str, Any]]:
        """How the admin's workspaces stand for this add-on; empty while the installer does not know it yet."""
        try:
            answer = self.admin.call("GET", f"{INSTALLER}/preflight", params={"addon": key})
        except RefusedError as refused:
            if refused.problem.get("slug", "").endswith("-not-known-yet"):
                return []
            raise
        rows: list[dict[str, Any]] = answer["workspaces"]
        return rows

    def _selectable(self, key: str) -> bool:
        return any(row["workspace_id"] == self.workspace and row["selectable"] for row in self.preflight(key))

    def install(self, key: str) -> str:
        """The main job."""
        installation = self.ask(key)
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
        installation = self.ask(key)
        failed = self._topics.wait("InstallFailed", installation_id=installation)
        shown = self._outcome(installation, "failed")
        if failed.value["reason"] != "addon-refused" or reason not in shown["detail"]:
            raise AssertionError(f"expected the add-on's reason: {failed.value} {shown}")
        self._tell(f"{key}: refused by the add-on: {shown['detail']!r}")

    def install_while_down(self, key: str) -> None:
        """The add-on is down: the install waits, a maintenance notice is raised, and all ends well by itself."""
        self._control("", {"mode": "down"})
        installation = self.ask(key)
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

    def ask(self, key: str) -> str:
        """Ask for an install after a look at preflight. Returns its id."""
        if not self._selectable(key):
            raise AssertionError(f"{self.workspace} cannot take {key}: {self.preflight(key)}")
        body = {"workspace_id": self.workspace, "addon_key": key, "acknowledge": ["region"]}
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        answer = self.admin.call("POST", f"{INSTALLER}/installations", json=body, headers=headers)
        installation: str = answer["id"]
        return installation

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
