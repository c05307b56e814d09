"""Links that prove an address, and the mails that carry them."""

from datetime import datetime, timedelta

from services.auth.accounts.mails import Mails
from services.auth.accounts.rules import Claim, new_link
from services.auth.domain import Account
from services.auth.tokens import digest, new_link_token
from shared.contracts.auth import SendMail
from shared.plumbing.clock import Clock

_REPEATED_WITHIN = timedelta(seconds=60)
"""A sign-up that comes again so soon is a double click or a client's retry, and its mail is on its way."""


class Links:
    """Makes links that prove an address, and the mails that carry them."""

    def __init__(self, mails: Mails, clock: Clock, life: timedelta) -> None:
        self.mails = mails
        self._clock = clock
        self._life = life

    def make(self, account: Account, claim: Claim) -> tuple[dict[str, object], SendMail]:
        """The link to store, which makes the claim come true, and the mail with its secret."""
        token, expires_at = new_link_token(account.id), self._clock.now() + self._life
        link = new_link(digest(token), expires_at, claim)
        told = {name: given for name in ("display_name", "locale") if (given := getattr(claim, name)) is not None}
        return link, self.mails.verify_email(account.model_copy(update=told), token, expires_at)

    def just_mailed(self, account: Account, password: str, now: datetime) -> bool:
        """Whether a link that makes this hash the only way to log in was mailed a moment ago."""
        since = now + self._life - _REPEATED_WITHIN
        return any(
            link.used_at is None and link.expires_at > since and not link.identities and link.password == password
            for link in account.links
        )
