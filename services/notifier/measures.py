"""The notifier's gauges: what is late, and what was never delivered."""

from collections.abc import Mapping

from prometheus_client import Gauge

from services.notifier.checks import LATELY
from services.notifier.due_store import Due
from services.notifier.mail_store import MailStore
from shared.plumbing.clock import Clock

LATE_SECONDS = Gauge("souk_timers_late_seconds", "How late the latest mail, digest or outage is. max", ("what",))
UNDELIVERED = Gauge("souk_mails_undelivered", "Mails that came to nothing within a day; at most 10000 are counted. max")


class Measures:
    """One round of reading, for `shared.plumbing.measuring`. `timers` as in `Checks`."""

    def __init__(self, timers: Mapping[str, Due], mails: MailStore, clock: Clock) -> None:
        self._timers = timers
        self._mails = mails
        self._clock = clock

    async def __call__(self) -> None:
        """Raises the driver's errors."""
        now = self._clock.now()
        for name, timers in self._timers.items():
            since = await timers.oldest()
            LATE_SECONDS.labels(name).set(max(0.0, (now - since).total_seconds()) if since else 0.0)
        UNDELIVERED.set(await self._mails.undelivered(now - LATELY))
