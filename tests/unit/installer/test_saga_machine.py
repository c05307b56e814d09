"""A hypothesis state machine over the pure core: anything may happen in any order, these things always hold.

The machine plays the world around one installation: relays that send late or twice, auth's answers that are late,
repeated or never come, processes that die with an attempt under way or wake up long after, an add-on that answers
anything, people who press every button, a breaker that opens and closes.
"""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.installer.domain import Flight, Kind, webhook_id
from services.installer.saga.inputs import (
    Answer,
    BaseUrlMoved,
    CallReported,
    CancelAsked,
    Checked,
    CheckSent,
    InstalledLate,
    ManifestApplied,
    RedeliveryAsked,
    Result,
    RetryAsked,
    SuccessorWaits,
    UninstallAsked,
    Verdict,
    WorkspaceGone,
)
from services.installer.saga.transitions import TABLE
from services.installer.storage.documents import from_document, to_document
from shared.contracts.auth import WorkspaceChecked
from shared.contracts.installer import CheckWorkspace, Cleanup, Outcome, State
from shared.contracts.reasons import WaitingFor
from tests.unit.installer.story import USER, Story, addon

ANSWERS = st.sampled_from([Answer(result, status=200 if result is Result.OK else None) for result in Result])
RARELY = st.integers(0, 7).map(lambda number: number == 7)
SELDOM_DOWN = st.sampled_from([None, None, None, None, WaitingFor.ADDON, WaitingFor.MAINTENANCE])
# Mostly the pauses between one step and the next; now and then a deadline's length.
PAUSES = st.sampled_from([0.05, 1, 1, 3, 3, 7, 7, 25, 31, 130, 700, 3700, 90_000])
OUTCOME_EVENTS = {"AddOnInstalled", "InstallFailed"}
ENDED = (State.FAILED, State.UNINSTALLED)


class InstallationMachine(RuleBasedStateMachine):
    """One installation and its world."""

    replies = Bundle("replies")

    def __init__(self) -> None:
        super().__init__()
        self.story = Story()
        self.unsent: list[int] = [1]
        self.begun: list[Flight] = []
        self.answers: dict[tuple[Kind, int, int], set[Result]] = {}
        self.outcome = Outcome.PENDING
        self.closed = False
        self.made_again = 0

    @initialize(
        hooks=st.sampled_from([("INSTALLED", "DELETED")] * 5 + [("INSTALLED",), ("DELETED",), ()]),
        if_unavailable=st.sampled_from(["wait", "wait", "fail"]),
    )
    def add_on(self, hooks: tuple[str, ...], if_unavailable: str) -> None:
        self.story = Story(if_unavailable=if_unavailable)
        self.story.addon = addon(hooks={hook: f"/{hook}" for hook in hooks})

    # --- the world -------------------------------------------------------------------------------------------------

    def _after(self) -> None:
        """Learn what the last decision sent, and keep the document as it would be stored."""
        one = self.story.one
        assert from_document(to_document(one)) == one
        questions = [each.data.check for each in self.story.outgoing if isinstance(each.data, CheckWorkspace)]
        self.unsent += questions[self._known_questions :]
        self._known_questions = len(questions)
        flight = one.flight
        if flight is not None and name_of(flight) not in map(name_of, self.begun):
            self._begins(flight)

    _known_questions = 1

    def _begins(self, flight: Flight) -> None:
        self.begun.append(flight)
        one = self.story.one
        if flight.kind is Kind.INSTALLED:
            assert one.state in (State.DELIVERING, State.INSTALLED)
        else:
            assert one.state in ENDED
            silent = [each for each in self.begun if each.kind is Kind.INSTALLED and name_of(each) not in self.answers]
            assert all(each.quiet_at <= self.story.now for each in silent), "an INSTALLED may still be heard"

    @rule(pause=PAUSES)
    def time_passes(self, pause: float) -> None:
        self.story.after(pause)

    @rule(no_slot=RARELY, unavailable=SELDOM_DOWN, previous=RARELY, probe=st.booleans())
    def somebody_looks(self, no_slot: bool, unavailable: WaitingFor | None, previous: bool, probe: bool) -> None:
        self.story.due(lease=not no_slot, unavailable=unavailable, previous_open=previous, probe=probe)
        self._after()

    @rule()
    def time_passes_until_something_is_due(self) -> None:
        due_at = self.story.one.due_at
        if due_at is not None:
            self.story.now = max(self.story.now, due_at)
            assert self.story.due().verdict is Verdict.APPLIED, "it would be due for ever"
            self._after()

    @rule(target=replies, again=st.booleans())
    def kafka_takes_a_question_and_auth_answers(self, again: bool) -> WorkspaceChecked:
        number = self.unsent[-1] if again or len(self.unsent) == 1 else self.unsent.pop(0)
        self.story.when(CheckSent(number))
        self._after()
        return self.story.answer(check=number)

    @rule(reply=replies, no_slot=RARELY, unavailable=SELDOM_DOWN, bad=RARELY)
    def an_answer_arrives(
        self, reply: WorkspaceChecked, no_slot: bool, unavailable: WaitingFor | None, bad: bool
    ) -> None:
        answer = reply.model_copy(update={"verified": False}) if bad else reply
        around = self.story.around(lease=not no_slot, unavailable=unavailable)
        self.story.when(Checked(f"{reply.check}-{bad}", answer, around))
        self._after()

    @precondition(lambda self: self.begun)
    @rule(answer=ANSWERS, which=st.integers(0, 30), wait=st.sampled_from([None, 100]))
    def any_attempt_reports(self, answer: Answer, which: int, wait: int | None) -> None:
        """Any that was ever begun: at once, late, again, in any order."""
        self.an_attempt_reports(answer, which, wait)

    def an_attempt_reports(self, answer: Answer, which: int, wait: int | None) -> None:
        flight = self.begun[which % len(self.begun)]
        retry_after = None if wait is None else timedelta(seconds=wait)
        report = CallReported(flight.kind, flight.number, flight.attempt, replace(answer, retry_after=retry_after))
        self.answers.setdefault(name_of(flight), set()).add(answer.result)
        decision = self.story.when(report)
        self._after()
        if decision.verdict is Verdict.LATE:
            deleted = self.story.one.calls
            assert self.story.when(InstalledLate(flight.number, flight.attempt)).verdict is Verdict.APPLIED
            assert self.story.one.calls == deleted + 1
            self._after()

    @precondition(lambda self: self.begun)
    @rule(answer=ANSWERS)
    def the_newest_attempt_reports(self, answer: Answer) -> None:
        self.an_attempt_reports(answer, len(self.begun) - 1, None)

    @rule(really=RARELY)
    def cancelled(self, really: bool) -> None:
        if not really:
            return
        pending = self.story.one.pending
        verdict = self.story.when(CancelAsked(USER)).verdict
        assert (verdict is Verdict.APPLIED) == pending
        self._after()

    @rule(really=RARELY)
    def the_workspace_is_deleted(self, really: bool) -> None:
        if not really:
            return
        live = self.story.one.live
        assert (self.story.when(WorkspaceGone()).verdict is Verdict.APPLIED) == live
        assert not self.story.one.live
        self._after()

    @rule()
    def uninstalled(self) -> None:
        self.story.when(UninstallAsked(USER))
        self._after()

    @rule()
    def hurried(self) -> None:
        outcome = self.story.one.outcome
        self.story.when(RetryAsked(USER))
        assert self.story.one.outcome is outcome
        self._after()

    @rule()
    def redelivered(self) -> None:
        asked = self.story.when(RedeliveryAsked("operator"))
        self.made_again += asked.verdict is Verdict.APPLIED
        self._after()

    @rule(hooks=st.sampled_from([("INSTALLED", "DELETED")] * 3 + [("INSTALLED",), ("DELETED",)]))
    def a_newer_manifest_counts(self, hooks: tuple[str, ...]) -> None:
        present = self.story.one.snapshot
        if present is not None:
            lifecycle = {hook: f"/{hook}" for hook in hooks}
            newer = replace(present, manifest_version=present.manifest_version + 1, lifecycle=lifecycle)
            self.story.when(ManifestApplied(newer, "newer"))
            self._after()

    @rule(host=st.sampled_from("abc"))
    def called_elsewhere(self, host: str) -> None:
        self.story.when(BaseUrlMoved(f"https://{host}.example"))
        self._after()

    @rule()
    def succeeded(self) -> None:
        self.story.when(SuccessorWaits())
        self._after()

    # --- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def the_outcome_is_set_once_and_told_once(self) -> None:
        one = self.story.one
        assert self.outcome in (Outcome.PENDING, one.outcome)
        self.outcome = one.outcome
        told = [each.type for each in self.story.outgoing if each.type in OUTCOME_EVENTS]
        assert (
            told
            == {
                Outcome.PENDING: [],
                Outcome.INSTALLED: ["AddOnInstalled"],
                Outcome.FAILED: ["InstallFailed"],
            }[one.outcome]
        )
        assert (one.outcome is Outcome.FAILED) == (one.reason is not None) == (one.side is not None)

    @invariant()
    def events_are_numbered_without_gaps_and_ids_are_unique(self) -> None:
        events = [each for each in self.story.outgoing if each.seq is not None]
        assert [each.seq for each in events] == list(range(1, self.story.one.seq + 1))
        assert [each.id for each in events] == [f"{self.story.one.id}:{n}" for n in range(1, self.story.one.seq + 1)]
        ids = [each.id for each in self.story.outgoing]
        assert len(set(ids)) == len(ids)

    @invariant()
    def live_until_it_ends(self) -> None:
        assert self.story.one.live == (self.story.one.state not in ENDED)

    @invariant()
    def nothing_is_stranded(self) -> None:
        one = self.story.one
        unfinished = one.pending or one.cleanup is Cleanup.OWED or one.call is not None
        assert (one.due_at is not None) == unfinished
        assert one.pending == (one.waiting_for is not None)

    @invariant()
    def clean_up_is_owed_when_and_only_when_a_call_for_it_is_there(self) -> None:
        one = self.story.one
        if one.cleanup is Cleanup.OWED:
            assert one.state in ENDED
            assert one.call is not None
            assert one.call.kind is Kind.DELETED
        if one.cleanup is Cleanup.CLOSED:
            self.closed = True
        assert not self.closed or one.cleanup is Cleanup.CLOSED

    @invariant()
    def what_may_have_been_seen_is_cleaned_up(self) -> None:
        one = self.story.one
        wants = one.snapshot is not None and one.snapshot.declares(Kind.DELETED)
        if one.state is State.FAILED and wants and any(self._maybe_seen(each) for each in self.begun):
            assert one.cleanup is not Cleanup.NONE
        if one.state is State.UNINSTALLED:
            assert (one.cleanup is not Cleanup.NONE) == wants

    def _maybe_seen(self, flight: Flight) -> bool:
        """Whether the add-on may have heard this INSTALLED and not said no."""
        first = self.answers.get(name_of(flight), {Result.UNKNOWN})
        return flight.kind is Kind.INSTALLED and first <= {Result.OK, Result.UNKNOWN}

    @invariant()
    def rights_follow_the_state(self) -> None:
        one = self.story.one
        assert one.tokens_write == (one.state is State.INSTALLED)
        assert not (one.tokens_read and one.state in ENDED)

    @invariant()
    def an_attempt_belongs_to_the_present_call(self) -> None:
        one = self.story.one
        if one.flight is not None:
            assert one.call is not None
            assert (one.flight.kind, one.flight.number) == (one.call.kind, one.call.number)
            assert one.flight.attempt == one.call.attempt

    @invariant()
    def a_webhook_id_stands_for_one_logical_call(self) -> None:
        kinds = {(each.number, each.kind) for each in self.begun}
        assert len({number for number, _ in kinds}) == len(kinds)
        names = {webhook_id(self.story.one.id, kind, number) for number, kind in kinds}
        assert all("." not in name for name in names)

    @invariant()
    def retries_are_the_same_call(self) -> None:
        installed = {each.number for each in self.begun if each.kind is Kind.INSTALLED}
        assert len(installed) <= 1 + self.made_again

    @invariant()
    def history_tells_the_state(self) -> None:
        one = self.story.one
        steps = [(entry["source"], entry["target"]) for entry in one.history if entry["what"] == "state"]
        if steps:
            assert steps[-1][1] == one.state
        assert all(before[1] == after[0] for before, after in pairwise(steps))
        assert set(steps) <= {(row.source, row.target) for row in TABLE}
        assert [entry["n"] for entry in one.history] == list(range(one.steps - len(one.history) + 1, one.steps + 1))

    def teardown(self) -> None:
        """In a world that is well again, everything comes to an end by itself."""
        for _ in range(40):
            one = self.story.one
            if one.flight is not None:
                self.an_attempt_reports(Answer(Result.OK), len(self.begun) - 1, None)
            elif one.state in (State.REQUESTED, State.CHECKING) and one.check.sent_at is None:
                self.story.when(CheckSent(one.check.number))
            elif one.state is State.CHECKING:
                self.story.when(Checked(f"last-{one.check.number}", self.story.answer(), self.story.around()))
            elif one.due_at is not None:
                self.story.now = max(self.story.now, one.due_at)
                self.story.due()
            else:
                return
            self._after()
        raise AssertionError(f"it never ends: {self.story.one}")


def name_of(flight: Flight) -> tuple[Kind, int, int]:
    return flight.kind, flight.number, flight.attempt


TestInstallation = InstallationMachine.TestCase
TestInstallation.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
