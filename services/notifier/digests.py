"""Results become mails: one digest a person, not more often than once a minute."""

from datetime import datetime, timedelta

from services.notifier.domain import MAIL_FOR, Urgency, mail_id
from services.notifier.mail_store import MailStore
from services.notifier.timers import Bell, work_off
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Document

PEOPLE = 50
TAKEN = 2_000
"""Results that one digest settles; more wait a minute."""
LISTED = 50
"""Results that it names; the rest are counted."""


class Digests:
    """Any number of them may run."""

    def __init__(self, mails: MailStore, clock: Clock, postman: Bell, *, every: timedelta) -> None:
        self._mails = mails
        self._clock = clock
        self._postman = postman
        self._every = every
        self.bell = Bell()

    async def run(self) -> None:
        """Close digests as they become due, until cancelled."""
        await work_off("digests", self.work, self._pause, self.bell)

    async def _pause(self) -> float:
        return await self._mails.due_digests.pause(self._clock.now())

    async def work(self) -> bool:
        """Close what is due now; whether there was anything."""
        return await self._mails.due_digests.work_off(PEOPLE, self._close)

    async def _close(self, digest: Document) -> None:
        user_id, begun = digest["_id"], digest.get("closing")
        results = await self._mails.pending_results(user_id, TAKEN)
        if not results and begun is None:
            await self._mails.rest_digest(digest)
            return
        first = begun or results[0]["_id"]
        if begun is None and not await self._mails.begin_digest(digest, first):
            return
        now = self._clock.now()
        mail = _mail(user_id, first, results, now) if results else None
        await self._mails.close_digest(user_id, first, mail, now + self._every)
        self._postman.ring()


def _mail(user_id: str, first: str, results: list[Document], now: datetime) -> Document:
    names = ("installation_id", "addon_key", "workspace_id", "reason", "detail")
    return {
        "_id": mail_id(first, user_id),
        "kind": "results",
        "urgency": Urgency.RESULT,
        "user_id": user_id,
        "items": [{name: result[name] for name in names} for result in results[:LISTED]],
        "total": len(results),
        "taken": [result["_id"] for result in results],
        "created_at": now,
        "expires_at": now + MAIL_FOR,
        "due_at": now,
        "correlation_id": results[0]["correlation_id"],
    }
