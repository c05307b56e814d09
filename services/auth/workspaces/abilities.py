"""What somebody may do with a workspace, said the way a client shows it. Pure.

Only a summary: each rule stands in `rules`, `lifecycle` and `invite_rules`, and is asked again when it matters.
"""

from typing import Literal

from services.auth.workspaces.rules import MANAGING, Workspace, is_only_owner, role_of
from shared.contracts.auth import Role

Ability = Literal[
    "install",
    "see-members",
    "rename",
    "set-two-factor-rule",
    "change-roles",
    "remove-members",
    "invite",
    "make-owners",
    "transfer",
    "archive",
    "restore",
    "delete",
    "leave",
]


def abilities(workspace: Workspace, user_id: str) -> tuple[Ability, ...]:
    """Of this user; nothing for those who are not in it. A product's workspace is changed at the product."""
    role = role_of(workspace, user_id)
    here = workspace.provider is None
    admin, owner = role in MANAGING, role is Role.OWNER
    active = workspace.active
    found: dict[Ability, bool] = {
        "install": admin and active,
        "see-members": admin,
        "rename": admin and here,
        "set-two-factor-rule": admin and here,
        "change-roles": admin and here,
        "remove-members": admin and here,
        "invite": admin and here and active,
        "make-owners": owner and here,
        "transfer": owner and here,
        "archive": owner and here and active,
        "restore": owner and here and not active,
        "delete": owner and here and not active,
        "leave": role is not None and here and not is_only_owner(workspace, user_id),
    }
    return tuple(one for one, may in found.items() if may)
