"""The next version of an installation in the making: a copy that one input changes, and what leaves with it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zlib import crc32

from services.installer.domain import HISTORY_LIMIT, LOOSE_LIMIT, TEXT_LIMIT, Flight, Installation, Kind, Loose, lane_of
from services.installer.saga.inputs import CallReported, Input, Lease
from services.installer.saga.transitions import require
from services.installer.settings import InstallerSettings
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import State
from shared.contracts.reasons import Side

UNREPORTED = "unreported"
"""The result of an attempt that nobody waits for any more."""
LONGEST_WISH = timedelta(days=1)
"""An add-on may put us off so long at a time; else its first answer to DELETED could also be its last."""


class Step(StrEnum):
    """What a timeline entry tells (`what`); each has `n`, counting from 1, and `at`."""

    REQUESTED = "requested"
    STATE = "state"
    """`source`, `target`, and `reason` or `waiting_for` where they say more."""
    ASKED_AGAIN = "asked_again"
    ATTEMPT = "attempt"
    """`kind number attempt result`, and `status ms side text` of the answer.

    `unreported` is the result of one that nobody waits for any more; if it reports after all, it stands here again.
    """
    RETRY_ASKED = "retry_asked"
    MANIFEST_APPLIED = "manifest_applied"
    """`text`: from which version to which."""
    BASE_URL_MOVED = "base_url_moved"
    CALL_ADDED = "call_added"
    """`kind number`: a clean-up or a redelivery."""
    CALL_CLOSED = "call_closed"
    """`kind number result`; `given_up` is the result of a call without an answer in time."""


class Draft:
    """Made by `Saga.decide` for one input."""

    def __init__(self, installation: Installation, on: type[Input], now: datetime, limits: InstallerSettings) -> None:
        self.one = installation.copy()
        self.now = now
        self.limits = limits
        self.outgoing: list[Envelope[Message]] = []
        self._on = on

    def move(self, target: State, **details: Any) -> None:
        """Go to `target`; raises ForbiddenTransitionError if the table does not have this way."""
        require(self.one.state, self._on, target)
        self.note(Step.STATE, source=self.one.state.value, target=target.value, **details)
        self.one.state = target

    def note(self, what: Step, **details: Any) -> None:
        """Add to the timeline."""
        one = self.one
        one.steps += 1
        entry = {"n": one.steps, "at": self.now, "what": what.value}
        entry.update((name, value) for name, value in details.items() if value is not None)
        one.history = (*one.history, entry)[-HISTORY_LIMIT:]

    def finished(self) -> Installation:
        """The next version, after all changes."""
        one = self.one
        one.changed_at = self.now
        one.until = (self.gives_up_at if one.unsent else one.deadline) if one.pending else None
        return one

    @property
    def gives_up_at(self) -> datetime:
        """When a question that Kafka does not take is given up."""
        return self.one.check.asked_at + self.limits.request_deadline

    def emit(self, event: Callable[[], Envelope[Message]]) -> None:
        """Let an event leave with this change, under the next number."""
        self.one.seq += 1
        self.outgoing.append(event())

    def wake(self, at: datetime, kind: Kind | None = None) -> None:
        """Look again at `at`; with a free slot for a call of `kind`, if one is given."""
        self.one.due_at = at
        self.one.lane = "" if kind is None else lane_of(self.one.addon_key, kind)

    def sleep(self) -> None:
        """Nothing is planned any more."""
        self.one.due_at = None
        self.one.deadline = None
        self.one.lane = ""

    def spread(self, pause: timedelta, salt: str) -> timedelta:
        """`pause` ±20 %, the same for the same installation and salt."""
        return pause * (0.8 + 0.4 * self._fraction(salt))

    def retry_later(self, schedule: Sequence[timedelta], at_least: timedelta | None) -> None:
        """Plan the present call's next attempt, at the deadline at the latest. `at_least`: as the add-on asked."""
        call = self.one.call
        if call is None:
            raise ValueError("no call to repeat")
        pause = self.spread(schedule[min(call.tries, len(schedule) - 1)], f"{call.number}/{call.attempt}")
        at = self.now + max(pause, min(at_least or timedelta(0), LONGEST_WISH))
        self.wake(at if self.one.deadline is None else min(at, self.one.deadline), call.kind)

    def no_slot(self, kind: Kind) -> None:
        """All slots are taken here: try again in 1 to 3 s, wherever."""
        self.wake(self.now + timedelta(seconds=1 + 2 * self._fraction(f"{self.one.version}")), kind)

    def take_off(self, lease: Lease) -> None:
        """Begin the next attempt of the present call under `lease`."""
        one = self.one
        call = one.call
        if call is None:
            raise ValueError("no call to begin")
        one.call = call.begun()
        one.flight = Flight(
            kind=call.kind,
            number=call.number,
            attempt=one.call.attempt,
            owner=lease.owner,
            until=lease.until,
            # Sending begins before the first end of the lease or not at all, and lasts a call's deadline at most.
            quiet_at=lease.until + self.limits.call_deadline,
        )
        self.wake(lease.until, call.kind)

    def answered(self, message: CallReported) -> None:
        """Note how an attempt ended."""
        answer = message.answer
        self.note(
            Step.ATTEMPT,
            kind=message.kind.value,
            number=message.number,
            attempt=message.attempt,
            result=answer.result.value,
            side=answer.side and answer.side.value,
            status=answer.status,
            ms=round(answer.duration.total_seconds() * 1000),
            text=answer.text[:TEXT_LIMIT] or None,
        )

    def lose_flight(self) -> None:
        """Stop waiting for the attempt under way; an INSTALLED may still be heard by the add-on until it is quiet."""
        flight, self.one.flight = self.one.flight, None
        if flight is None:
            return
        self.note(
            Step.ATTEMPT,
            kind=flight.kind.value,
            number=flight.number,
            attempt=flight.attempt,
            result=UNREPORTED,
            # Its process is gone; or it is all well, and only its answer does not matter any more.
            side=Side.US.value if flight.until <= self.now else None,
        )
        if flight.kind is Kind.INSTALLED:
            entry = Loose(number=flight.number, attempt=flight.attempt, quiet_at=flight.quiet_at)
            self.one.loose = (*self.one.loose, entry)[-LOOSE_LIMIT:]

    def catch(self, number: int, attempt: int) -> bool:
        """Forget a loose attempt, because it reported. False if it was none."""
        left = tuple(entry for entry in self.one.loose if (entry.number, entry.attempt) != (number, attempt))
        caught = len(left) < len(self.one.loose)
        self.one.loose = left
        return caught

    def quiet_at(self) -> datetime:
        """From when on no attempt of INSTALLED can reach the add-on any more; now at the earliest."""
        return max([self.now, *(entry.quiet_at for entry in self.one.loose)])

    def _fraction(self, salt: str) -> float:
        return crc32(f"{self.one.id}/{salt}".encode()) / 2**32
