"""What the notifier does with each message: keep it for the feed, and note whom to tell."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from services.notifier.domain import MAIL_FOR, Urgency, mail_id
from services.notifier.feed_store import FeedStore, entry
from services.notifier.mail import SECURITY_NOTICE
from services.notifier.mail_store import MailStore
from services.notifier.mail_texts import ENGLISH
from services.notifier.notice_store import NoticeStore
from services.notifier.outages import Patience, observe
from services.notifier.timers import Bell
from shared.contracts.auth import SendMail
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import AddOnHealthChanged, AddOnInstalled, InstallFailed
from shared.contracts.notifier import MaintenanceNoticeCleared, MaintenanceNoticeRaised
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Document
from shared.plumbing.outcomes import Outcome
from shared.plumbing.records import DataFault

log = structlog.get_logger()

TEMPLATES = frozenset({*ENGLISH.ordered, SECURITY_NOTICE})


class MailOrders:
    """Commands of auth to mail a link that only auth can make."""

    def __init__(self, mails: MailStore, clock: Clock, bell: Bell) -> None:
        self._mails = mails
        self._clock = clock
        self._bell = bell

    async def on_send_mail(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        """Store the mails; what is too late or came before stores nothing."""
        now = self._clock.now()
        wanted: dict[int, Document] = {}
        for index, envelope in enumerate(batch):
            command = envelope.data
            if not isinstance(command, SendMail):
                continue
            if command.template not in TEMPLATES:
                raise DataFault("unknown-version", f"template {command.template}")  # a newer release may know it
            expires_at = min(command.expires_at, envelope.time + MAIL_FOR)
            if now < expires_at:
                wanted[index] = {
                    "_id": mail_id(envelope.id, command.user_id),
                    "kind": "link",
                    "urgency": Urgency.SOMEBODY_WAITS,
                    "user_id": command.user_id,
                    "template": command.template,
                    "about": command.parameters.get("kind", ""),
                    "at": envelope.time,
                    "locale": command.locale,
                    "parameters": command.parameters,
                    "sealed_address": command.sealed_address,
                    "sealed_link": command.sealed_link,
                    "created_at": now,
                    "expires_at": expires_at,
                    "link_until": command.expires_at,
                    "due_at": now,
                    "correlation_id": envelope.correlation_id,
                }
        new = dict(zip(wanted, await self._mails.add(list(wanted.values())), strict=True))
        self._bell.ring()
        return [_outcome(new.get(index)) for index in range(len(batch))]


class InstallationEvents:
    """Events of installations: into the feed, and results to whoever asked for the install."""

    def __init__(
        self, feed: FeedStore, mails: MailStore, clock: Clock, *, digests: Bell, digest_wait: timedelta
    ) -> None:
        self._digests = digests
        self._feed = feed
        self._mails = mails
        self._clock = clock
        self._digest_wait = digest_wait

    async def on_events(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        """Keep the events in their order, and the results among them for digests."""
        now = self._clock.now()
        entries = [entry(one, f"workspace:{getattr(one.data, 'workspace_id', '')}", now) for one in batch]
        new = await self._feed.append(entries)
        young = (one for one in batch if now - one.time < MAIL_FOR)
        results = [result for one in young if (result := _result(one))]
        if results:
            await self._mails.add_results(results)
            # Also for those that were kept before: the process may have ended between these two writes.
            people = {result["user_id"] for result in results}
            await self._mails.wish_digests(sorted(people), now + self._digest_wait)
            self._digests.ring()
        return [_outcome(one) for one in new]


class Notices:
    """Our own notices, as Kafka has ordered them: into the feed of whoever they concern."""

    def __init__(self, feed: FeedStore, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock

    async def on_notices(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        """Keep them for the live updates."""
        now = self._clock.now()
        entries = [
            entry(one, one.data.scope, now)
            for one in batch
            if isinstance(one.data, MaintenanceNoticeRaised | MaintenanceNoticeCleared)
        ]
        return [_outcome(one) for one in await self._feed.append(entries)]


class Health:
    """The health of add-ons, as the installer's breakers see it."""

    def __init__(self, notices: NoticeStore, patience: Patience, bell: Bell) -> None:
        self._notices = notices
        self._patience = patience
        self._bell = bell

    async def on_health(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        """Move each add-on's watch on; raising and clearing comes later, by their due times."""
        return [await self._observe(one.id, one.data) for one in batch]

    async def _observe(self, name: str, health: Message) -> Outcome:
        if not isinstance(health, AddOnHealthChanged):
            return Outcome.IGNORED
        while True:
            watch, revision = (await self._notices.watches([health.addon_key]))[health.addon_key]
            after = observe(watch, name, health, self._patience)
            if after == watch:
                return Outcome.SUPERSEDED
            if await self._notices.save(after, revision):
                self._bell.ring()
                return Outcome.DONE


def _outcome(new: bool | None) -> Outcome:
    if new is None:
        return Outcome.IGNORED
    return Outcome.DONE if new else Outcome.DUPLICATE


def _result(envelope: Envelope[Message]) -> Document | None:
    """What a digest tells of this event; None if it is not the end of an install."""
    event = envelope.data
    if isinstance(event, InstallFailed):
        reason, detail = event.reason, event.detail
    elif isinstance(event, AddOnInstalled):
        reason, detail = None, ""
    else:
        return None
    return {
        "_id": envelope.id,
        "user_id": event.requested_by or event.user_id,
        "addon_key": event.addon_key,
        "workspace_id": event.workspace_id,
        "installation_id": event.installation_id,
        "reason": reason,
        "detail": detail,
        "at": envelope.time,
        "correlation_id": envelope.correlation_id,
    }
