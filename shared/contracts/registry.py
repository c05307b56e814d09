"""All message types, by name. A type name is unique across topics."""

from shared.contracts import auth, catalog, installer, notifier
from shared.contracts.envelope import Message

ALL_MESSAGES: tuple[type[Message], ...] = (
    auth.UserRegistered,
    auth.UserVerified,
    auth.TwoFactorChanged,
    auth.AccountChanged,
    auth.WorkspaceChanged,
    auth.SendMail,
    auth.WorkspaceChecked,
    catalog.AddOnPublished,
    catalog.AddOnUpdated,
    catalog.AddOnWithdrawn,
    installer.InstallRequested,
    installer.AddOnInstalled,
    installer.InstallFailed,
    installer.AddOnUninstalled,
    installer.InstallationChanged,
    installer.CheckWorkspace,
    installer.AddOnHealthChanged,
    notifier.MaintenanceNoticeRaised,
    notifier.MaintenanceNoticeCleared,
)

BY_TYPE: dict[str, type[Message]] = {message.type_name(): message for message in ALL_MESSAGES}
