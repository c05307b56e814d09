"""Why a request for an installation is refused, as problem documents."""

from collections.abc import Collection

from services.installer.web import facts, pages
from services.installer.web.facts import Document
from services.installer.web.judging import REGION_NOT_ACKNOWLEDGED, assess
from services.installer.web.next_steps import Action, link, next_of, step
from services.installer.web.pages import Pages
from services.installer.web.reads import Found
from shared.contracts.reasons import Blocker
from shared.plumbing.errors import NotFound, Problem

RETRY_AFTER_SECONDS = 2
"""A change reaches the projections in less; longer only while messaging is down."""

SIGNED_IN = ("token-missing", "token-invalid", "token-expired", "keys-unavailable", "database-unavailable")
"""Slugs of every route that wants a user."""

OF_CHANGE = ("too-many-requests", "503 contended", "newer-release")
"""Slugs of every route that writes."""

OF_REQUEST = (
    *("400 idempotency-key-missing", "422 idempotency-key-invalid", "422 idempotency-key-reused"),
    *("404 account-not-known-yet", "404 workspace-not-known-yet", "404 addon-not-known-yet"),
    *(
        "404 account-not-found",
        "404 workspace-not-found",
        "404 addon-not-found",
        "403 not-admin",
        "409 already-installed",
    ),
    *("422 email-not-verified", "422 workspace-inactive", "422 addon-withdrawn", "422 product-not-compatible"),
    *("422 plan-too-low", "422 two-factor-required", "422 region-not-acknowledged", "415 unsupported-media-type"),
    *("malformed-json", "malformed-url", "invalid-request", *SIGNED_IN, *OF_CHANGE),
)
"""Slugs of a request for an installation."""

_STATUS = {Blocker.ADDON_NOT_VISIBLE: 404, Blocker.NOT_ADMIN: 403, Blocker.ALREADY_INSTALLED: 409}
_TITLES: dict[str, str] = {
    Blocker.NOT_ADMIN: "Only an owner or admin of the workspace installs add-ons",
    Blocker.ALREADY_INSTALLED: "The workspace has this add-on, or an installation of it is under way",
    Blocker.EMAIL_NOT_VERIFIED: "Your e-mail address is not verified",
    Blocker.WORKSPACE_INACTIVE: "The workspace is not active",
    Blocker.ADDON_WITHDRAWN: "The add-on is no longer offered",
    Blocker.PRODUCT_NOT_COMPATIBLE: "The add-on does not fit the workspace's product",
    Blocker.PLAN_TOO_LOW: "The add-on needs a higher plan than the workspace has",
    Blocker.TWO_FACTOR_REQUIRED: "The workspace requires two-factor authentication, which your account has off",
    REGION_NOT_ACKNOWLEDGED: "The add-on may keep data outside the workspace's region, which must be acknowledged",
}


_NAMES = {"addon": "add-on"}


def account_not_found() -> Problem:
    """An access token outlives its account by minutes."""
    return NotFound("account-not-found", "There is no such account")


def addon_not_found() -> Problem:
    """The add-on does not exist, for this caller at least."""
    return NotFound("addon-not-found", "There is no such add-on")


def workspace_not_found() -> Problem:
    """The workspace does not exist, for this caller at least."""
    return NotFound("workspace-not-found", "There is no such workspace among yours")


def installation_not_found() -> Problem:
    """The installation does not exist, for this caller at least."""
    return NotFound("installation-not-found", "There is no such installation in any of your workspaces")


def not_known_yet(what: str) -> Problem:
    """Nothing was heard of it; news of it may be on its way."""
    return NotFound(
        f"{what}-not-known-yet",
        f"The {_NAMES.get(what, what)} is not known here yet",
        "If it was made just now, repeat the request in a moment.",
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def of_unknown(found: Found, user_id: str) -> Problem | None:
    """The refusal that is due before any rule can be asked."""
    if found.account is None:
        return not_known_yet("account")
    if found.account.get("deleted"):
        return account_not_found()
    if found.workspace is None:
        return not_known_yet("workspace")
    if found.workspace.get("deleted") or facts.role_in(found.workspace, user_id) is None:
        return workspace_not_found()
    if found.addon is None:
        return not_known_yet("addon")
    return addon_not_found() if found.addon.get("deleted") else None


def of_request(
    found: Found, user_id: str, acknowledged: Collection[str], *, live: Document | None, will_wait: bool
) -> Problem | None:
    """The refusal of a request that acknowledges this much; None: it is accepted.

    It names all blockers, and what to do next.
    """
    unknown = of_unknown(found, user_id)
    if unknown is not None or found.account is None or found.workspace is None or found.addon is None:
        return unknown
    judged = assess(
        facts.of_account(found.account),
        facts.of_workspace(found.workspace, user_id),
        facts.of_addon(found.addon),
        already_installed=live is not None,
        will_wait=will_wait,
    )
    slug = judged.refusal(acknowledged)
    if slug is None:
        return None
    if slug == Blocker.ADDON_NOT_VISIBLE:
        # As if nothing was ever heard of it: another answer would tell that a private add-on exists.
        return not_known_yet("addon")
    if slug == Blocker.ALREADY_INSTALLED and live is not None:
        return already_installed(live, judged.blockers)
    ways = Pages(found.addon["_id"])
    following = next_of(judged, acknowledged, addon=found.addon, workspace=found.workspace, live=live, ways=ways)
    if slug == REGION_NOT_ACKNOWLEDGED:
        return Problem(slug, 422, _TITLES[slug], region=found.workspace["region"], next=following)
    status = _STATUS.get(Blocker(slug), 422)
    return Problem(slug, status, _TITLES[slug], blockers=judged.blockers, next=following)


def already_installed(live: Document, blockers: Collection[Blocker] = (Blocker.ALREADY_INSTALLED,)) -> Problem:
    """409 with the way to the installation that is there."""
    return Problem(
        Blocker.ALREADY_INSTALLED.value,
        409,
        _TITLES[Blocker.ALREADY_INSTALLED],
        blockers=list(blockers),
        installation=link(live),
        next=step(Action.OPEN_INSTALLATION, href=pages.installation(live["_id"])),
    )


def key_reused() -> Problem:
    """The same key with another request."""
    return Problem(
        "idempotency-key-reused",
        422,
        "This Idempotency-Key belongs to another request of yours",
        "Repeat a request with its own body, or give a new one a fresh key.",
    )


def not_admin() -> Problem:
    """The caller is in the workspace, without the right to change what is installed."""
    return Problem(Blocker.NOT_ADMIN.value, 403, _TITLES[Blocker.NOT_ADMIN], next=step(Action.ASK_AN_ADMIN))
