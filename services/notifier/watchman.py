"""Raises and clears the notices of outages when their time has come, and writes to those concerned.

Every step may be repeated: slots are set to what they shall be, mails have fixed ids. So a process that ends in
between only leaves work to the next one.
"""

from collections.abc import Iterable
from datetime import datetime

import structlog

from services.notifier.domain import MAIL_FOR, NOTICE_MAIL_FOR, Urgency, addon_scope, admins_of, mail_id
from services.notifier.mail_store import MailStore
from services.notifier.notice_store import NoticeStore, watch_of
from services.notifier.notices import Origin
from services.notifier.outages import Watch, ripen, settled
from services.notifier.store import Views
from services.notifier.timers import Bell, work_off
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Document
from shared.plumbing.state_relay import StateRelay

log = structlog.get_logger()

WATCHES = 20
PAGE = 500


class Watchman:
    """Any number of them may run."""

    def __init__(
        self, *, notices: NoticeStore, mails: MailStore, views: Views, states: StateRelay, clock: Clock, postman: Bell
    ) -> None:
        self._notices = notices
        self._mails = mails
        self._views = views
        self._states = states
        self._clock = clock
        self._postman = postman
        self.bell = Bell()

    async def run(self) -> None:
        """Watch until cancelled."""
        await work_off("watchman", self.work, self._pause, self.bell)

    async def _pause(self) -> float:
        return await self._notices.due.pause(self._clock.now())

    async def work(self) -> bool:
        """Do what is due now; whether there was anything."""
        return await self._notices.due.work_off(WATCHES, self._ripen)

    async def _ripen(self, document: Document) -> None:
        watch, revision = watch_of(document)
        now = self._clock.now()
        after = ripen(watch, now, told_within=MAIL_FOR)
        if not await self._notices.save(after, revision):
            return  # its health has changed meanwhile, and with it what is due
        if not after.owed:
            return
        await self._publish(after, now)
        if after.news:
            await self._tell(after, now)
        await self._notices.save(settled(after), revision + 1)

    async def _publish(self, watch: Watch, now: datetime) -> None:
        slot: Document | None = None
        if watch.standing:
            name = (await self._views.addons([watch.addon_key])).get(watch.addon_key, {}).get("name")
            text = f"{name or watch.addon_key} does not answer. Installs wait and go on by themselves."
            slot = {"notice_id": watch.notice_id, "text": text, "raised_at": watch.raised_at}
        changed = await self._notices.set_slots(
            addon_scope(watch.addon_key), {"outage": slot}, now, Origin(f"outage:{watch.notice_id}", watch.health_id)
        )
        if changed is not None:
            self._states.mark([changed["_id"]])
            log.info("notice_raised" if slot else "notice_cleared", notice_id=watch.notice_id, scope=changed["_id"])

    async def _tell(self, watch: Watch, now: datetime) -> None:
        """One mail for the publisher and each admin of a workspace that has, or is getting, the add-on."""
        addon = (await self._views.addons([watch.addon_key])).get(watch.addon_key, {})
        publisher = addon.get("publisher_id")
        count = sum(await self._mails.add(_mails(watch, [publisher] if publisher else [], now, own=True)))
        after = ""
        while page := await self._views.affected(watch.addon_key, after, PAGE):
            workspaces = await self._views.workspaces(one["workspace_id"] for one in page)
            admins = {user_id for workspace in workspaces.values() for user_id in admins_of(workspace)}
            count += sum(await self._mails.add(_mails(watch, sorted(admins - {publisher}), now, own=False)))
            after = page[-1]["_id"]
        self._postman.ring()
        log.info("notice_told", notice_id=watch.notice_id, people=count)


def _mails(watch: Watch, user_ids: Iterable[str], now: datetime, *, own: bool) -> list[Document]:
    notice_id = watch.notice_id or ""
    return [
        {
            "_id": mail_id(f"notice:{notice_id}", user_id),
            "kind": "notice",
            "urgency": Urgency.NOTICE,
            "user_id": user_id,
            "notice_id": notice_id,
            "own": own,
            "addon_key": watch.addon_key,
            "since": watch.since,
            "cause": watch.cause,
            "created_at": now,
            "expires_at": now + NOTICE_MAIL_FOR,
            "due_at": now,
            "correlation_id": f"outage:{notice_id}",
        }
        for user_id in user_ids
    ]
