"""The mail that invites somebody who may have no account: only auth can order it, because its link holds a secret."""

import re
from datetime import datetime, timedelta

from services.auth.accounts.mails import NOTICE_LIFE
from services.auth.domain import Account
from services.auth.workspaces.invite import Invite
from services.auth.workspaces.rules import Workspace
from shared.contracts.auth import SEALED_ADDRESS, SEALED_LINK, SendMail
from shared.plumbing.sealing import Sealer

TEMPLATE = "workspace-invite"
# Behind the #, which browsers send to no server: so the secret is in no log, and in no Referer.
INVITE_PAGE = "/invite#token="
# Mail programs make links of these, in our name and to wherever whoever named the workspace wants.
_LIKE_AN_ADDRESS = re.compile(r"//|www\.|@|[^\s.]\.[^\W\d_]{2}", re.IGNORECASE)


class InviteMails:
    """Writes the commands for the notifier."""

    def __init__(self, sealer: Sealer, public_url: str, life: timedelta) -> None:
        self._sealer = sealer
        self._public_url = public_url
        self.life = life

    def invite(self, invite: Invite, workspace: Workspace, inviter: Account, token: str, now: datetime) -> SendMail:
        """In the inviter's language, the one guess there is. The command is keyed by the invite: it has no user."""
        expires_at = now + NOTICE_LIFE
        link = f"{self._public_url}{INVITE_PAGE}{token}"
        return SendMail(
            user_id=invite.id,
            template=TEMPLATE,
            locale=inviter.locale,
            parameters={
                "workspace": harmless(workspace.name),
                "inviter": harmless(inviter.display_name),
                "days": str(self.life.days),
            },
            sealed_address=self._sealer.seal(invite.email, purpose=SEALED_ADDRESS, expires_at=expires_at),
            sealed_link=self._sealer.seal(link, purpose=SEALED_LINK, expires_at=expires_at),
            expires_at=expires_at,
        )


def harmless(name: str) -> str:
    """The name as it may stand in a mail to a stranger: nothing, if it could be read as an address."""
    return "" if _LIKE_AN_ADDRESS.search(name) else name
