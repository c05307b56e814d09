"""What is stored of an invite, in the workspace that it leads to."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from services.auth.domain import Stored
from shared.contracts.auth import Role

InvitedRole = Literal[Role.ADMIN, Role.MEMBER]
"""Nobody becomes an owner by a link: owners are made of members, whom one can see."""


class Invite(Stored):
    """An invite by mail. A used one stays known by its hash until it would have expired, without its address."""

    id: str
    hash: str = Field(repr=False)
    email: str = Field(default="", repr=False)
    email_key: str = Field(default="", repr=False)
    role: InvitedRole
    invited_by: str
    """Whoever mailed it last: it is worth as much as that person's role."""
    invited_at: datetime
    expires_at: datetime
    used_by: str | None = None
