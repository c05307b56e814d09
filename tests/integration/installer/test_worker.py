"""Several processes at work on one database: claims, leases, slots, deaths, generations that wait for each other."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from services.installer.domain import SCHEMA, Installation, Kind, lane_of
from services.installer.handlers import CheckHandler
from services.installer.saga.decide import Saga
from services.installer.saga.inputs import (
    Answer,
    CallReported,
    Checked,
    Decision,
    Due,
    Input,
    Lease,
    Result,
    Surroundings,
    UninstallAsked,
)
from shared.contracts.auth import Plan, Role, WorkspaceChecked
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import Cleanup, State
from shared.contracts.reasons import WaitingFor
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database
from shared.plumbing.outcomes import Outcome
from tests.integration.installer.processes import Process, Sent, Wire, checking, limits, raw, requested
from tests.unit.installer.story import NOT_SEEN, OK, TIMEOUT, USER, addon
from tests.users import new_id
from tests.waiting import eventually

Make = Callable[..., Awaitable[Process]]
LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def process(database: Database, clock: DatabaseClock, wire: Wire) -> AsyncIterator[Make]:
    """Makes processes; all are stopped at the end."""
    made: list[Process] = []

    async def make(name: str, *, start: bool = True, **other: Any) -> Process:
        one = Process(database, clock, wire, name, **other)
        made.append(one)
        await one.store.prepare()
        if start:
            one.start()
        return one

    yield make
    for one in made:
        await one.die()


def reply(one: Installation) -> Envelope[Message]:
    facts: dict[str, Any] = {"found": True, "active": True, "role": Role.OWNER, "verified": True, "plan": Plan.PRO}
    data = WorkspaceChecked(
        installation_id=one.id,
        check=one.check.number,
        workspace_id=one.workspace_id,
        user_id=one.user_id,
        **facts,
    )
    return Envelope(
        id=f"reply-{one.id}-{one.check.number}",
        source="/souk/auth",
        subject=one.id,
        time=one.requested_at,
        data=data,
        correlation_id="c",
        causation_id=None,
    )


async def answered(process: Process, ones: Sequence[Installation]) -> Sequence[Outcome]:
    """Auth's answers for these arrive at `process`."""
    handle = CheckHandler(process.store, process.lookout, process.worker)
    return await handle([reply(one) for one in ones])


async def in_checking(process: Process, number: int, **other: Any) -> list[Installation]:
    ones = [await requested(process.store, **other) for _ in range(number)]
    for one in ones:
        await checking(process.store, one)
    return ones


async def reach(process: Process, ones: Sequence[Installation], state: State) -> None:
    async def there() -> bool:
        which = {"_id": {"$in": [one.id for one in ones]}, "state": state}
        return await process.store.collection.count_documents(which) == len(ones)

    await eventually(there)


def attempts(wire: Wire, kind: Kind = Kind.INSTALLED) -> Counter[tuple[str, int, int]]:
    return Counter((sent.installation_id, sent.number, sent.attempt) for sent in wire.sent if sent.kind is kind)


async def test_a_batch_of_answers_begins_its_calls_at_once(process: Make, wire: Wire) -> None:
    one = await process("p1", start=False)
    ones = await in_checking(one, 50)
    assert set(await answered(one, ones)) == {Outcome.DONE}
    await reach(one, ones, State.INSTALLED)
    assert len(wire.sent) == 50
    assert one.slots.free(lane_of("timer", Kind.INSTALLED)) == limits().slots_per_addon
    assert set(await answered(one, ones)) <= {Outcome.DUPLICATE, Outcome.SUPERSEDED}
    assert len(wire.sent) == 50


async def test_an_answer_for_an_unknown_installation_is_superseded(process: Make) -> None:
    one = await process("p1", start=False)
    other = await process("p2", start=False)
    (installation,) = await in_checking(other, 1)
    await other.store.collection.delete_one({"_id": installation.id})
    assert await answered(one, [installation]) == [Outcome.SUPERSEDED]


async def test_three_processes_begin_each_due_attempt_once(process: Make, wire: Wire) -> None:
    first = await process("p1", start=False)
    ones = await in_checking(first, 300)
    around = Surroundings(addon=addon())  # nobody has a slot, so all become due
    await first.store.apply([(one.id, Checked(one.id, reply(one).data, around)) for one in ones])  # type: ignore[arg-type] # a WorkspaceChecked
    patient = {"lease": "60"}  # a busy machine may take a while, and a call whose lease is over is repeated
    await asyncio.gather(*(process(name, **patient) for name in ("p2", "p3", "p4")))
    await reach(first, ones, State.INSTALLED)
    assert set(attempts(wire).values()) == {1}
    assert len(wire.sent) == 300
    assert len({sent.process for sent in wire.sent}) == 3, "nobody had it all"


async def test_what_was_written_and_never_sent_is_sent_when_the_lease_is_over(
    process: Make, wire: Wire, clock: DatabaseClock
) -> None:
    first = await process("p1", start=False)
    ones = await in_checking(first, 5)
    around = Surroundings(addon=addon(), lease=Lease("dead", clock.now() + limits().lease))
    await first.store.apply([(one.id, Checked(one.id, reply(one).data, around)) for one in ones])  # type: ignore[arg-type] # a WorkspaceChecked
    await process("p2")
    await reach(first, ones, State.INSTALLED)
    assert {sent.attempt for sent in wire.sent} == {2}


async def test_a_dead_process_is_replaced_after_its_leases(process: Make, wire: Wire) -> None:
    async def hang_at_first(sent: Sent) -> Answer:
        if sent.process == "p1":
            await asyncio.sleep(60)
        return OK

    wire.behave = hang_at_first
    first = await process("p1")
    ones = await in_checking(first, 20)
    await answered(first, ones)
    await eventually(lambda: len(wire.sent) >= 20)
    await first.die()
    second = await process("p2")
    await reach(second, ones, State.INSTALLED)
    assert {(sent.process, sent.number, sent.attempt) for sent in wire.sent} == {("p1", 1, 1), ("p2", 1, 2)}


async def test_a_process_that_is_told_to_stop_lets_its_calls_end_and_begins_none(process: Make, wire: Wire) -> None:
    let_go = asyncio.Event()

    async def wait(_: Sent) -> Answer:
        await let_go.wait()
        return OK

    wire.behave = wait
    first = await process("p1")
    ones = await in_checking(first, 2)
    await answered(first, ones[:1])
    await eventually(lambda: wire.sent)
    stopping = asyncio.create_task(first.stop())
    await eventually(lambda: first.slots.free("timer/INSTALLED") == 0)

    await answered(first, ones[1:])  # a batch that its consumer had begun
    assert len(wire.sent) == 1
    let_go.set()
    await stopping
    await reach(first, ones[:1], State.INSTALLED)
    second = await process("p2")
    await reach(second, ones, State.INSTALLED)
    assert {(sent.process, sent.attempt) for sent in wire.sent} == {("p1", 1), ("p2", 1)}


async def test_clean_ups_are_not_counted_for_health(process: Make, wire: Wire) -> None:
    """The breaker does not stop them, so an add-on that only fails at them stays open to installs."""
    first = await process("p1")
    ones = await in_checking(first, 1)
    await answered(first, ones)
    await reach(first, ones, State.INSTALLED)
    first.health.counted.clear()
    await first.store.apply([(ones[0].id, UninstallAsked(ones[0].user_id))])
    await eventually(lambda: attempts(wire, Kind.DELETED))
    await reach(first, ones, State.UNINSTALLED)
    assert first.health.counted == []


async def test_attempts_are_forgotten_after_their_retention(process: Make, wire: Wire, database: Database) -> None:
    first = await process("p1")
    ones = await in_checking(first, 1)
    await answered(first, ones)
    await reach(first, ones, State.INSTALLED)

    (kept,) = await database["delivery_attempts"].find().to_list()
    assert kept["forget_at"] - kept["at"] == timedelta(days=30)
    await first.store.attempts.prepare()
    indexes = await database["delivery_attempts"].index_information()
    assert indexes["forget"]["expireAfterSeconds"] == 0
    assert indexes["forget"]["key"] == [("forget_at", 1)]


async def test_a_living_process_keeps_a_slow_call(process: Make, wire: Wire) -> None:
    async def slow(_: Sent) -> Answer:
        await asyncio.sleep(4.5)  # longer than a lease
        return OK

    wire.behave = slow
    first = await process("p1")
    await process("p2")
    ones = await in_checking(first, 3)
    await answered(first, ones)
    await reach(first, ones, State.INSTALLED)
    assert {(sent.process, sent.attempt) for sent in wire.sent} == {("p1", 1)}


async def test_two_processes_that_both_believe_they_own_a_call_do_no_harm(process: Make, wire: Wire) -> None:
    """The first is stopped for longer than its lease and wakes up with its answer."""
    awake = asyncio.Event()

    async def behave(sent: Sent) -> Answer:
        if sent.process == "p1":
            await awake.wait()
        return OK

    wire.behave = behave
    first = await process("p1", start=False)  # so nothing prolongs its leases
    ones = await in_checking(first, 10)
    await answered(first, ones)
    second = await process("p2")
    await eventually(lambda: len(wire.sent) >= 20)
    awake.set()
    await reach(second, ones, State.INSTALLED)
    for one in ones:
        document = await first.store.collection.find_one({"_id": one.id})
        assert document is not None
        assert document["seq"] == 2


async def test_an_add_on_that_hangs_fills_its_own_slots_only(process: Make, wire: Wire) -> None:
    async def behave(sent: Sent) -> Answer:
        if sent.installation_id in slow:
            await asyncio.sleep(60)
        return OK

    wire.behave = behave
    first = await process("p1", slots_per_addon=5, slots=50)
    hanging = await in_checking(first, 40, addon_key="hanging")
    slow = {one.id for one in hanging}
    await answered(first, hanging)
    quick = await in_checking(first, 40, addon_key="quick")
    await answered(first, quick)
    await reach(first, quick, State.INSTALLED)
    assert len([sent for sent in wire.sent if sent.installation_id in slow]) == 5
    assert first.slots.free("hanging/INSTALLED") == 0
    assert first.slots.free("hanging/DELETED") > 0


async def test_failing_calls_are_counted_for_health(process: Make, wire: Wire) -> None:
    async def behave(_: Sent) -> Answer:
        return NOT_SEEN if len(wire.sent) < 3 else OK

    wire.behave = behave
    first = await process("p1")
    ones = await in_checking(first, 1)
    await answered(first, ones)
    await reach(first, ones, State.INSTALLED)
    assert [answer.result for _, answer in first.health.counted] == [Result.NOT_SEEN, Result.NOT_SEEN, Result.OK]


async def test_a_bug_while_calling_is_ours_and_may_have_been_seen(process: Make, wire: Wire) -> None:
    async def behave(_: Sent) -> Answer:
        if len(wire.sent) == 1:
            raise ZeroDivisionError
        return OK

    wire.behave = behave
    first = await process("p1")
    ones = await in_checking(first, 1)
    await answered(first, ones)
    await reach(first, ones, State.INSTALLED)
    assert len(wire.sent) == 2


async def test_a_breaker_or_a_notice_makes_wait_and_its_end_makes_go_on(process: Make, wire: Wire) -> None:
    async def behave(_: Sent) -> Answer:
        return TIMEOUT if first.health.obstacles or not wire.sent[5:] else OK

    wire.behave = behave
    first = await process("p1", retry_schedule="0,30")
    ones = await in_checking(first, 5)
    await answered(first, ones)
    await eventually(lambda: len(wire.sent) >= 5)
    first.health.obstacles["timer"] = WaitingFor.ADDON
    more = await in_checking(first, 5)
    await answered(first, more)
    await reach(first, [*ones, *more], State.WAITING)
    first.health.obstacles["timer"] = WaitingFor.MAINTENANCE
    first.health.obstacles.clear()
    await reach(first, [*ones, *more], State.INSTALLED)


async def test_the_next_generation_follows_at_the_heels_of_the_clean_up(process: Make, wire: Wire) -> None:
    refuse = True

    async def behave(sent: Sent) -> Answer:
        return TIMEOUT if sent.kind is Kind.DELETED and refuse else OK

    wire.behave = behave
    first = await process("p1", reask_after="600", cleanup_schedule="0,0.3")
    workspace = new_id()
    ones = await in_checking(first, 1, workspace_id=workspace)
    await answered(first, ones)
    await reach(first, ones, State.INSTALLED)
    await first.store.ask(ones[0].id, UninstallAsked(USER))
    nexts = await in_checking(first, 1, workspace_id=workspace)
    await answered(first, nexts)
    await reach(first, nexts, State.WAITING)
    refuse = False
    await reach(first, nexts, State.INSTALLED)
    before = await first.store.find(ones[0].id)
    assert before is not None
    assert (before.cleanup, before.superseded) == (Cleanup.CLOSED, True)


async def test_an_installed_that_was_heard_late_is_followed_by_another_deleted(process: Make, wire: Wire) -> None:
    awake = asyncio.Event()

    async def behave(sent: Sent) -> Answer:
        if sent.process == "p1":
            await awake.wait()
        return OK

    wire.behave = behave
    first = await process("p1", start=False)
    ones = await in_checking(first, 1)
    await answered(first, ones)
    await eventually(lambda: wire.sent)
    second = await process("p2")
    await reach(second, ones, State.INSTALLED)
    await second.store.ask(ones[0].id, UninstallAsked(USER))
    await eventually(lambda: is_closed(second, ones[0]))
    awake.set()
    await eventually(lambda: len(wire.sent) >= 4)
    kinds = [(sent.kind, sent.number) for sent in wire.sent]
    assert kinds == [(Kind.INSTALLED, 1), (Kind.INSTALLED, 1), (Kind.DELETED, 2), (Kind.DELETED, 3)]


async def test_unless_the_next_generation_lives_then_that_one_is_told_again(process: Make, wire: Wire) -> None:
    awake = asyncio.Event()

    async def behave(sent: Sent) -> Answer:
        if sent.process == "p1":
            await awake.wait()
        return OK

    wire.behave = behave
    workspace = new_id()
    first = await process("p1", start=False)
    ones = await in_checking(first, 1, workspace_id=workspace)
    await answered(first, ones)
    await eventually(lambda: wire.sent)
    second = await process("p2")
    await reach(second, ones, State.INSTALLED)
    await second.store.ask(ones[0].id, UninstallAsked(USER))
    await eventually(lambda: is_closed(second, ones[0]))
    nexts = await in_checking(second, 1, workspace_id=workspace)
    await answered(second, nexts)
    await reach(second, nexts, State.INSTALLED)
    count = len(wire.sent)
    awake.set()
    await eventually(lambda: len(wire.sent) > count)
    last = wire.sent[-1]
    assert (last.installation_id, last.kind, last.number) == (nexts[0].id, Kind.INSTALLED, 2)


async def test_results_wait_for_the_database_and_are_not_lost(process: Make, wire: Wire) -> None:
    first = await process("p1")
    ones = await in_checking(first, 3)
    real = first.store.apply
    failures = 0

    async def failing(inputs: Any, **how: Any) -> Any:
        nonlocal failures
        if failures < 3 and any(isinstance(message, CallReported) for _, message in inputs):
            failures += 1
            raise TimeoutError
        return await real(inputs, **how)

    first.store.apply = failing  # type: ignore[method-assign] # a database that is away
    await answered(first, ones)
    await reach(first, ones, State.INSTALLED)
    assert failures == 3
    assert set(attempts(wire).values()) == {1}


async def is_closed(process: Process, one: Installation) -> bool:
    found = await process.store.find(one.id)
    return found is not None and found.cleanup is Cleanup.CLOSED


async def test_an_answer_for_what_a_newer_release_wrote_waits_there_and_is_taken_up_by_it(
    process: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = await process("older", start=False)
    (one,) = await in_checking(older, 1)
    newer = {"$set": {"schema": SCHEMA + 1}, "$inc": {"version": 1}}
    await older.store.collection.update_one({"_id": one.id}, newer)
    older.store._recent.clear()

    await answered(older, [one])
    assert await older.rounds.due() is False

    document = await raw(older.store, one.id)
    assert (document["state"], [entry["type"] for entry in document["parked"]]) == ("CHECKING", ["Checked"])
    for module in ("services.installer.store", "services.installer.storage.queries"):
        monkeypatch.setattr(f"{module}.SCHEMA", SCHEMA + 1)
    await process("newer")
    await reach(older, [one], State.INSTALLED)


async def test_what_is_parked_under_a_call_does_not_begin_it_once_more(process: Make, wire: Wire) -> None:
    older = await process("older", start=False)
    (one,) = await in_checking(older, 1)
    flight = {"owner": "other", "kind": "INSTALLED", "number": 1, "attempt": 1, "until": LATER}
    await older.store.collection.update_one({"_id": one.id}, {"$set": {"schema": SCHEMA + 1, "flight": flight}})
    older.store._recent.clear()
    await answered(older, [one])
    assert (await raw(older.store, one.id))["due_at"] == LATER


async def test_one_that_cannot_be_read_keeps_no_other_back(process: Make, wire: Wire) -> None:
    """What another release has written, and this one has no word for."""
    one = await process("p1", start=False)
    unread, *others = await in_checking(one, 4)
    await one.store.collection.update_one({"_id": unread.id}, {"$set": {"workspace.plan": "PLATINUM"}})
    due = {"due_at": datetime.now(UTC) - timedelta(seconds=1)}
    await one.store.collection.update_many({"_id": {"$in": [each.id for each in (unread, *others)]}}, {"$set": due})

    around = Surroundings()
    decisions = await one.store.apply([(each.id, Due(around)) for each in (unread, *others)], isolated=True)

    assert decisions[0] is None
    assert all(each is not None for each in decisions[1:])
    assert (await raw(one.store, unread.id))["due_at"] > datetime.now(UTC)
    with pytest.raises(ValueError, match="PLATINUM"):
        await one.store.apply([(unread.id, Due(around))])
    another = await process("p2", start=False)
    assert await another.store.peek([unread.id, others[0].id]) == {others[0].id: ANY}


async def test_one_that_cannot_be_decided_keeps_no_other_back(
    process: Make, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await process("p1", start=False)
    poisoned, *others = await in_checking(one, 4)
    await answered(one, [poisoned, *others])
    decide = Saga.decide

    def with_a_bug(self: Saga, installation: Installation, message: Input, now: datetime) -> Decision:
        if installation.id == poisoned.id:
            raise ValueError("a bug")
        return decide(self, installation, message, now)

    monkeypatch.setattr(Saga, "decide", with_a_bug)
    one.start()

    await reach(one, others, State.INSTALLED)

    async def put_off() -> bool:
        due_at: datetime = (await raw(one.store, poisoned.id))["due_at"]
        return due_at > datetime.now(UTC) + timedelta(seconds=30)

    await one.store.collection.update_one({"_id": poisoned.id}, {"$set": {"due_at": datetime.now(UTC)}})
    await eventually(put_off)
