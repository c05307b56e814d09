"""The shapes of preflight's answers, for the documentation; `preflight.py` fills them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.installer.web.next_steps import Action
from services.installer.web.reads import JOINED_LIMIT
from shared.contracts.auth import Plan
from shared.contracts.installer import State
from shared.contracts.reasons import Blocker, Caution


class Next(BaseModel):
    """One thing that the visitor can do; further members depend on the action."""

    action: Action
    href: str | None = Field(
        None, description="The web client's page for it: a path on this origin, which leads back to this install"
    )
    acknowledge: list[Caution] | None = Field(None, description="With `acknowledge`: what the request has to name")
    region: str | None = Field(None, description="With `acknowledge`: outside of it the add-on may keep data")
    plan: Plan | None = Field(None, description="With `upgrade-plan`: the lowest that will do")
    products: list[str] | None = Field(
        None, description="With `choose-another-workspace` and `add-workspace`: those that fit; empty: all"
    )
    role: Literal["admin"] | None = Field(None, description="With `sign-up` and log-in: what the account needs to be")
    after_seconds: int | None = Field(None, description="With `try-again`")


class Taken(BaseModel):
    """The installation that is there already."""

    id: str
    state: State
    href: str


class Row(BaseModel):
    """One workspace of the dropdown."""

    workspace_id: str
    name: str
    provider: str | None
    product: str
    region: str
    plan: Plan
    selectable: bool
    will_wait: bool = Field(description="Can be chosen; the installation waits until the add-on is back")
    blockers: list[Blocker] = Field(description="All that stands in the way, the first to mend at the head")
    warnings: list[Caution] = Field(description="Each is also the key of its text; `region` speaks of the row's region")
    acknowledge: list[Caution] = Field(description="The warnings that the request has to name in `acknowledge`")
    installation: Taken | None
    next: Next


class Chosen(BaseModel):
    """The workspace that the caller came with, as a request for it would be answered."""

    workspace_id: str
    selectable: bool = Field(description="Preselect it; its row is among `workspaces`")
    reason: str | None = Field(description="If not: the slug that a request would be refused with")
    next: Next


class Place(BaseModel):
    """A workspace in which the caller is a plain member."""

    workspace_id: str
    name: str
    provider: str | None
    product: str
    region: str


_INSTALL = "%2Faddons%2Ftimer%2Finstall"
_EXAMPLE: dict[str, Any] = {
    "addon": "timer",
    "addon_name": "Timer",
    "verified": True,
    "two_factor": False,
    "workspaces": [
        {
            "workspace_id": "65f1c0ffee0123456789bbbb",
            "name": "Acme Europe",
            "provider": "acme",
            "product": "clock",
            "region": "eu",
            "plan": "PRO",
            "selectable": True,
            "will_wait": False,
            "blockers": [],
            "warnings": ["region"],
            "acknowledge": ["region"],
            "installation": None,
            "next": {
                "action": "acknowledge",
                "href": "/addons/timer/install?workspace=65f1c0ffee0123456789bbbb",
                "acknowledge": ["region"],
                "region": "eu",
            },
        },
        {
            "workspace_id": "65f1c0ffee0123456789aaaa",
            "name": "Acme",
            "provider": None,
            "product": "clock",
            "region": "",
            "plan": "PRO",
            "selectable": False,
            "will_wait": False,
            "blockers": ["two-factor-required"],
            "warnings": [],
            "acknowledge": [],
            "installation": None,
            "next": {
                "action": "enable-two-factor",
                "href": f"/profile?return_to={_INSTALL}%3Fworkspace%3D65f1c0ffee0123456789aaaa#two-factor",
            },
        },
    ],
    "chosen": None,
    "member_of": [],
    "next": {"action": "choose-workspace", "href": "/addons/timer/install"},
    "alternatives": [{"action": "add-workspace", "href": f"/manage-accounts?return_to={_INSTALL}"}],
}


class Preflight(BaseModel):
    """Every workspace that the caller administers, what can be chosen first, then by name."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    addon: str
    addon_name: str
    verified: bool
    two_factor: bool
    workspaces: list[Row]
    chosen: Chosen | None = Field(description="With the parameter `workspace`")
    member_of: list[Place] = Field(
        description=f"For a caller who administers nothing: where an admin can be asked, {JOINED_LIMIT} at most"
    )
    next: Next = Field(description="What the caller can do, all workspaces considered")
    alternatives: list[Next] = Field(description="What the caller can do as well")


class Health(BaseModel):
    """Whether installs of an add-on go through now."""

    addon: str
    status: Literal["available", "down", "maintenance"]
    retry_at: datetime | None = Field(description="When an add-on that is down is tried next")
