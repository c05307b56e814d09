"""The ways from a product to the marketplace, and what has to be there before."""

import secrets
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from tests.e2e.marketplace import Marketplace
from tests.e2e.visitor import QUIET, Visitor
from tests.openid_provider import OpenIdProvider

DEEP = f"{QUIET}?install=1&from=a%20page"


def login(provider: OpenIdProvider, **query: str) -> str:
    """The path of *Log in with (product)*."""
    return f"/api/auth/v1/login/{provider.id}?{urlencode({'return_to': DEEP} | query)}"


def somebody(provider: OpenIdProvider, **claims: Any) -> tuple[str, str]:
    """A fresh account at the provider: its login and its address."""
    name = f"p{secrets.token_hex(5)}"
    email = f"{name}@{provider.id}.example"
    provider.account(name, **({"email": email, "email_verified": True} | claims))
    return name, email


def knows_at_product(visitor: Visitor, provider: OpenIdProvider, name: str) -> None:
    """Logged in at the product, and new at the marketplace."""
    visitor.page.context.clear_cookies()
    visitor.open(login(provider))
    visitor.log_in_as(name)
    visitor.page.context.clear_cookies(domain="localhost")
    assert visitor.me() == {}
    visitor.went.clear()


def from_product(visitor: Visitor, provider: OpenIdProvider, to: str) -> None:
    """Click the link to the marketplace on a page of the product."""
    visitor.page.goto(f"{provider.issuer}/product?to={quote(to)}")
    visitor.page.get_by_role("link", name="Add-ons").click()
    visitor.home()


def confirm(marketplace: Marketplace, visitor: Visitor, email: str) -> None:
    """Use the mailed link."""
    mail = marketplace.mailbox.wait(email, "confirm")
    visitor.page.goto(next(word for word in mail["text"].split() if "/verify-email?token=" in word))
    visitor.page.get_by_role("button", name="Confirm").click()
    visitor.page.get_by_role("link", name="Log in").wait_for()


def push(marketplace: Marketplace, workspace: str, members: dict[str, str]) -> None:
    """As the product does: a whole workspace."""
    body = {
        "version": 1,
        "name": "Globe's",
        "region": "eu",
        "plan": "PRO",
        "requires_two_factor": False,
        "active": True,
        "members": [{"subject": subject, "role": role} for subject, role in members.items()],
    }
    answer = httpx.put(
        f"{marketplace.url}/api/auth/v1/directory/globe/workspaces/{workspace}",
        json=body,
        headers={"Authorization": "Bearer globe-directory-token"},
    )
    assert answer.is_success, answer.text
