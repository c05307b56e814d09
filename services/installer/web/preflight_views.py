"""The shapes of preflight's answers, for the documentation; `preflight.py` fills them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.installer.web.next_steps import Action
from shared.contracts.auth import Plan
from shared.contracts.installer import State
from shared.contracts.reasons import Blocker, Caution


class Next(BaseModel):
    """One thing that the visitor can do; further members depend on the action."""

    action: Action
    href: str | None = Field(None, description="With `open-installation`")
    plan: Plan | None = Field(None, description="With `upgrade-plan`: the lowest that will do")
    products: list[str] | None = Field(None, description="With `choose-another-workspace`: those that fit")


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
    warnings: list[Caution]
    acknowledge: list[Caution] = Field(description="The warnings that the request has to name in `acknowledge`")
    installation: Taken | None
    next: Next


_EXAMPLE: dict[str, Any] = {
    "addon": "timer",
    "addon_name": "Timer",
    "verified": True,
    "two_factor": False,
    "workspaces": [
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
            "next": {"action": "enable-two-factor"},
        }
    ],
    "next": {"action": "enable-two-factor"},
}


class Preflight(BaseModel):
    """Every workspace that the caller administers, what can be chosen first, then by name."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    addon: str
    addon_name: str
    verified: bool
    two_factor: bool
    workspaces: list[Row]
    next: Next = Field(description="What the caller can do, all workspaces considered")


class Health(BaseModel):
    """Whether installs of an add-on go through now."""

    addon: str
    status: Literal["available", "down", "maintenance"]
    retry_at: datetime | None = Field(description="When an add-on that is down is tried next")
