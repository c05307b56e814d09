"""What auth says: accounts, workspaces, mails to send, and the answer to a workspace check."""

from enum import StrEnum
from typing import ClassVar, Literal

from shared.contracts import topics
from shared.contracts.envelope import Contract, Message, Moment, StateMessage, Topic, Whole

# The purposes that sealed fields are bound to (`shared.plumbing.sealing`): auth seals and the notifier opens with them.
SEALED_ADDRESS = "mail-address"
SEALED_LINK = "mail-link"


class Plan(StrEnum):
    """Subscription plans of the product, in rising order (the wire contract's names)."""

    FREE = "FREE"
    BASIC = "BASIC"
    STANDARD = "STANDARD"
    PRO = "PRO"
    ENTERPRISE = "ENTERPRISE"


class Role(StrEnum):
    """What a member may do in a workspace; owners and admins may install."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class _UserEvent(Message):
    topic: ClassVar[Topic] = topics.AUTH_USERS

    user_id: str

    def key(self) -> str:
        """User id."""
        return self.user_id


class UserRegistered(_UserEvent):
    """An account exists; its address is not verified yet."""

    method: Literal["password", "product"]


class UserVerified(_UserEvent):
    """The person has shown that the address is theirs. Emitted once per account."""

    method: Literal["link", "product"]


class TwoFactorChanged(_UserEvent):
    """A second factor was switched on or off."""

    enabled: bool


class AccountChanged(StateMessage):
    """The account as other services need it. The address is sealed for the notifier."""

    topic: ClassVar[Topic] = topics.AUTH_ACCOUNTS

    user_id: str
    verified: bool = False
    two_factor: bool = False
    locale: str = "en"
    display_name: str = ""
    sealed_address: str | None = None

    def key(self) -> str:
        """User id."""
        return self.user_id


class WorkspaceAdmin(Contract):
    """Somebody who may install into the workspace."""

    user_id: str
    role: Literal[Role.OWNER, Role.ADMIN]


class WorkspaceChanged(StateMessage):
    """The whole workspace, whoever owns it: Souk itself (`provider` is null) or a product."""

    topic: ClassVar[Topic] = topics.AUTH_WORKSPACES

    workspace_id: str
    name: str = ""
    provider: str | None = None
    product: str = ""
    region: str = ""
    plan: Plan = Plan.FREE
    requires_two_factor: bool = False
    active: bool = True
    admins: tuple[WorkspaceAdmin, ...] = ()
    members: tuple[str, ...] = ()
    """Ids of the plain members, so that a refusal can tell *not an admin* from *no such workspace*."""

    def key(self) -> str:
        """Workspace id."""
        return self.workspace_id


class SendMail(Message):
    """Send one mail that only auth can write, because its link holds a secret.

    The mail is never sent after `expires_at`; address and link are sealed (`shared.plumbing.sealing`).
    """

    topic: ClassVar[Topic] = topics.AUTH_MAIL

    user_id: str
    """Whom it is for; the id of the invite, where that is somebody who may have no account."""
    template: str
    locale: str
    parameters: dict[str, str]
    sealed_address: str
    sealed_link: str | None = None
    expires_at: Moment

    def key(self) -> str:
        """User id."""
        return self.user_id


class WorkspaceChecked(Message):
    """Auth's answer to `CheckWorkspace`: facts from its own data, which override every projection.

    `check` echoes the command's number; only the current number applies.
    """

    topic: ClassVar[Topic] = topics.AUTH_WORKSPACE_CHECKS

    installation_id: str
    check: Whole
    workspace_id: str
    user_id: str
    found: bool
    """False: no such workspace, or the user is not in it. The other facts are then meaningless."""
    workspace_version: Whole = 0
    active: bool = False
    role: Role | None = None
    verified: bool = False
    two_factor: bool = False
    requires_two_factor: bool = False
    plan: Plan = Plan.FREE
    product: str = ""
    region: str = ""

    def key(self) -> str:
        """Installation id."""
        return self.installation_id
