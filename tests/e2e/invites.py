"""Ways into a workspace that its admins open by mail."""

import re

from tests.e2e.marketplace import Marketplace
from tests.e2e.people import Caller

WORKSPACES = "/api/auth/v1/workspaces"
INVITES = "/api/auth/v1/invites"


def invite(marketplace: Marketplace, by: Caller, workspace: str, to: str, role: str) -> str:
    """Have it mailed. Returns the secret of the link, from behind the #."""
    name = by.call("GET", f"{WORKSPACES}/{workspace}")["name"]
    by.call("POST", f"{WORKSPACES}/{workspace}/invites", json={"email": to, "role": role})
    mail = marketplace.mailbox.wait(to, f"invited to {name} at ")
    (token,) = re.findall(rf"{re.escape(marketplace.url)}/invite#token=([\w-]+)", mail["text"])
    return str(token)


def join(marketplace: Marketplace, by: Caller, workspace: str, person: Caller, role: str) -> None:
    """Be invited, and accept."""
    token = invite(marketplace, by, workspace, person.email, role)
    person.call("POST", f"{INVITES}/accept", json={"token": token})
