"""Why a request for an installation is refused, as problem documents."""

from collections.abc import Collection

from services.installer.web import facts
from services.installer.web.facts import Document
from services.installer.web.next_steps import Action, link, next_of, step
from services.installer.web.preflight import MUST_ACKNOWLEDGE, REGION_NOT_ACKNOWLEDGED, Assessment
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
    *("404 workspace-not-found", "404 addon-not-found", "403 not-admin", "409 already-installed"),
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
    if found.workspace is None:
        return not_known_yet("workspace")
    if found.workspace.get("deleted") or facts.role_in(found.workspace, user_id) is None:
        return workspace_not_found()
    if found.addon is None:
        return not_known_yet("addon")
    return addon_not_found() if found.addon.get("deleted") else None


def of_rules(
    judged: Assessment, acknowledged: Collection[str], addon: Document, live: Document | None
) -> Problem | None:
    """The refusal by the rules; None: the request is accepted. It names all blockers, and what to do next."""
    slug = judged.refusal(acknowledged)
    if slug is None:
        return None
    if slug == Blocker.ADDON_NOT_VISIBLE:
        # As if nothing was ever heard of it: another answer would tell that a private add-on exists.
        return not_known_yet("addon")
    if slug == Blocker.ALREADY_INSTALLED and live is not None:
        return already_installed(live, judged.blockers)
    if slug == REGION_NOT_ACKNOWLEDGED:
        missing = sorted(MUST_ACKNOWLEDGE & set(judged.cautions) - set(acknowledged))
        return Problem(slug, 422, _TITLES[slug], next=step(Action.ACKNOWLEDGE, acknowledge=missing))
    return Problem(
        slug,
        _STATUS.get(Blocker(slug), 422),
        _TITLES[slug],
        blockers=judged.blockers,
        next=next_of(judged.blockers, live, addon),
    )


def already_installed(live: Document, blockers: Collection[Blocker] = (Blocker.ALREADY_INSTALLED,)) -> Problem:
    """409 with the way to the installation that is there."""
    where = link(live)
    return Problem(
        Blocker.ALREADY_INSTALLED.value,
        409,
        _TITLES[Blocker.ALREADY_INSTALLED],
        blockers=list(blockers),
        installation=where,
        next=step(Action.OPEN_INSTALLATION, href=where["href"]),
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
