"""The mails that only auth can order, because their link holds a secret. Pure but for the sealing's nonce."""

from datetime import datetime, timedelta

from services.auth.domain import Account
from shared.contracts.auth import SEALED_ADDRESS, SEALED_LINK, SendMail
from shared.plumbing.sealing import Sealer

VERIFY_PATH = "/api/auth/v1/verify-email"
NOTICE_LIFE = timedelta(hours=24)
# The state record is sent again every day; a month bridges any pause of ours without sealing for ever.
ACCOUNT_ADDRESS_LIFE = timedelta(days=30)


class Mails:
    """Writes the commands for the notifier."""

    def __init__(self, sealer: Sealer, public_url: str) -> None:
        self._sealer = sealer
        self._public_url = public_url

    def verify_email(self, account: Account, token: str, expires_at: datetime) -> SendMail:
        """The link that proves the address. The mail is not sent once the link has expired."""
        link = f"{self._public_url}{VERIFY_PATH}?token={token}"
        return self._mail(account, "verify-email", expires_at, link)

    def account_exists(self, account: Account, now: datetime) -> SendMail:
        """Somebody signed up with an address that has an account: told to its owner only, by mail."""
        return self._mail(account, "account-exists", now + NOTICE_LIFE, f"{self._public_url}/")

    def security_notice(self, account: Account, kind: str, now: datetime) -> SendMail:
        """Something happened that the owner should know of even if it was not them; `kind` as in the security log."""
        return self._mail(account, "security-notice", now + NOTICE_LIFE, f"{self._public_url}/account/security", kind)

    def sealed_address(self, email: str, now: datetime) -> str:
        """For the account's state record."""
        return self._sealer.seal(email, purpose=SEALED_ADDRESS, expires_at=now + ACCOUNT_ADDRESS_LIFE)

    def _mail(
        self, account: Account, template: str, expires_at: datetime, link: str, kind: str | None = None
    ) -> SendMail:
        return SendMail(
            user_id=account.id,
            template=template,
            locale=account.locale,
            parameters={"display_name": account.display_name, **({"kind": kind} if kind else {})},
            sealed_address=self._sealer.seal(account.email, purpose=SEALED_ADDRESS, expires_at=expires_at),
            sealed_link=self._sealer.seal(link, purpose=SEALED_LINK, expires_at=expires_at),
            expires_at=expires_at,
        )
