"""What the doctor looks at in the notifier."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from services.notifier.due_store import Due
from services.notifier.mail_store import MailStore
from shared.plumbing.clock import Clock
from shared.plumbing.doctor import Check, Finding

LATE = timedelta(minutes=1)
LATELY = timedelta(days=1)


class Checks:
    """`timers` by what they are for."""

    def __init__(self, timers: Mapping[str, Due], mails: MailStore, clock: Clock) -> None:
        self._timers = timers
        self._mails = mails
        self._clock = clock

    @property
    def all(self) -> tuple[Check, ...]:
        """Every check."""
        return self.late, self.undelivered

    async def late(self) -> Sequence[Finding]:
        """What is due and nobody takes: no worker runs, or the mail server is away."""
        found = []
        for name, timers in self._timers.items():
            since = await timers.oldest()
            if since is not None and self._clock.now() - since > LATE:
                found.append(Finding("timers-late", {"what": name, "since": since}))
        return found

    async def undelivered(self) -> Sequence[Finding]:
        """Mails that came to nothing lately."""
        count = await self._mails.undelivered(self._clock.now() - LATELY)
        return [Finding("mails-undelivered", {"within_a_day": count})] if count else []
