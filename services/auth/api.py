"""All routes of auth."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Response

from services.auth import api_accounts, api_directory, api_login, api_operator, api_sessions, api_workspaces
from services.auth.accounts import Accounts
from services.auth.desk import Desk
from services.auth.directory import Directory
from services.auth.keyring import Keyring
from services.auth.oidc import OidcClient
from services.auth.product_accounts import ProductAccounts
from services.auth.sessions import Sessions
from services.auth.settings import AuthSettings
from services.auth.store_users import Users
from services.auth.store_workspaces import Workspaces
from services.auth.trips import Trips
from services.auth.web import Browser, Limits
from shared.plumbing.clock import Clock

# Half of how often verifiers look by themselves, so that a new key is not kept from them by a cache between.
_JWKS_SECONDS = 150


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the routes work with."""

    settings: AuthSettings
    public_url: str
    clock: Clock
    users: Users
    workspaces: Workspaces
    accounts: Accounts
    people: ProductAccounts
    sessions: Sessions
    desk: Desk
    keyring: Keyring
    directory: Directory
    providers: Sequence[OidcClient]
    trips: Trips
    browser: Browser
    limits: Limits


def routers(parts: Parts) -> list[APIRouter]:
    """Every router of the service."""
    return [
        _keys(parts.keyring),
        api_accounts.router(parts.accounts, parts.users, parts.limits, parts.public_url),
        api_sessions.router(parts.accounts, parts.sessions, parts.desk, parts.browser, parts.limits),
        api_login.router(
            providers={one.settings.id: one for one in parts.providers},
            people=parts.people,
            desk=parts.desk,
            trips=parts.trips,
            limits=parts.limits,
            clock=parts.clock,
            public_url=parts.public_url,
        ),
        api_workspaces.router(
            workspaces=parts.workspaces,
            users=parts.users,
            clock=parts.clock,
            local_product=parts.settings.local_product,
            limits=parts.limits,
        ),
        api_directory.router(parts.directory, {one.id: one for one in parts.settings.providers}),
        api_operator.router(parts.users, parts.workspaces),
    ]


def _keys(keyring: Keyring) -> APIRouter:
    api = APIRouter(tags=["keys"])

    @api.get("/.well-known/souk/users.jwks.json")
    async def users_jwks(response: Response) -> dict[str, list[dict[str, str]]]:
        """The public keys of users' access tokens (RFC 7517)."""
        response.headers["Cache-Control"] = f"public, max-age={_JWKS_SECONDS}"
        return keyring.jwks()

    return api
