"""The manifest versions as facts: what 1.0 allows, and what each later one changed.

Source: the platform's published schemas. An agreement test holds them beside what is built from this table,
wherever they are at hand.
"""

from dataclasses import dataclass, replace


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLANS = ("FREE", "BASIC", "STANDARD", "PRO", "ENTERPRISE")
ACCESS_LEVELS = ("ADMINS", "EVERYONE")
LIFECYCLE_TYPES = ("INSTALLED", "DELETED", "SETTINGS_UPDATED", "STATUS_CHANGED")
SCOPES = tuple(
    sorted(
        f"{resource}_{right}"
        for right in ("READ", "WRITE")
        for resource in _words("""
            CLIENT PROJECT TAG TASK TIME_ENTRY EXPENSE INVOICE USER GROUP WORKSPACE CUSTOM_FIELDS APPROVAL SCHEDULING
            REPORTS TIME_OFF
            """)
    )
)

# Versions 1.3 and 1.4 know these alone; the versions before them and after them know the extra ones too.
_EVENTS = _words("""
    NEW_PROJECT NEW_TASK NEW_CLIENT NEW_TAG NEW_TIMER_STARTED TIMER_STOPPED
    NEW_TIME_ENTRY TIME_ENTRY_UPDATED TIME_ENTRY_DELETED NEW_INVOICE INVOICE_UPDATED
    USER_JOINED_WORKSPACE USER_DELETED_FROM_WORKSPACE USER_DEACTIVATED_ON_WORKSPACE USER_ACTIVATED_ON_WORKSPACE
    NEW_APPROVAL_REQUEST APPROVAL_REQUEST_STATUS_UPDATED BALANCE_UPDATED
    TIME_OFF_REQUESTED TIME_OFF_REQUEST_APPROVED TIME_OFF_REQUEST_REJECTED TIME_OFF_REQUEST_WITHDRAWN
    """)
_EXTRA_EVENTS = _words("""
    PROJECT_UPDATED PROJECT_DELETED TASK_UPDATED TASK_DELETED CLIENT_UPDATED CLIENT_DELETED TAG_UPDATED TAG_DELETED
    USER_EMAIL_CHANGED USER_UPDATED USER_GROUP_CREATED USER_GROUP_UPDATED USER_GROUP_DELETED
    EXPENSE_CREATED EXPENSE_UPDATED EXPENSE_DELETED
    ASSIGNMENT_CREATED ASSIGNMENT_UPDATED ASSIGNMENT_DELETED ASSIGNMENT_PUBLISHED
    """)
_EVENTS_SINCE_1_5 = _words("""
    BILLABLE_RATE_UPDATED COST_RATE_UPDATED EXPENSE_RESTORED TIME_ENTRY_RESTORED TIME_ENTRY_SPLIT
    LIMITED_USERS_ADDED_TO_WORKSPACE USERS_INVITED_TO_WORKSPACE TIME_OFF_REQUEST_UPDATED
    """)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What is particular to one version."""

    required: tuple[str, ...]
    plan_and_scopes: bool
    """Whether `minimalSubscriptionPlan` and `scopes` are fields at all."""
    events: frozenset[str]
    component_types: frozenset[str]
    component_required: tuple[str, ...]
    component_size: bool
    """Whether components have `width` and `height`."""
    label_max: int | None
    setting_types: frozenset[str]


_V1_0 = Version(
    required=("key", "name", "baseUrl"),
    plan_and_scopes=False,
    events=_EVENTS | _EXTRA_EVENTS,
    component_types=_words("""sidebar widget timeoff.tab schedule.tab approvals.tab reports.tab activity.tab
        team.tab projects.tab"""),
    component_required=("type", "accessLevel", "path"),
    component_size=False,
    label_max=25,
    setting_types=_words("TXT NUMBER DROPDOWN_SINGLE DROPDOWN_MULTIPLE CHECKBOX LINK"),
)
_V1_1 = replace(
    _V1_0,
    required=(*_V1_0.required, "minimalSubscriptionPlan", "scopes"),
    plan_and_scopes=True,
    component_size=True,
)
_V1_2 = replace(_V1_1, setting_types=_V1_1.setting_types | {"USER_DROPDOWN_SINGLE", "USER_DROPDOWN_MULTIPLE"})
_V1_3 = replace(
    _V1_2,
    required=(*_V1_0.required, "minimalSubscriptionPlan"),
    events=_EVENTS,
    component_required=(*_V1_0.component_required, "label"),
    label_max=None,
)
_V1_4 = replace(_V1_3, component_types=_V1_3.component_types | {"invoices.action"})
_V1_5 = replace(_V1_4, events=_EVENTS | _EXTRA_EVENTS | _EVENTS_SINCE_1_5)
_V1_6 = replace(
    _V1_5,
    events=_V1_5.events | {"TIME_OFF_REQUEST_STARTED"},
    component_types=_V1_5.component_types | {"timeentries.action.uiblocks"},
)

VERSIONS: dict[str, Version] = {
    "1.0": _V1_0,
    # The platform lists 1.0.1, 1.0.2 and 1.5.1 but no text of them is public: the version that they amend rules.
    "1.0.1": _V1_0,
    "1.0.2": _V1_0,
    "1.1": _V1_1,
    "1.2": _V1_2,
    "1.3": _V1_3,
    "1.4": _V1_4,
    "1.5": _V1_5,
    "1.5.1": _V1_5,
    "1.6": _V1_6,
}
LATEST = "1.6"
