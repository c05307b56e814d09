"""What clients send and get: invites."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import StringConstraints

from services.auth.texts import Address
from services.auth.views import Asked, Told
from services.auth.workspaces.invite import Invite, InvitedRole
from services.auth.workspaces.invite_rules import Status
from shared.contracts.auth import Role
from shared.plumbing.openapi import example


class NewInvite(Asked):
    email: Address
    role: Literal["admin", "member"] = "member"
    """Owners are made of members."""

    @property
    def invited_role(self) -> InvitedRole:
        return Role.ADMIN if self.role == "admin" else Role.MEMBER


class InviteToken(Asked):
    model_config = example({"token": "pVb2cTq0Yd3m8w1nR5xkZs7uLh4jGf6e"})

    token: Annotated[str, StringConstraints(max_length=200)]
    """From behind the # of the mailed link."""


class InviteRow(Told):
    """An invite as the workspace's admins see it; whether the address has an account is not theirs to know."""

    id: str
    email: str
    role: Role
    invited_by: str
    """The user who mailed it last."""
    invited_at: datetime
    expires_at: datetime
    status: Status
    """*void*: whoever mailed it may not invite any more; send it again to make it count."""

    @classmethod
    def of(cls, invite: Invite, status: Status = "open") -> "InviteRow":
        return cls(
            id=invite.id,
            email=invite.email,
            role=invite.role,
            invited_by=invite.invited_by,
            invited_at=invite.invited_at,
            expires_at=invite.expires_at,
            status=status,
        )


class Invitation(Told):
    """What the holder of a link is invited to."""

    workspace: str
    """Its name, as its people chose it."""
    inviter: str
    role: Role
    expires_at: datetime
