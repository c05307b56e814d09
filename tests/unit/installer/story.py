"""The life of one installation, told to the pure core: given what happened so far, when this, expect that."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pydantic import SecretStr

from services.installer.domain import Installation, Kind, Snapshot, Workspace
from services.installer.saga.decide import Saga
from services.installer.saga.inputs import (
    AddOnNow,
    Answer,
    CallReported,
    Checked,
    CheckSent,
    Decision,
    Due,
    Input,
    InstallAsked,
    Lease,
    Result,
    Surroundings,
    Verdict,
)
from services.installer.settings import InstallerSettings
from shared.contracts.auth import Plan, Role, WorkspaceChecked
from shared.contracts.catalog import Visibility
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import State
from shared.contracts.reasons import Side, WaitingFor
from shared.rules.install import AddOnFacts

LIMITS = InstallerSettings(master_key=SecretStr("unused"))
SAGA = Saga(LIMITS)
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BOTH_HOOKS = {"INSTALLED": "/installed", "DELETED": "/deleted"}
USER = "a" * 24
WORKSPACE = "b" * 24
OWNER = "worker-1"

OK = Answer(Result.OK, status=204)
REFUSED = Answer(Result.REFUSED, Side.ADDON, status=403, text="seats are full")
UNKNOWN = Answer(Result.UNKNOWN, Side.ADDON, status=500)
TIMEOUT = Answer(Result.UNKNOWN, Side.ADDON, text="timeout")
NOT_SEEN = Answer(Result.NOT_SEEN, Side.NETWORK, text="dns")
GONE = Answer(Result.GONE, Side.ADDON, status=410)
BLOCKED = Answer(Result.BLOCKED, Side.ADDON, text="private-address")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def asked(**other: Any) -> InstallAsked:
    values: dict[str, Any] = {
        "user_id": USER,
        "idempotency_key": "key",
        "request": "hash",
        "workspace_id": WORKSPACE,
        "workspace": Workspace(owner_id="c" * 24),
        "addon_key": "timer",
        "addon_name": "Timer",
        "if_unavailable": "wait",
        "acknowledged": (),
        "correlation_id": "correlation",
    }
    return InstallAsked(**values | other)


def addon(hooks: dict[str, str] | None = None, **facts: Any) -> AddOnNow:
    values: dict[str, Any] = {
        "minimal_plan": Plan.FREE,
        "products": (),
        "visibility": Visibility.PUBLIC,
        "visible_to": (),
        "withdrawn": False,
    }
    return AddOnNow(
        facts=AddOnFacts(**values | facts),
        snapshot=Snapshot(
            manifest_version=3, base_url="https://timer.example", lifecycle=BOTH_HOOKS if hooks is None else hooks
        ),
        name="Timer",
        kid="k1",
    )


class Story:
    """Time stands until `after`; every decision is checked for purity."""

    def __init__(self, *, generation: int = 1, limits: InstallerSettings = LIMITS, **other: Any) -> None:
        self.now = START
        self.saga = Saga(limits)
        self.one, first = self.saga.begin(asked(**other), generation, self.now)
        self.outgoing: list[Envelope[Message]] = list(first)
        self.addon = addon()
        self._says_until_when()

    def after(self, pause: float) -> Self:
        self.now += seconds(pause)
        return self

    def when(self, message: Input) -> Decision:
        before = deepcopy(self.one)
        decision = self.saga.decide(self.one, message, self.now)
        assert self.one == before, "the core must not change what it was given"
        assert self.saga.decide(self.one, message, self.now) == decision, "the same must be decided again"
        if decision.verdict is not Verdict.APPLIED:
            assert decision.installation is self.one
            assert not decision.outgoing
        self.one = decision.installation
        if decision.verdict is Verdict.APPLIED:
            self.one.version += 1
        self.outgoing += decision.outgoing
        self._says_until_when()
        return decision

    def _says_until_when(self) -> None:
        assert (self.one.until is not None) == self.one.pending, "what is pending says until when at most"

    # --- words -----------------------------------------------------------------------------------------------------

    def lease(self, owner: str = OWNER) -> Lease:
        return Lease(owner, self.now + LIMITS.lease)

    def around(self, *, lease: bool = True, **other: Any) -> Surroundings:
        return Surroundings(**{"addon": self.addon, "lease": self.lease() if lease else None} | other)

    def sent(self) -> Decision:
        return self.when(CheckSent(self.one.check.number))

    def answer(self, **other: Any) -> WorkspaceChecked:
        values: dict[str, Any] = {
            "installation_id": self.one.id,
            "check": self.one.check.number,
            "workspace_id": WORKSPACE,
            "user_id": USER,
            "found": True,
            "workspace_version": 7,
            "active": True,
            "role": Role.ADMIN,
            "verified": True,
            "two_factor": False,
            "requires_two_factor": False,
            "plan": Plan.PRO,
            "product": "clock",
            "region": "eu",
        }
        return WorkspaceChecked(**values | other)

    def checked(self, name: str = "reply-1", around: Surroundings | None = None, **other: Any) -> Decision:
        return self.when(Checked(name, self.answer(**other), around or self.around()))

    def due(self, **other: Any) -> Decision:
        return self.when(Due(self.around(**other)))

    def reported(
        self, answer: Answer, *, kind: Kind | None = None, number: int | None = None, attempt: int | None = None
    ) -> Decision:
        """The attempt under way (or the given one) came back."""
        flight = self.one.flight
        if kind is None or number is None or attempt is None:
            assert flight is not None, "no attempt is under way"
            kind, number, attempt = kind or flight.kind, number or flight.number, attempt or flight.attempt
        return self.when(CallReported(kind, number, attempt, answer))

    # --- beginnings ------------------------------------------------------------------------------------------------

    def checking(self) -> Self:
        self.sent()
        assert self.one.state is State.CHECKING
        return self

    def delivering(self) -> Self:
        self.checking().checked()
        assert self.one.state is State.DELIVERING
        return self

    def waiting(self, obstacle: WaitingFor = WaitingFor.ADDON) -> Self:
        self.checking()
        if obstacle is WaitingFor.PREVIOUS_UNINSTALL:
            self.checked(around=self.around(previous_open=True))
        else:
            self.checked(around=self.around(unavailable=obstacle))
        assert self.one.state is State.WAITING
        return self

    def installed(self) -> Self:
        self.delivering().reported(OK)
        assert self.one.state is State.INSTALLED
        return self

    def at(self, state: State) -> bool:
        """Whether it has come to `state`; a call, so that no type checker believes it stays there."""
        return self.one.state is state

    def at_rest(self) -> bool:
        """Whether nothing is planned or under way."""
        return (self.one.call, self.one.flight, self.one.due_at, self.one.deadline) == (None, None, None, None)

    def events(self) -> list[str]:
        """Types of the events so far, in order; questions to auth left out."""
        return [one.type for one in self.outgoing if one.seq is not None]


def at_state(state: State) -> Story:
    """A story that has come to `state`."""
    from services.installer.saga.inputs import CancelAsked, UninstallAsked  # noqa: PLC0415 - only here

    story = Story()
    if state is State.CHECKING:
        story.checking()
    elif state is State.DELIVERING:
        story.delivering()
    elif state is State.WAITING:
        story.waiting()
    elif state in (State.INSTALLED, State.UNINSTALLED):
        story.installed()
        if state is State.UNINSTALLED:
            story.when(UninstallAsked(USER))
    elif state is State.FAILED:
        story.when(CancelAsked(USER))
    assert story.one.state is state
    return story


def with_call(one: Installation, **changes: Any) -> Installation:
    copied = one.copy()
    assert copied.call is not None
    copied.call = replace(copied.call, **changes)
    return copied
