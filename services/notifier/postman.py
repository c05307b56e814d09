"""Sends the mails that are due.

A mail is written at the last moment, with the names, the language and the address that are known then. The server
being away costs no mail an attempt: all of them wait together and leave soon after it is back.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage

import structlog
from prometheus_client import Counter

from services.notifier.domain import RECIPIENT_WITHIN, TOO_LATE, MailState, retry_at
from services.notifier.due_store import Claim
from services.notifier.mail import SECURITY_NOTICE, Letter, Result, Writer
from services.notifier.mail_store import MailStore
from services.notifier.smtp import MailDelayed, MailRefused, MailServer, MailServerAway
from services.notifier.store import Views
from services.notifier.timers import Bell, work_off
from shared.contracts.auth import SEALED_ADDRESS, SEALED_LINK
from shared.contracts.reasons import FailureReason
from shared.plumbing import failpoints
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Document
from shared.plumbing.sealing import SealBroken, Sealer, SealExpired

log = structlog.get_logger()

MAILS = Counter("souk_mails_total", "Mails by kind and what became of them.", ("kind", "outcome"))
FAREWELL = "account-deleted"
"""The one mail that somebody whose account is gone still gets."""
PER_CONNECTION = 5
ASK_AGAIN_FOR_RECIPIENT = timedelta(seconds=30)
AWAY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)

Names = dict[str, Document]


class _Unwritable(Exception):  # noqa: N818 - never leaves this module
    """The mail cannot be written now, or ever."""

    def __init__(self, why: str, *, state: MailState | None = None, wait: timedelta | None = None) -> None:
        super().__init__(why)
        self.state = state
        self.wait = wait


class Postman:
    """Any number of them may run; a lease keeps them off each other's mails."""

    def __init__(
        self,
        *,
        mails: MailStore,
        views: Views,
        writer: Writer,
        sealer: Sealer,
        server: MailServer,
        clock: Clock,
        connections: int,
    ) -> None:
        self._mails = mails
        self._views = views
        self._writer = writer
        self._sealer = sealer
        self._server = server
        self._clock = clock
        self._connections = connections
        self._failures = 0
        self.bell = Bell()

    async def run(self) -> None:
        """Send until cancelled."""
        await work_off("postman", self.work, self._pause, self.bell)

    async def _pause(self) -> float:
        return await self._mails.due_mails.pause(self._clock.now())

    async def work(self) -> bool:
        """Send what is due now; whether there was anything, and somewhere to send it."""
        async with self._mails.due_mails.claim(self._connections * PER_CONNECTION) as claim:
            written = await self._write(claim.documents)
            shares = [written[lane :: self._connections] for lane in range(self._connections)]
            sending = [self._send(share, claim) for share in shares if share]
            outcomes = await asyncio.gather(*sending, return_exceptions=True)  # nobody sends on without the claim
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        if not all(outcomes):
            pause = AWAY_SECONDS[min(self._failures, len(AWAY_SECONDS) - 1)]
            self._failures += 1
            await asyncio.sleep(pause)
        elif outcomes:
            self._failures = 0
        return bool(claim.documents) and all(outcomes)

    async def _send(self, share: Sequence[tuple[Document, EmailMessage]], claim: Claim) -> bool:
        """One connection's share. False if the server is away."""
        waiting = list(share)
        try:
            while waiting:
                async with self._server.connect() as connection:
                    while waiting and connection.usable:
                        if not claim.stands:
                            return True  # another process may have them by now
                        mail, message = waiting.pop(0)
                        try:
                            failpoints.reached(failpoints.BEFORE_MAIL)
                            await connection.send(message)
                            failpoints.reached(failpoints.AFTER_MAIL)
                        except MailRefused as exc:
                            await self._end(mail, MailState.FAILED, str(exc))
                        except MailDelayed as exc:
                            await self._postpone(mail, str(exc))
                        else:
                            await self._end(mail, MailState.SENT)
        except MailServerAway as exc:
            log.warning("mail_server_away", error=str(exc), failures=self._failures + 1)
            return False
        return True

    async def _write(self, mails: Sequence[Document]) -> list[tuple[Document, EmailMessage]]:
        """Write what can be written; settle the rest."""
        accounts = await self._views.accounts(mail["user_id"] for mail in mails)
        results = [result for mail in mails for result in mail.get("items", ())]
        addons = await self._views.addons([one["addon_key"] for one in (*results, *mails) if "addon_key" in one])
        workspaces = await self._views.workspaces(result["workspace_id"] for result in results)
        written = []
        for mail in mails:
            account = accounts.get(mail["user_id"], {})
            try:
                written.append((mail, self._message(mail, account, addons, workspaces)))
            except _Unwritable as exc:
                if exc.state is not None:
                    await self._end(mail, exc.state, str(exc))
                elif exc.wait is not None:
                    due_at = self._clock.now() + exc.wait
                    await self._mails.postpone(mail["_id"], due_at, str(exc), attempted=False)
            except Exception as exc:  # noqa: BLE001 - a mail that cannot be written must not keep the others
                await self._mails.due_mails.step_aside(mail, exc)
        return written

    def _message(self, mail: Document, account: Document, addons: Names, workspaces: Names) -> EmailMessage:
        now = self._clock.now()
        if now >= mail["expires_at"]:
            raise _Unwritable(TOO_LATE, state=MailState.EXPIRED)
        if account.get("deleted") and mail.get("template") != FAREWELL:
            raise _Unwritable("the account is gone", state=MailState.EXPIRED)
        locale = mail.get("locale") or account.get("locale") or "en"
        letter = self._letter(mail, addons, workspaces, locale)
        address = self._address(mail, account)
        try:
            return self._writer.message(letter, mail_id=mail["_id"], to=address, now=now, locale=locale)
        except ValueError:
            raise _Unwritable("not an address", state=MailState.FAILED) from None

    def _letter(self, mail: Document, addons: Names, workspaces: Names, locale: str) -> Letter:
        if mail["kind"] == "link":
            link = self._open(mail["sealed_link"], SEALED_LINK, mail)
            if mail["template"] == SECURITY_NOTICE:
                return self._writer.security_notice(mail["about"], link, mail["at"], locale)
            # Mails of before these were kept end with their link, and have no parameters.
            until = mail["link_until"] if "link_until" in mail else mail["expires_at"]
            return self._writer.link_mail(mail["template"], link, until, locale, mail.get("parameters", {}))
        if mail["kind"] == "notice":
            key = mail["addon_key"]
            cause = mail["cause"]
            name = _name(addons, key) or key
            return self._writer.addon_down(key, name, mail["since"], cause, own=mail["own"], locale=locale)
        results = [
            Result(
                installation_id=one["installation_id"],
                addon=_name(addons, one["addon_key"]) or one["addon_key"],
                workspace=_name(workspaces, one["workspace_id"]),
                reason=FailureReason(one["reason"]) if one["reason"] else None,
                detail=one["detail"],
            )
            for one in mail["items"]
        ]
        return self._writer.results(results, mail["total"], locale)

    def _address(self, mail: Document, account: Document) -> str:
        if mail["kind"] == "link":
            return self._open(mail["sealed_address"], SEALED_ADDRESS, mail)
        sealed = account.get("sealed_address")
        # Nobody is told of add-ons and workspaces at an address that somebody else may have given as theirs.
        if sealed and account.get("verified"):
            return self._open(sealed, SEALED_ADDRESS, mail)
        raise self._no_recipient(mail)

    def _open(self, sealed: str, purpose: str, mail: Document) -> str:
        try:
            return self._sealer.open(sealed, purpose=purpose, now=self._clock.now())
        except SealExpired:
            if mail["kind"] == "link":
                raise _Unwritable(TOO_LATE, state=MailState.EXPIRED) from None
        except SealBroken:
            log.error("sealed_field_not_opened", mail_id=mail["_id"], purpose=purpose)  # noqa: TRY400 - no trace
        raise self._no_recipient(mail)

    def _no_recipient(self, mail: Document) -> _Unwritable:
        """An address may still come, in a state record or with the right key."""
        if self._clock.now() - mail["created_at"] >= RECIPIENT_WITHIN:
            return _Unwritable("no recipient", state=MailState.FAILED)
        return _Unwritable("no recipient yet", wait=ASK_AGAIN_FOR_RECIPIENT)

    async def _postpone(self, mail: Document, error: str) -> None:
        due_at = retry_at(mail["attempts"] + 1, self._clock.now(), random.random())  # noqa: S311 - only spreads load
        await self._mails.postpone(mail["_id"], due_at, error, attempted=True)
        MAILS.labels(mail["kind"], "delayed").inc()
        log.warning("mail_delayed", mail_id=mail["_id"], kind=mail["kind"], error=error, due_at=due_at)

    async def _end(self, mail: Document, state: MailState, error: str | None = None) -> None:
        await self._mails.finish(mail["_id"], state, self._clock.now(), error)
        MAILS.labels(mail["kind"], state).inc()
        write = log.warning if state is MailState.FAILED else log.info
        write(
            "mail_ended",
            mail_id=mail["_id"],
            kind=mail["kind"],
            state=state,
            error=error,
            correlation_id=mail["correlation_id"],
        )


def _name(known: Names, key: str) -> str | None:
    return known.get(key, {}).get("name") or None
