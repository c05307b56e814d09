"""Typed reasons: one name serves as API field, metric label, text key and documentation anchor.

`Blocker` says why an install cannot be asked for, `FailureReason` why an accepted one failed,
`WaitingFor` what a pending one waits for. `SCREEN_OF` and `SIDE_OF` hold the rule for clients:
only reasons that the visitor or the add-on stated are not shown as maintenance.
"""

from enum import StrEnum
from typing import Literal


class Blocker(StrEnum):
    """Why a workspace cannot take an add-on now. The value is also the problem slug."""

    EMAIL_NOT_VERIFIED = "email-not-verified"
    NOT_ADMIN = "not-admin"
    TWO_FACTOR_REQUIRED = "two-factor-required"
    ALREADY_INSTALLED = "already-installed"
    PLAN_TOO_LOW = "plan-too-low"
    PRODUCT_NOT_COMPATIBLE = "product-not-compatible"
    WORKSPACE_INACTIVE = "workspace-inactive"
    ADDON_WITHDRAWN = "addon-withdrawn"
    ADDON_NOT_VISIBLE = "addon-not-visible"


class Caution(StrEnum):
    """What the visitor should know before installing."""

    REGION = "region"
    """The add-on may keep data outside the workspace's region. To be acknowledged."""
    WILL_WAIT = "will-wait"
    """The add-on is down or under maintenance: the install will wait and finish by itself."""


class FailureReason(StrEnum):
    """Why an accepted installation failed."""

    EMAIL_NOT_VERIFIED = "email-not-verified"
    NOT_ADMIN = "not-admin"
    TWO_FACTOR_REQUIRED = "two-factor-required"
    PLAN_TOO_LOW = "plan-too-low"
    PRODUCT_NOT_COMPATIBLE = "product-not-compatible"
    WORKSPACE_INACTIVE = "workspace-inactive"
    WORKSPACE_GONE = "workspace-gone"
    ADDON_WITHDRAWN = "addon-withdrawn"
    ADDON_REFUSED = "addon-refused"
    ADDON_ADDRESS_BLOCKED = "addon-address-blocked"
    ADDON_GONE = "addon-gone"
    ADDON_UNAVAILABLE = "addon-unavailable"
    MAINTENANCE = "maintenance"
    """Operators keep calls to the add-on back, and the request was not to wait."""
    DEADLINE = "deadline"
    MESSAGING_UNAVAILABLE = "messaging-unavailable"
    CANCELLED = "cancelled"


class WaitingFor(StrEnum):
    """What a pending installation waits for."""

    MESSAGING = "messaging"
    WORKSPACE_CHECK = "workspace_check"
    ADDON = "addon"
    PREVIOUS_UNINSTALL = "previous_uninstall"
    MAINTENANCE = "maintenance"


class Side(StrEnum):
    """Whose side a problem is on."""

    YOU = "you"
    WORKSPACE_RULE = "workspace_rule"
    ADDON = "addon"
    NETWORK = "network"
    US = "us"


Screen = Literal["maintenance", "refused", "fix-it"]

SCREEN_OF: dict[FailureReason, Screen] = {
    FailureReason.EMAIL_NOT_VERIFIED: "fix-it",
    FailureReason.NOT_ADMIN: "fix-it",
    FailureReason.TWO_FACTOR_REQUIRED: "fix-it",
    FailureReason.PLAN_TOO_LOW: "fix-it",
    FailureReason.PRODUCT_NOT_COMPATIBLE: "fix-it",
    FailureReason.WORKSPACE_INACTIVE: "fix-it",
    FailureReason.WORKSPACE_GONE: "fix-it",
    FailureReason.ADDON_WITHDRAWN: "refused",
    FailureReason.ADDON_REFUSED: "refused",
    FailureReason.CANCELLED: "fix-it",
    FailureReason.ADDON_ADDRESS_BLOCKED: "maintenance",
    FailureReason.ADDON_GONE: "refused",
    FailureReason.ADDON_UNAVAILABLE: "maintenance",
    FailureReason.MAINTENANCE: "maintenance",
    FailureReason.DEADLINE: "maintenance",
    FailureReason.MESSAGING_UNAVAILABLE: "maintenance",
}

SIDE_OF: dict[FailureReason, Side] = {
    FailureReason.EMAIL_NOT_VERIFIED: Side.YOU,
    FailureReason.NOT_ADMIN: Side.YOU,
    FailureReason.TWO_FACTOR_REQUIRED: Side.YOU,
    FailureReason.PLAN_TOO_LOW: Side.WORKSPACE_RULE,
    FailureReason.PRODUCT_NOT_COMPATIBLE: Side.WORKSPACE_RULE,
    FailureReason.WORKSPACE_INACTIVE: Side.WORKSPACE_RULE,
    FailureReason.WORKSPACE_GONE: Side.WORKSPACE_RULE,
    FailureReason.ADDON_WITHDRAWN: Side.ADDON,
    FailureReason.ADDON_REFUSED: Side.ADDON,
    FailureReason.CANCELLED: Side.YOU,
    FailureReason.ADDON_ADDRESS_BLOCKED: Side.ADDON,
    FailureReason.ADDON_GONE: Side.ADDON,
    FailureReason.ADDON_UNAVAILABLE: Side.ADDON,
    FailureReason.MAINTENANCE: Side.US,
    FailureReason.DEADLINE: Side.ADDON,
    FailureReason.MESSAGING_UNAVAILABLE: Side.US,
}
