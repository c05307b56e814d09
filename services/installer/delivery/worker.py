"""Works installations off: applies what happened, begins the calls that this makes due, and reports their ends.

Whatever a write decides to call is called at once by the process that wrote it. An attempt under way is one task;
nothing else here is per installation. Leases only save work: a process that is slow, stopped or cut off loses the
compare-and-set, never the truth.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence

import structlog

from services.installer.delivery.caller import Caller
from services.installer.delivery.health import Health
from services.installer.delivery.metrics import CALL_SECONDS, CALLS_UNDER_WAY
from services.installer.delivery.slots import Slots
from services.installer.delivery.surroundings import Lookout
from services.installer.domain import ENDED, Flight, Installation, Kind
from services.installer.saga.inputs import (
    Answer,
    CallReported,
    Decision,
    Due,
    Input,
    InstalledLate,
    RedeliveryAsked,
    Result,
    SuccessorWaits,
    Verdict,
)
from services.installer.settings import InstallerSettings
from services.installer.storage.attempt_store import reported
from services.installer.storage.queries import DueItem
from services.installer.store import InstallationStore
from shared.contracts.reasons import Side, WaitingFor
from shared.plumbing.batching import GroupCommit
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Document

log = structlog.get_logger()

REPORT_LINGER = 0.01
SEND_MARGIN = 1.0
"""Seconds before the end of the lease after which nothing is sent any more."""
DRAIN_SECONDS = 10.0
_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)

Attempt = tuple[str, int, int]
"""Installation, number of the call, attempt."""
Ended = tuple[str, CallReported, Document]
"""Installation, how an attempt at it ended, and what is kept of that."""


class Worker:
    """One process's share of the work."""

    def __init__(
        self,
        store: InstallationStore,
        lookout: Lookout,
        health: Health,
        caller: Caller,
        settings: InstallerSettings,
        *,
        clock: Clock,
        owner: str,
        slots: Slots,
    ) -> None:
        self._store = store
        self._lookout = lookout
        self._health = health
        self._caller = caller
        self._lease = settings.lease
        self._clock = clock
        self._owner = owner
        self._slots = slots
        self._reports: GroupCommit[Ended, None] = GroupCommit(self._fold, linger=REPORT_LINGER)
        self._under_way: dict[Attempt, asyncio.Task[None]] = {}

    async def look(self, items: Sequence[DueItem], *, probing: str | None = None) -> list[Decision | None]:
        """Look at installations again: whatever is due for them is done, or begun."""
        if not items:
            return []
        outlook = await self._lookout.around(items, probing=probing)
        inputs = [(one.id, Due(outlook.around[one.id])) for one in items]
        return await self.apply(inputs, outlook.offered, isolated=True)

    async def apply(
        self,
        inputs: Sequence[tuple[str, Input]],
        offered: Mapping[str, str] | None = None,
        *,
        isolated: bool = False,
    ) -> list[Decision | None]:
        """Apply inputs, begin the calls that are due now, and see to what follows for other installations.

        `offered` names the lane in which a slot was taken for an installation's lease. `isolated` as in the store.
        """
        unused = dict(offered or {})
        try:
            decisions = await self._store.apply(inputs, isolated=isolated)
            for one in {each.installation.id: each.installation for each in _applied(decisions)}.values():
                flight = one.flight
                if flight is not None and flight.owner == self._owner and one.id in unused:
                    self._begin(one, flight, unused.pop(one.id))
        finally:
            for lane in unused.values():
                self._slots.give(lane)
        await self._follow(inputs, decisions)
        return decisions

    async def _follow(self, inputs: Sequence[tuple[str, Input]], decisions: Sequence[Decision | None]) -> None:
        """What one installation's step means for its predecessor or successor in the same workspace."""
        for message, decision in _with_taken_up(inputs, decisions):
            one = decision.installation
            if decision.verdict is Verdict.LATE and isinstance(message, CallReported):
                await self._late(one, message)
            elif _closed(message, decision):
                newer = await self._store.newer(one)
                if newer is not None and newer.waiting_for is WaitingFor.PREVIOUS_UNINSTALL:
                    await self.look([newer])
        waiting = [one for one in (each.installation for each in _applied(decisions)) if _waits_for_previous(one)]
        earlier = await self._store.open_before(waiting)
        if earlier:
            await self.apply([(one.id, SuccessorWaits()) for found in earlier.values() for one in found])

    async def _late(self, one: Installation, message: CallReported) -> None:
        """The add-on heard an INSTALLED after the DELETED that should have ended it."""
        newer = await self._store.newer(one)
        if newer is not None and newer.state not in ENDED:
            (decision,) = await self.apply([(newer.id, RedeliveryAsked("late-predecessor"))])
            if decision is not None and decision.verdict is not Verdict.NOT_ALLOWED:
                return
        await self.apply([(one.id, InstalledLate(message.number, message.attempt))])

    # --- attempts ----------------------------------------------------------------------------------------------

    def _begin(self, one: Installation, flight: Flight, lane: str) -> None:
        key = (one.id, flight.number, flight.attempt)
        left = (flight.until - self._clock.now()).total_seconds()
        send_by = time.monotonic() + left - SEND_MARGIN
        task = asyncio.create_task(self._attempt(one, flight, lane, send_by))
        self._under_way[key] = task
        CALLS_UNDER_WAY.set(len(self._under_way))
        task.add_done_callback(lambda _: self._ended(key))

    def _ended(self, key: Attempt) -> None:
        del self._under_way[key]
        CALLS_UNDER_WAY.set(len(self._under_way))

    async def _attempt(self, one: Installation, flight: Flight, lane: str, send_by: float) -> None:
        begun_at = self._clock.now()
        try:
            answer = await self._caller.call(one, send_by)
        except Exception:
            log.exception("attempt_failed", installation_id=one.id)
            answer = Answer(result=Result.UNKNOWN, side=Side.US, text="internal")
        finally:
            self._slots.give(lane)
        CALL_SECONDS.labels(flight.kind, answer.result).observe(answer.duration.total_seconds())
        # The breaker never stops DELETED, so failures of it must not keep installs away.
        if flight.kind is not Kind.DELETED:
            self._health.count(one.addon_key, answer)
        report = CallReported(flight.kind, flight.number, flight.attempt, answer)
        await self._report((one.id, report, reported(one, report, begun_at)))

    async def _report(self, ended: Ended) -> None:
        """Until it is stored; the lease is prolonged meanwhile, so nobody repeats the call for want of its result."""
        failures = 0
        while True:
            try:
                await self._reports.submit(ended)
            except Exception as exc:  # noqa: BLE001 - whatever is wrong, the result must not be lost
                log.warning("report_waits", installation_id=ended[0], error=type(exc).__name__)
                await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
            else:
                return

    async def _fold(self, batch: Sequence[Ended]) -> Sequence[None]:
        # Both may be repeated; if either fails, both are.
        await asyncio.gather(
            self._store.attempts.record([entry for _, _, entry in batch]),
            self.apply([(installation_id, report) for installation_id, report, _ in batch], isolated=True),
        )
        return [None] * len(batch)

    # --- leases ------------------------------------------------------------------------------------------------

    async def run_leases(self) -> None:
        """Prolong the leases of attempts under way. When cancelled, first let them end, for a while.

        Only meanwhile does this process begin calls: an API, or a command, leaves them to workers.
        """
        self._slots.open()
        pause = self._lease.total_seconds() / 3
        try:
            while True:
                await asyncio.sleep(pause)
                await self._prolong()
        except asyncio.CancelledError:
            self._slots.close()
            end = time.monotonic() + DRAIN_SECONDS
            while self._under_way and time.monotonic() < end:
                await asyncio.wait(self._under_way.values(), timeout=min(pause, DRAIN_SECONDS))
                await self._prolong()
            self._abandon()
            raise

    async def _prolong(self) -> None:
        ids = list({key[0] for key in self._under_way})
        if ids:
            try:
                await self._store.prolong(ids, self._owner, self._lease)
            except Exception as exc:  # noqa: BLE001 - without the database the leases run out, which is their purpose
                log.warning("leases_not_prolonged", error=type(exc).__name__)

    def _abandon(self) -> None:
        for task in list(self._under_way.values()):
            task.cancel()  # its lease runs out and another process repeats it, with the same webhook-id


def _applied(decisions: Sequence[Decision | None]) -> list[Decision]:
    return [each for each in decisions if each is not None and each.verdict is Verdict.APPLIED]


def _with_taken_up(
    inputs: Sequence[tuple[str, Input]], decisions: Sequence[Decision | None]
) -> Iterator[tuple[Input, Decision]]:
    for (_, message), decision in zip(inputs, decisions, strict=True):
        if decision is not None:
            yield from decision.taken_up
            yield message, decision


def _closed(message: Input, decision: Decision) -> bool:
    ended = decision.installation.state in ENDED and decision.installation.call is None
    return ended and decision.verdict is Verdict.APPLIED and isinstance(message, CallReported | Due)


def _waits_for_previous(one: Installation) -> bool:
    return one.waiting_for is WaitingFor.PREVIOUS_UNINSTALL
