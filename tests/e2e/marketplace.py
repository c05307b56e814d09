"""The whole as tests see it: the gateway, and what an outsider can look at."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.local.demo.people import Mailbox, RefusedError, eventually
from deploy.local.demo.story import PUBLISHER
from deploy.local.stack import Stack
from tests.e2e.people import Caller
from tests.e2e.publisher_site import Site
from tests.e2e.topics import Topics, behind

INSTALLATIONS = "/api/installer/v1/installations"
EVENTS = "installer.installations.v1"


@dataclass(frozen=True)
class SampleAddOn:
    """One of the add-ons of the sample's process, seen through its control door."""

    name: str
    key: str
    control_url: str

    @property
    def title(self) -> str:
        return f"Souk sample {self.name}"

    def behave(self, mode: str, **more: object) -> None:
        """From now on; see samples/addon/modes.py."""
        answer = httpx.post(f"{self.control_url}/x/{self.name}/control", json={"mode": mode, **more})
        answer.raise_for_status()

    def calls(self, kind: str | None = None, **fields: str) -> list[dict[str, Any]]:
        """What was received, the oldest first."""
        params = fields | ({"type": kind} if kind else {})
        found: list[dict[str, Any]] = httpx.get(f"{self.control_url}/x/{self.name}/calls", params=params).json()
        return found

    def install(self, installation: str) -> dict[str, Any]:
        """What the add-on keeps of one installation; empty if it knows none."""
        rows = httpx.get(f"{self.control_url}/x/{self.name}/installs", params={"addon_id": installation}).json()
        return dict(rows[0]) if rows else {}


class Marketplace:
    """A stack, and everybody in it."""

    def __init__(self, stack: Stack, topics: Topics, site: Site) -> None:
        self.stack = stack
        self.topics = topics
        self.site = site
        self.url = stack.plan.public_url
        self.product_url = f"http://localhost:{stack.plan.ports['product']}"
        self.addon_url = f"http://localhost:{stack.plan.ports['addon']}"
        self.control_url = stack.plan.url("addon_control")
        self.mailbox = Mailbox(stack.plan.mail_url)
        self._people: list[Caller] = []
        self.publisher = self.person("Paula")
        self.operator = self.person("Olga")
        self.admin = self.person("Ada")

    def open_accounts(self) -> None:
        """The people that most tests need."""
        for one in (self.publisher, self.operator, self.admin):
            one.open_account(self.mailbox)
        made = self.stack.run("auth", "operator", self.operator.email)
        if made.returncode:
            raise RuntimeError(made.stderr or made.stdout)
        self.operator.log_in()
        self.make_publisher(self.publisher)

    def make_publisher(self, person: Caller) -> None:
        self.operator.call("PUT", f"/api/auth/v1/operator/accounts/{person.user_id}/roles/publisher")
        person.log_in()  # roles are in the token

    def person(self, name: str) -> Caller:
        """Somebody without an account yet."""
        self._people.append(Caller(self.url, name, f"{name.lower()}-{secrets.token_hex(4)}@people.example"))
        return self._people[-1]

    def close(self) -> None:
        """Close everybody's browser."""
        for person in self._people:
            person.browser.close()

    def customer(self, name: str = "Carla") -> Caller:
        """Somebody with an account."""
        person = self.person(name)
        person.open_account(self.mailbox)
        return person

    def customer_of_the_product(self, name: str) -> Caller:
        """Somebody who came by *Log in with the product*, and has verified the address."""
        person = self.person(name)
        fields = {"email": person.email, "name": name, "password": person.password, "region": "eu"}
        person.browser.post(f"{self.product_url}/signup", data=fields).raise_for_status()
        person.log_in_with_product("acme")
        person.open_link(self.mailbox.wait(person.email, "confirm"))
        person.log_in_with_product("acme")
        person.user_id = person.call("GET", "/api/auth/v1/me")["id"]
        return person

    def pushed(self, owner: Caller, **fields: Any) -> str:
        """A fresh workspace of the product's; `members` are e-mail addresses with role."""
        body = {"name": f"Wing {secrets.token_hex(4)}", **fields}
        made = httpx.post(
            f"{self.product_url}/api/workspaces", json=body, auth=(owner.email, owner.password), timeout=20
        )
        made.raise_for_status()
        pushed: str = made.json()["id"]
        return pushed

    def change_at_the_product(self, owner: Caller, workspace: str, **fields: Any) -> None:
        """Which the product pushes."""
        where = f"{self.product_url}/api/workspaces/{workspace}"
        httpx.patch(where, json=fields, auth=(owner.email, owner.password), timeout=20).raise_for_status()

    def workspace(self, owner: Caller | None = None) -> str:
        """A fresh local workspace."""
        body = {"name": f"Room {secrets.token_hex(4)}"}
        made: str = (owner or self.admin).call("POST", "/api/auth/v1/workspaces", json=body)["id"]
        return made

    def addon(self, publisher: Caller | None = None, **listing: Any) -> SampleAddOn:
        """A fresh add-on of the sample, published by its manifest's address."""
        name = f"e2e-{secrets.token_hex(5)}"
        url = f"{self.addon_url}/x/{name}/manifest.json"
        body = {"manifest_url": url, "category": "samples", "publisher_name": PUBLISHER, **listing}
        key = (publisher or self.publisher).call("POST", "/api/catalog/v1/addons", json=body)["key"]
        return SampleAddOn(name, key, self.control_url)

    def preflight(self, key: str, workspace: str, person: Caller | None = None) -> dict[str, Any]:
        """The workspace's row, as soon as the installer knows both."""

        def look() -> dict[str, Any] | None:
            try:
                answer = (person or self.admin).call("GET", "/api/installer/v1/preflight", params={"addon": key})
            except RefusedError as refused:
                if refused.problem.get("slug", "").endswith("-not-known-yet"):
                    return None
                raise
            return next((dict(row) for row in answer["workspaces"] if row["workspace_id"] == workspace), None)

        found: dict[str, Any] = eventually(look, f"{workspace} in the preflight of {key}")
        return found

    def name_of(self, key: str, workspace: str, person: Caller | None = None) -> str:
        """What the dropdown calls a workspace, once it is there."""
        name: str = self.preflight(key, workspace, person)["name"]
        return name

    def look(self, key: str, person: Caller, workspace: str | None = None) -> dict[str, Any]:
        """The whole preflight, as soon as the installer knows the add-on and the person."""
        params = {"addon": key} | ({"workspace": workspace} if workspace else {})

        def look() -> dict[str, Any] | None:
            answer = person.send("GET", "/api/installer/v1/preflight", params=params)
            if answer.status_code == 404 and answer.json()["slug"].endswith("-not-known-yet"):
                return None
            assert answer.status_code == 200, answer.text
            # Whose account was made just now may be known before the proof of the address is.
            return dict(answer.json()) if answer.json()["verified"] else None

        found: dict[str, Any] = eventually(look, f"the preflight of {key}")
        return found

    def snapshot(self, workspace: str) -> dict[str, Any]:
        """How the notifier sees the admin's workspace, as soon as it knows it."""

        def look() -> dict[str, Any] | None:
            answer = self.admin.send("GET", "/api/notifier/v1/snapshot", params={"workspace": workspace})
            return answer.json() if answer.is_success else None

        found: dict[str, Any] = eventually(look, f"{workspace} at the notifier")
        return found

    def ask(self, key: str, workspace: str, person: Caller | None = None, **more: Any) -> httpx.Response:
        """One request for an install. `idempotency_key` and `request_id` are headers, the rest is the body."""
        headers = {"Idempotency-Key": more.pop("idempotency_key", None) or secrets.token_hex(16)}
        if request_id := more.pop("request_id", None):
            headers["X-Request-Id"] = request_id
        body = {"workspace_id": workspace, "addon_key": key, **more}
        return (person or self.admin).send("POST", INSTALLATIONS, json=body, headers=headers)

    def request(self, key: str, workspace: str, person: Caller | None = None, **more: Any) -> str:
        """Ask after a look at preflight. Returns the installation's id."""
        self.preflight(key, workspace, person)
        answer = self.ask(key, workspace, person, **more)
        assert answer.status_code == 202, answer.text
        made: str = answer.json()["id"]
        return made

    def show(self, installation: str, person: Caller | None = None) -> dict[str, Any]:
        shown: dict[str, Any] = (person or self.admin).call("GET", f"{INSTALLATIONS}/{installation}")
        return shown

    def until(
        self, installation: str, holds: Callable[[dict[str, Any]], bool], what: str, seconds: float = 60
    ) -> dict[str, Any]:
        """The installation as soon as `holds`. Raises TimeoutError with the last that was shown."""
        shown: dict[str, Any] = {}

        def look() -> bool:
            nonlocal shown
            shown = self.show(installation)
            return holds(shown)

        try:
            eventually(look, what, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{what} not seen within {seconds:.0f} s; at last {json.dumps(shown)}") from error
        return shown

    def outcome(self, installation: str, outcome: str, seconds: float = 60) -> dict[str, Any]:
        """The installation with this outcome."""
        return self.until(installation, lambda one: one["outcome"] == outcome, f"outcome {outcome}", seconds)

    def install(self, addon: SampleAddOn, workspace: str, person: Caller | None = None) -> str:
        """Ask and await `installed`."""
        installation = self.request(addon.key, workspace, person)
        self.topics.wait("AddOnInstalled", installation_id=installation)
        return installation

    def told(self, installation: str) -> list[tuple[str, str]]:
        """Type and `seq` of the installation's events, duplicates left out."""
        return [(one.type, one.header("seq")) for one in self.topics.distinct(EVENTS, installation_id=installation)]

    def mails_about(self, installation: str, person: Caller | None = None) -> list[dict[str, Any]]:
        """Mails to a person that link to the installation."""
        mails = self.mailbox.mails((person or self.admin).email, "")
        return [mail for mail in mails if f"/installations/{installation}" in mail["text"]]

    def await_one_mail_about(self, installation: str, person: Caller | None = None) -> dict[str, Any]:
        """The mail about an install, which comes once."""
        found = eventually(lambda: self.mails_about(installation, person), f"a mail about {installation}")
        assert len(found) == 1, found
        return dict(found[0])

    def settle(self, seconds: float = 60) -> None:
        """Until every consumer group has handled all that there is. Raises TimeoutError if one does not."""
        left: dict[str, int] = {}

        def look() -> bool:
            nonlocal left
            left = behind(self.stack.plan.kafka)
            return not left

        try:
            eventually(look, "consumers at the ends of their topics", seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {left}") from error

    def dead_letters(self, service: str, reason: str | None = None) -> list[dict[str, Any]]:
        """As the service's command lists them."""
        ran = self.stack.run(service, "dead-letters", "list", *(("--reason", reason) if reason else ()))
        assert ran.returncode == 0, ran.stderr
        found: list[dict[str, Any]] = json.loads(ran.stdout)
        return found
