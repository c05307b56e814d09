"""The mails that only auth can order, because their link holds a secret. Pure but for the sealing's nonce."""

from datetime import datetime, timedelta

from services.auth.domain import Account
from shared.contracts.auth import SEALED_ADDRESS, SEALED_LINK, SendMail
from shared.plumbing.sealing import Sealer

VERIFY_PATH = "/api/auth/v1/verify-email"
EMAIL_CHANGE_PATH = "/api/auth/v1/email-change/link"
EMAIL_UNDO_PATH = "/api/auth/v1/email-change/undo"
RESET_PATH = "/api/auth/v1/password-reset/link"
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
        return self._mail(account, "verify-email", expires_at, self._link(VERIFY_PATH, token))

    def account_exists(self, account: Account, now: datetime) -> SendMail:
        """Somebody signed up with an address that has an account: told to its owner only, by mail."""
        return self.notice(account, "account-exists", now)

    def email_change(self, account: Account, to: str, token: str, expires_at: datetime) -> SendMail:
        """The link that makes this address the account's."""
        return self._mail(account, "email-change", expires_at, self._link(EMAIL_CHANGE_PATH, token), to)

    def email_undo(self, account: Account, template: str, to: str, token: str, expires_at: datetime) -> SendMail:
        """What was asked for, or done, and the link that takes it back, to the address that is replaced."""
        return self._mail(account, template, expires_at, self._link(EMAIL_UNDO_PATH, token), to)

    def password_reset(self, account: Account, to: str, token: str, expires_at: datetime) -> SendMail:
        """The link that sets a password."""
        return self._mail(account, "password-reset", expires_at, self._link(RESET_PATH, token), to)

    def notice(self, account: Account, template: str, now: datetime, to: str | None = None) -> SendMail:
        """A mail that tells something, to the account's address or another one; its link leads to the start."""
        return self._mail(account, template, now + NOTICE_LIFE, f"{self._public_url}/", to)

    def security_notice(self, account: Account, kind: str, now: datetime) -> SendMail:
        """Something happened that the owner should know of even if it was not them; `kind` as in the security log."""
        link = f"{self._public_url}/account/security"
        return self._mail(account, "security-notice", now + NOTICE_LIFE, link, kind=kind)

    def sealed_address(self, email: str, now: datetime) -> str:
        """For the account's state record."""
        return self._sealer.seal(email, purpose=SEALED_ADDRESS, expires_at=now + ACCOUNT_ADDRESS_LIFE)

    def _link(self, path: str, token: str) -> str:
        return f"{self._public_url}{path}?token={token}"

    def _mail(
        self,
        account: Account,
        template: str,
        expires_at: datetime,
        link: str,
        to: str | None = None,
        *,
        kind: str | None = None,
    ) -> SendMail:
        return SendMail(
            user_id=account.id,
            template=template,
            locale=account.locale,
            parameters={"display_name": account.display_name, **({"kind": kind} if kind else {})},
            sealed_address=self._sealer.seal(to or account.email, purpose=SEALED_ADDRESS, expires_at=expires_at),
            sealed_link=self._sealer.seal(link, purpose=SEALED_LINK, expires_at=expires_at),
            expires_at=expires_at,
        )
