"""Every topic of the marketplace: who owns it, what its key is, how long it remembers.

Partition counts never change within a topic's version: the key's partition would, and with it the order.
"""

from datetime import timedelta

from shared.contracts.envelope import Topic, TopicKind

EVENT_RETENTION = timedelta(days=30)
COMMAND_RETENTION = timedelta(days=1)

AUTH_USERS = Topic("auth.users.v1", TopicKind.EVENT, "user id", EVENT_RETENTION)
AUTH_ACCOUNTS = Topic("auth.accounts.v1", TopicKind.STATE, "user id", None)
AUTH_WORKSPACES = Topic("auth.workspaces.v1", TopicKind.STATE, "workspace id", None)
AUTH_MAIL = Topic("auth.mail.v1", TopicKind.COMMAND, "user id", COMMAND_RETENTION)
AUTH_WORKSPACE_CHECKS = Topic("auth.workspace-checks.v1", TopicKind.REPLY, "installation id", COMMAND_RETENTION)
CATALOG_ADDONS = Topic("catalog.addons.v1", TopicKind.STATE, "add-on key", None)
INSTALLER_INSTALLATIONS = Topic(
    "installer.installations.v1", TopicKind.EVENT, "workspace id / add-on key", EVENT_RETENTION
)
INSTALLER_INSTALLATION_STATE = Topic("installer.installation-state.v1", TopicKind.STATE, "installation id", None)
INSTALLER_WORKSPACE_CHECKS = Topic(
    "installer.workspace-checks.v1", TopicKind.COMMAND, "installation id", COMMAND_RETENTION
)
INSTALLER_ADDON_HEALTH = Topic("installer.addon-health.v1", TopicKind.STATE, "add-on key", None)
NOTIFIER_NOTICES = Topic("notifier.notices.v1", TopicKind.STATE, "scope: addon:<key> or all", None)

ALL_TOPICS: tuple[Topic, ...] = (
    AUTH_USERS,
    AUTH_ACCOUNTS,
    AUTH_WORKSPACES,
    AUTH_MAIL,
    AUTH_WORKSPACE_CHECKS,
    CATALOG_ADDONS,
    INSTALLER_INSTALLATIONS,
    INSTALLER_INSTALLATION_STATE,
    INSTALLER_WORKSPACE_CHECKS,
    INSTALLER_ADDON_HEALTH,
    NOTIFIER_NOTICES,
)
