"""What becomes of somebody's workspaces when the person leaves all of them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from services.auth.workspaces.rules import Member, Workspace
from shared.contracts.auth import Role
from shared.plumbing.errors import Conflict

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Held:
    """A workspace that somebody is in."""

    id: str
    name: str
    provider: str | None
    role: Role
    others: int
    """How many other entries there are."""
    other_owners: int
    other_managers: int
    """Owners and admins whose accounts are known here."""


@dataclass(frozen=True, slots=True)
class Parting:
    """What leaving would mean for each."""

    blocked: tuple[Held, ...]
    """Others are in them, and none of these is an owner."""
    ended: tuple[Held, ...]
    """Nobody else is in them."""
    left: tuple[Held, ...]
    product: tuple[Held, ...]

    @property
    def without_admin(self) -> tuple[Held, ...]:
        """The product's workspaces in which nobody here may do anything any more, until the product names somebody."""
        return tuple(one for one in self.product if one.role is not Role.MEMBER and not one.other_managers)

    @classmethod
    def of(cls, held: Iterable[Held]) -> Self:
        known = tuple(held)
        local = [one for one in known if one.provider is None]
        alone = [one for one in local if not one.others]
        last = [one for one in local if one.others and one.role is Role.OWNER and not one.other_owners]
        rest = [one for one in local if one not in alone and one not in last]
        return cls(tuple(last), tuple(alone), tuple(rest), tuple(one for one in known if one.provider is not None))

    def refuse_blocked(self) -> None:
        """Raises 409 `last-owner`, which names the first of the workspaces."""
        if self.blocked:
            raise Conflict(
                "last-owner",
                "A workspace keeps at least one owner",
                "Make somebody else an owner first, or delete the workspace.",
                workspaces=[{"id": one.id, "name": one.name} for one in self.blocked[:_SHOWN]],
                total=len(self.blocked),
            )


def without(workspace: Workspace, user_id: str) -> tuple[Member, ...]:
    """The members that stay; if no owner is among them, the first of the highest role becomes one."""
    stay = [one for one in workspace.members if one.user_id != user_id]
    if not stay or any(one.role is Role.OWNER for one in stay):
        return tuple(stay)
    heir = next((one for one in stay if one.role is Role.ADMIN), stay[0])
    return tuple(one.model_copy(update={"role": Role.OWNER}) if one is heir else one for one in stay)
