"""All routes of auth."""

from dataclasses import dataclass

from fastapi import APIRouter, Response

import services.auth.accounts.api as accounts_api
import services.auth.factors.api as factors_api
import services.auth.login.api as login_api
import services.auth.operators.api as operators_api
import services.auth.personal_tokens.api as personal_tokens_api
import services.auth.security.api as security_api
import services.auth.sessions.api as sessions_api
import services.auth.workspaces.api as workspaces_api
from services.auth.accounts import address_api, ending_api, password_api
from services.auth.accounts.accounts import Accounts
from services.auth.accounts.address import Addresses
from services.auth.accounts.deletion import Deletion
from services.auth.accounts.export import Export
from services.auth.accounts.recovery import Recovery
from services.auth.accounts.store import Users
from services.auth.factors.challenges import Challenges
from services.auth.factors.guesses import Guesses
from services.auth.factors.second_factor import SecondFactors
from services.auth.login import api_arrival, api_linking
from services.auth.login.journeys import Journeys
from services.auth.login.product_accounts import ProductAccounts
from services.auth.personal_tokens.personal_tokens import PersonalTokens
from services.auth.security.store import SecurityLog
from services.auth.sessions import proofs_api
from services.auth.sessions.desk import Desk
from services.auth.sessions.fresh import declare_refusals
from services.auth.sessions.keyring import Keyring
from services.auth.sessions.proofs import Proofs
from services.auth.sessions.sessions import Sessions
from services.auth.settings import AuthSettings
from services.auth.web import Browser, Limits
from services.auth.workspaces import adding_api, directory_api, invites_api, lifecycle_api
from services.auth.workspaces.directory import Directory
from services.auth.workspaces.invites import Invites
from services.auth.workspaces.policy import Policy
from services.auth.workspaces.seeing import Seeing
from services.auth.workspaces.store import Workspaces
from shared.plumbing.clock import Clock
from shared.plumbing.dead_letters_api import dead_letter_router
from shared.plumbing.dead_letters_desk import DeadLetterDesk

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
    invites: Invites
    accounts: Accounts
    addresses: Addresses
    recovery: Recovery
    deletion: Deletion
    export: Export
    people: ProductAccounts
    sessions: Sessions
    desk: Desk
    proofs: Proofs
    factors: SecondFactors
    challenges: Challenges
    guesses: Guesses
    personal_tokens: PersonalTokens
    security: SecurityLog
    keyring: Keyring
    directory: Directory
    journeys: Journeys
    browser: Browser
    limits: Limits
    dead_letters: DeadLetterDesk


def routers(parts: Parts) -> list[APIRouter]:
    """Every router of the service."""
    settings = parts.settings
    providers = {one.id: one for one in settings.providers}
    made = [
        _keys(parts.keyring),
        accounts_api.router(parts.accounts, parts.users, parts.limits, parts.public_url),
        address_api.router(parts.addresses, parts.limits, parts.public_url),
        password_api.router(parts.recovery, parts.sessions, parts.limits, parts.public_url),
        ending_api.router(parts.deletion, parts.export, parts.users, parts.limits),
        sessions_api.router(
            accounts=parts.accounts,
            users=parts.users,
            sessions=parts.sessions,
            desk=parts.desk,
            browser=parts.browser,
            limits=parts.limits,
            clock=parts.clock,
        ),
        proofs_api.router(
            users=parts.users,
            sessions=parts.sessions,
            desk=parts.desk,
            proofs=parts.proofs,
            challenges=parts.challenges,
            guesses=parts.guesses,
            browser=parts.browser,
            limits=parts.limits,
        ),
        factors_api.router(parts.users, parts.factors, parts.guesses, parts.sessions),
        personal_tokens_api.router(parts.users, parts.personal_tokens, parts.desk, parts.limits),
        security_api.router(parts.security),
        login_api.router(parts.journeys, parts.browser, parts.limits, local_accounts=settings.local_accounts),
        api_arrival.router(parts.journeys, parts.limits),
        api_linking.router(
            users=parts.users,
            people=parts.people,
            workspaces=parts.workspaces,
            sessions=parts.sessions,
            providers=providers,
        ),
        *_workspaces(parts),
        directory_api.router(parts.directory, providers),
        operators_api.router(parts.users, parts.workspaces, parts.factors),
        dead_letter_router("auth", parts.dead_letters, changes=operators_api.fresh_operator),
    ]
    declare_refusals(made)
    return made


def _workspaces(parts: Parts) -> list[APIRouter]:
    settings, workspaces, users = parts.settings, parts.workspaces, parts.users
    limits, clock = parts.limits, parts.clock
    seeing = Seeing(workspaces, {one.id: one.label for one in settings.providers})
    policy = Policy(settings.local_product, settings.local_workspaces, settings.regions)
    return [
        adding_api.router(users=users, providers={one.id: one for one in settings.providers}, policy=policy),
        workspaces_api.router(
            workspaces=workspaces, users=users, seeing=seeing, clock=clock, policy=policy, limits=limits
        ),
        lifecycle_api.router(workspaces=workspaces, seeing=seeing, clock=clock, limits=limits),
        *invites_api.routers(invites=parts.invites, workspaces=workspaces, seeing=seeing, limits=limits, clock=clock),
    ]


def _keys(keyring: Keyring) -> APIRouter:
    api = APIRouter(tags=["keys"])

    @api.get("/.well-known/souk/users.jwks.json")
    async def users_jwks(response: Response) -> dict[str, list[dict[str, str]]]:
        """The public keys of users' access tokens (RFC 7517)."""
        response.headers["Cache-Control"] = f"public, max-age={_JWKS_SECONDS}"
        return keyring.jwks()

    return api
